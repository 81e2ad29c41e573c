from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.ff1 import FF1, _shape
from tests.sanitize.making import CORPORA, needs_corpora

CIPHER = FF1(bytes(range(32)))


@needs_corpora
def test_agrees_with_every_published_vector_of_an_allowed_domain() -> None:
    groups = json.loads((CORPORA / "crypto" / "aes_ff1_radix10_test.json").read_text())["testGroups"]
    vectors = [v for g in groups for v in g["tests"] if v["result"] == "valid" and len(v["msg"]) >= 6]

    assert len(vectors) > 3000
    for vector in vectors:
        assert encrypted(vector) == vector["ct"], vector["tcId"]


def encrypted(vector: dict[str, Any]) -> list[int]:
    digits = "".join(map(str, vector["msg"]))
    number = FF1(bytes.fromhex(vector["key"])).encrypt(int(digits), 10, len(digits), bytes.fromhex(vector["tweak"]))
    return [int(digit) for digit in f"{number:0{len(digits)}d}"]


@given(
    st.sampled_from([(10, 6), (10, 7), (10, 19), (10, 48), (26, 5), (26, 8), (2, 20), (2, 33), (36, 12)]), st.data()
)
def test_the_short_way_gives_what_the_general_one_gives(domain: tuple[int, int], data: st.DataObject) -> None:
    radix, length = domain
    number = data.draw(st.integers(0, radix**length - 1))

    assert CIPHER.encrypt(number, radix, length) == CIPHER._general(number, _shape(radix, length), radix, length, b"")


@given(st.lists(st.integers(5, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 26**n - 1))), min_size=1))
def test_numbers_of_several_lengths_are_encrypted_together_as_alone(drawn: list[tuple[int, int]]) -> None:
    lengths, numbers = [length for length, _ in drawn], [number for _, number in drawn]

    found = CIPHER.encrypt_all(np.array(numbers, np.uint64), 26, lengths)

    assert found.tolist() == [CIPHER.encrypt(number, 26, length) for length, number in drawn]


def test_a_domain_that_is_too_large_for_arrays_is_refused() -> None:
    with pytest.raises(ValueError, match="above 2"):
        CIPHER.encrypt_all(np.array([1], np.uint64), 26, [13])


def test_a_domain_below_a_million_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a million"):
        CIPHER.encrypt(1, 10, 5)


def test_a_number_outside_the_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the domain"):
        CIPHER.encrypt(10**6, 10, 6)
