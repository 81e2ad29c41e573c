"""Values made anew in the shape of those recorded."""

from __future__ import annotations

import random
import re
import uuid

import pytest

from loadtests.engine.fresh import made

NOW_S = 1_790_000_000.25


@pytest.mark.parametrize(
    ("sort", "recorded", "shape"),
    [
        ("random", "Ab-12", r"[A-Z][a-z]-[1-9]{2}"),
        ("unique", "ann@x.example", r"[a-z]{3}[a-z2-9]{7}@x\.example"),
        ("unique", "annabelle.miller7@x.example", r"[a-z]{9}\.[a-z]{6}[1-9]@x\.example"),
        ("unique", "+49 170 12345", r"\+[1-9]{2} [1-9]{3} [1-9]{5}"),
        ("random", 'a\u00e9"b', r'[a-z]\u00e9"[a-z]'),
        ("random", "5f0c1e9ab2d44a7f", r"[1-9a-f]{16}"),
        (
            "random",
            "5f0c1e9a-b2d4-4a7f-8C0D-00000000000e",
            r"[1-9a-f]{8}(-[1-9a-f]{4}){2}-[1-9A-F]{4}-[1-9]{11}[a-f]",
        ),
        ("random", "item_5F0C1E9A.xy", r"[a-z]{4}_[1-9A-F]{8}\.[a-z]{2}"),
        ("random", "5f0c1e9ag", r"[1-9][a-z][1-9][a-z][1-9][a-z][1-9][a-z][a-z]"),
        ("random", "12345678", r"[1-9]{8}"),
        ("time", "1700000000", r"1790000000"),
        ("time", "1700000000000", r"1790000000250"),
        ("time", "2036-01-01T00:00:00Z", r"2026-09-21T14:13:20Z"),
    ],
)
def test_a_value_keeps_its_shape(sort: str, recorded: str, shape: str) -> None:
    assert re.fullmatch(shape, made(sort, recorded, random.Random(1), NOW_S))


def test_a_uuid_is_one_and_no_two_are_alike() -> None:
    dice = random.Random(1)
    found = [made("uuid", "x", dice, NOW_S) for _ in range(100)]

    assert len({uuid.UUID(each).version for each in found}) == 1
    assert len(set(found)) == 100
