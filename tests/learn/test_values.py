from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.learn.values import (
    LONGEST_VALUE,
    MOST_BITS,
    bits_a_character,
    guard_of,
    is_barred,
    is_plain_name,
    is_vocabulary,
    sort_of,
)
from replay.sanitize.veto import vetoed


@pytest.mark.parametrize(
    "value", ["red", "lamps", "price_desc", "inStock", "XL", "sort:asc", "web 2", "-created", "EUR"]
)
def test_a_short_word_is_vocabulary(value: str) -> None:
    assert is_vocabulary(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "pk8Zq2Lw",
        "kQzPwXrT",
        "pkZqLw",
        "qwrtpsdf",
        "a1b2c3",
        "alice@x.org",
        "1234567",
        "x" * 25,
        "abcdefghijk",
        "a\nb",
        "é",
        '"',
    ],
)
def test_what_may_be_a_key_or_an_id_is_no_vocabulary(value: str) -> None:
    assert not is_vocabulary(value)


@given(st.text(max_size=40))
def test_no_vocabulary_is_beyond_the_bounds(value: str) -> None:
    if is_vocabulary(value):
        assert len(value) <= LONGEST_VALUE
        assert bits_a_character(value) <= MOST_BITS
        assert not vetoed(value)


@given(st.binary(min_size=8, max_size=12))
def test_no_hexadecimal_token_is_vocabulary_or_a_name(raw: bytes) -> None:
    token = raw.hex()

    assert not is_vocabulary(token)
    assert not is_plain_name(token) or sum(c.isdigit() for c in token) <= 3


@pytest.mark.parametrize(
    "name", ["sku_group", "loyalty_points", "X-Shop-Region", "utm2", "regionalGroup", "dynamic-dns-with-dhcp"]
)
def test_a_name_of_words_may_be_listed(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "alice@example.org",
        "u12345",
        "",
        "a b",
        "pk8Zq2Lw",
        "kQzPwXrT",
        "a1b2",
        "qwrtpsdf",
        "ghp_abcdefghijklmnopqrstuvwxyz0123",
    ],
)
def test_a_name_that_is_data_may_not_be_listed(name: str) -> None:
    assert not is_plain_name(name)


@pytest.mark.parametrize("name", ["sessionToken", "email", "user_id", "firstName", "created_at", "cvv", "postcode"])
def test_names_of_secrets_persons_and_times_are_barred(name: str) -> None:
    assert is_barred(name)


@pytest.mark.parametrize("name", ["product_id", "category", "page", "currency", "quantity"])
def test_names_of_things_are_not_barred(name: str) -> None:
    assert not is_barred(name)


@pytest.mark.parametrize(
    ("value", "sort"), [("12", "int"), ("-3", "int"), ("19.99", "decimal"), ("AB-1", "word"), ("", "word")]
)
def test_the_sort_of_a_value(value: str, sort: str) -> None:
    assert sort_of(value) == sort


@pytest.mark.parametrize(
    ("sort", "shared", "name", "guard"),
    [
        ("int", {"7", "4711"}, "product_id", "int<=4digits"),
        ("int", {"1"}, "page", "int<=1digits"),
        ("int", {"4711"}, "app_number", None),
        ("int", {"4915112345678", "4915112345679"}, "number", None),
        ("decimal", {"1.50", "2.75"}, "price", "decimal"),
        ("word", {"AB-1", "AB-2"}, "sku", "code"),
        ("word", {"1.2.3", "1.2.4"}, "version", "semver"),
        ("word", {"en", "de-DE"}, "lang", "iso-lang"),
        ("word", {"EUR"}, "currency", "iso4217"),
        ("word", {"en", "de"}, "group", "enum"),
        ("word", {"true", "false"}, "in_stock", "bool"),
        ("word", {"price_desc", "rating"}, "sort", "enum"),
        ("word", {"created_at:desc", "rating"}, "sort", "sort"),
        ("word", {"zorblat"}, "group", None),
        ("word", {"active"}, "group", "enum"),
        ("word", set(), "group", None),
    ],
)
def test_the_guard_is_the_narrowest_that_takes_the_shared_values(
    sort: str, shared: set[str], name: str, guard: str | None
) -> None:
    found = guard_of(sort, shared, (), name)

    assert (found.name if found else None) == guard
    assert found is None or all(map(found.accepts, shared))


def test_words_are_listed_where_values_have_several() -> None:
    found = guard_of("word", {"red lamp"}, {"red", "Lamp", "pk8Zq2Lw"}, "q")

    assert found is not None
    assert (found.name, found.values) == ("words", ("lamp", "red"))


def test_more_values_than_a_person_reads_are_a_shape() -> None:
    values = {f"{a}{b}lamp" for a in "abcdefghijkl" for b in "abcdefghijkl"}

    found = guard_of("word", values, (), "tag")

    assert found is not None
    assert (found.name, found.values) == ("slug", ())


def test_random_keys_are_seldom_taken_for_words() -> None:
    rng = random.Random(1)
    keys = ["".join(rng.choices(string.ascii_letters + string.digits, k=16)) for _ in range(2_000)]

    assert not any(map(is_vocabulary, keys))
    assert sum(map(is_plain_name, keys)) < 20
