"""A tee passes everything on and keeps a bounded copy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.capture.bodies import Budget, Tee


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10), st.integers(0, 200), st.integers(0, 200))
def test_every_chunk_passes_and_the_copy_is_whole_or_none(chunks: list[bytes], cap: int, free: int) -> None:
    budget = Budget(free)
    tee = Tee(budget, cap)
    size = sum(map(len, chunks))

    assert [tee(chunk) for chunk in [*chunks, b""]] == [*chunks, b""]
    assert 0 <= budget.free_bytes <= free
    assert tee.size_bytes == size
    assert tee.take() == (b"".join(chunks) if size <= min(cap, free) else None)
    assert budget.free_bytes == free


def test_a_body_that_breaks_off_is_not_kept_and_frees_its_memory() -> None:
    budget = Budget(100)
    tee = Tee(budget, 100)
    tee(b"begin")

    assert tee.take() is None
    assert tee.take() is None
    assert budget.free_bytes == 100


def test_bodies_share_one_budget() -> None:
    budget = Budget(10)
    first, second = Tee(budget, 100), Tee(budget, 100)
    for tee in (first, second):
        tee(b"123456")
        tee(b"")

    assert (first.take(), second.take(), budget.free_bytes) == (b"123456", None, 10)
