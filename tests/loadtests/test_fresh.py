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
        ("random", b"Ab-12", rb"[A-Z][a-z]-[1-9]{2}"),
        ("unique", b"ann%40x.example", rb"[a-z]{3}%40[a-z]\.[a-z]{7}"),
        ("unique", b"ann7@x.example", rb"[a-z]{3}[1-9]@x\.example"),
        ("random", rb"a\u00e9\"b", rb"[a-z]\\u00e9\\\"[a-z]"),
        ("random", b"5f0c1e9ab2d44a7f", rb"[1-9a-f]{16}"),
        (
            "random",
            b"5f0c1e9a-b2d4-4a7f-8C0D-00000000000e",
            rb"[1-9a-f]{8}(-[1-9a-f]{4}){2}-[1-9A-F]{4}-[1-9]{11}[a-f]",
        ),
        ("random", b"item_5F0C1E9A.xy", rb"[a-z]{4}_[1-9A-F]{8}\.[a-z]{2}"),
        ("random", b"5f0c1e9ag", rb"[1-9][a-z][1-9][a-z][1-9][a-z][1-9][a-z][a-z]"),
        ("random", b"12345678", rb"[1-9]{8}"),
        ("time", b"1700000000", rb"1790000000"),
        ("time", b"1700000000000", rb"1790000000250"),
        ("time", b"2036-01-01T00:00:00Z", rb"2026-09-21T14:13:20Z"),
    ],
)
def test_a_value_keeps_its_shape(sort: str, recorded: bytes, shape: bytes) -> None:
    assert re.fullmatch(shape, made(sort, recorded, random.Random(1), NOW_S))


def test_a_uuid_is_one_and_no_two_are_alike() -> None:
    dice = random.Random(1)
    found = [made("uuid", b"x", dice, NOW_S) for _ in range(100)]

    assert len({uuid.UUID(each.decode()).version for each in found}) == 1
    assert len(set(found)) == 100
