from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.ff1 import MINIMUM_DOMAIN
from tests.sanitize.making import pseudonyms

MAP = pseudonyms()
DIGITS = st.text(string.digits, min_size=1, max_size=60)
LETTERS = st.text(string.ascii_letters, min_size=1, max_size=40)
CODES = st.text(string.ascii_letters + string.digits, min_size=2, max_size=15)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_short_numbers_are_permuted_one_to_one(size: int) -> None:
    numbers = [str(n) for n in range(10 ** (size - 1), 10**size)]

    images = [MAP.digits(n) for n in numbers]

    assert sorted(images) == sorted(numbers)
    assert images != numbers


@pytest.mark.parametrize("size", [1, 2])
def test_short_words_are_permuted_one_to_one(size: int) -> None:
    words = [""]
    for _ in range(size):
        words = [w + c for w in words for c in string.ascii_lowercase]

    assert sorted(map(MAP.letters, words)) == words


@given(st.sets(st.integers(10**7, 10**8 - 1), min_size=2, max_size=200))
def test_long_numbers_never_meet(numbers: set[int]) -> None:
    assert len({MAP.digits(str(n)) for n in numbers}) == len(numbers)


@given(st.lists(st.text(string.ascii_letters, min_size=1, max_size=8), min_size=1, max_size=60))
def test_many_words_become_what_each_becomes(words: list[str]) -> None:
    assert MAP.words(words) == [MAP.letters(word) for word in words]


@given(DIGITS)
def test_digits_keep_their_length_and_leading_zeros(run: str) -> None:
    image = MAP.digits(run)

    assert len(image) == len(run)
    assert image.isdigit()
    assert len(image) - len(image.lstrip("0")) == len(run) - len(run.lstrip("0"))


@pytest.mark.parametrize("edge", [2**31, 2**53, 2**63, 2**64])
@given(data=st.data())
def test_a_number_stays_on_its_side_of_a_machine_integer(edge: int, data: st.DataObject) -> None:
    below = data.draw(st.integers(10 ** (len(str(edge)) - 1), edge - 1))
    above = data.draw(st.integers(edge, 10 ** len(str(edge)) - 1))

    assert int(MAP.digits(str(below))) < edge
    assert int(MAP.digits(str(above))) >= edge


@given(LETTERS)
def test_letters_keep_length_and_case(run: str) -> None:
    image = MAP.letters(run)

    assert [c.isupper() for c in image] == [c.isupper() for c in run]
    assert image.isalpha()


@given(LETTERS)
def test_a_word_is_one_word_in_any_case(run: str) -> None:
    assert MAP.letters(run).lower() == MAP.letters(run.lower())


@given(CODES)
def test_a_code_keeps_the_class_of_every_character(run: str) -> None:
    image = MAP.code(run)

    assert [(c.isdigit(), c.isupper()) for c in image] == [(c.isdigit(), c.isupper()) for c in run]


@given(st.sets(st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z]{2}[0-9]{2}", fullmatch=True), min_size=2, max_size=60))
def test_codes_never_meet(codes: set[str]) -> None:
    assert len(set(map(MAP.code, codes))) == len(codes)


@given(st.sets(st.from_regex(r"[0-9][a-f][0-9][a-f0-9]{5,6}", fullmatch=True), min_size=2, max_size=40))
def test_short_hexadecimal_runs_never_meet_and_stay_such(runs: set[str]) -> None:
    images = set(map(MAP.hex, runs))

    assert len(images) == len(runs)
    assert all(re.search("[0-9]", image) and re.search("[a-f]", image) for image in images)


@given(st.text(string.ascii_letters + string.digits, min_size=16, max_size=80))
def test_a_token_stays_in_its_alphabets(run: str) -> None:
    image = MAP.token(run)

    assert len(image) == len(run)
    for is_of_class in (str.isdigit, str.isupper, str.islower):
        assert any(map(is_of_class, image)) == any(map(is_of_class, run))


@given(st.text(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_foreign_text_keeps_its_length_in_characters_and_bytes(run: str) -> None:
    image = MAP.foreign(run)

    assert len(image) == len(run)
    assert len(image.encode()) == len(run.encode())


@given(st.sets(st.text("äöüßéèñçåøæþðÄÖÜжщыэюλπχ東京大阪가나다", min_size=1, max_size=4), min_size=2, max_size=30))
def test_foreign_words_never_meet(words: set[str]) -> None:
    assert len(set(map(MAP.foreign, words))) == len(words)


def test_foreign_text_keeps_its_script_case_and_punctuation() -> None:
    image = MAP.foreign("Żółć…«Щука»東京")

    assert image[4:6] == "…«"
    assert [c.isupper() for c in image] == [c.isupper() for c in "Żółć…«Щука»東京"]
    assert "а" <= image[7] <= "ѿ"
    assert all("一" <= c <= "鿿" for c in image[-2:])


@pytest.mark.parametrize("size", [1, 2, 10, 999, 4096])
def test_every_small_domain_is_permuted(size: int) -> None:
    assert sorted(MAP.permute("test", n, size) for n in range(size)) == list(range(size))


@given(st.integers(MINIMUM_DOMAIN, 2**70), st.data())
def test_large_domains_map_into_themselves(size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, size - 1))

    assert 0 <= MAP.permute("test", number, size) < size


@given(
    st.sampled_from(["digits", "letters", "code", "token", "hex"]),
    st.from_regex(r"[a-f][0-9][a-f][0-9]{3}", fullmatch=True),
)
def test_the_same_key_gives_the_same_map_and_another_key_another(way: str, run: str) -> None:
    if way == "digits":
        run = "7" + "".join(c for c in run if c.isdigit()) * 3
    if way == "letters":
        run = "".join(c for c in run if c.isalpha()) * 5

    assert getattr(pseudonyms(), way)(run * 2) == getattr(pseudonyms(), way)(run * 2)
    assert getattr(pseudonyms(), way)(run * 2) != getattr(pseudonyms(8), way)(run * 2)
