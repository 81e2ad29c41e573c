from __future__ import annotations

from sys import getsizeof

from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.recent import Recent


def doubling(most_bytes: int) -> tuple[Recent[str, str], list[str]]:
    """A map that holds what it makes, and what it was asked to make."""
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        recent.keep(key, key + key)
        return key + key

    recent = Recent[str, str](make, most_bytes)
    return recent, made


def test_a_value_is_made_once() -> None:
    recent, made = doubling(10_000)

    assert [recent["a"], recent["a"], recent["b"]] == ["aa", "aa", "bb"]
    assert made == ["a", "b"]


def test_what_is_not_kept_is_made_again() -> None:
    asked: list[str] = []
    recent = Recent[str, str](lambda key: asked.append(key) or key, 10_000)  # type: ignore[func-returns-value]

    assert [recent["a"], recent["a"]] == ["a", "a"]
    assert asked == ["a", "a"]


def test_what_is_in_use_stays_and_the_rest_goes() -> None:
    recent, made = doubling(4_000)
    for number in range(100):
        assert recent["used"] == "usedused"
        assert recent[str(number)] == 2 * str(number)

    assert made.count("used") == 1
    assert recent["0"] == "00"
    assert made.count("0") == 2


def test_what_is_large_is_not_held() -> None:
    recent, _ = doubling(1 << 20)

    assert recent["x" * 5_000] == "x" * 10_000
    assert not recent


def test_many_are_held_at_once_and_take_what_they_take() -> None:
    recent, made = doubling(4_000)
    recent.keep_all({str(number): 2 * str(number) for number in range(10)})
    assert [recent[str(number)] for number in range(10)] == [2 * str(number) for number in range(10)]
    assert not made

    recent.keep_all({str(number): 2 * str(number) for number in range(10, 19)})
    recent.keep_all({str(number): 2 * str(number) for number in range(20, 29)})

    assert recent["5"] == "55"
    assert made == ["5"]


@given(st.lists(st.text(max_size=300), max_size=200))
def test_it_is_right_whatever_is_asked_and_never_larger_than_it_may_be(keys: list[str]) -> None:
    recent, _ = doubling(5_000)
    for key in keys:
        assert recent[key] == key + key
        held = [*recent.items(), *recent._older.items()]
        assert sum(getsizeof(name) + getsizeof(value) for name, value in held) <= 5_000
