"""How often reads repeat each other."""

from __future__ import annotations

import pytest

from replay.repetition import Repetition, RepetitionCounter, _Different
from tests.factories import exchange


def test_reads_are_counted_by_address_and_by_key() -> None:
    counter = RepetitionCounter()
    for path in ("/p/1", "/p/1", "/p/1?page=2", "/p/2", "/about"):
        counter.add(exchange(path, route="GET /about" if path == "/about" else "GET /p/{int}"))
    counter.add(exchange("/p/1", route="GET /p/{int}", host="other.example"))
    counter.add(exchange("/p/3", route="POST /p/{int}", method="POST"))

    found = counter.found()

    assert found == Repetition(reads=6, addresses=5, keyed=5, keys=3)
    assert found.times(2.5) == Repetition(reads=15, addresses=5, keyed=12, keys=3)


@pytest.mark.parametrize("many", [1_000, 50_000])
def test_the_number_of_different_texts_is_within_a_thousandth(many: int) -> None:
    different = _Different()
    for number in (*range(many), *range(0, many, 3)):
        different.add(f"shop.example /products/{number}?page={number % 7}")

    assert different.number() == pytest.approx(many, rel=0.001)
