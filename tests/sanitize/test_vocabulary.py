from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from replay.routes import interface_words
from replay.sanitize.vocabulary import (
    is_known_name,
    is_password_name,
    is_random_name,
    is_secret_name,
    is_time_name,
    parts,
)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "orderId",
        "created_at",
        "items[0][sku]",
        "address_line_2",
        "X-Request-Id",
        "q",
        "x1",
        "oauth2",
        "JSESSIONID",
        "@type",
        "first-name",
        "utm_source",
    ],
)
def test_a_name_of_interfaces_is_known(name: str) -> None:
    assert is_known_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "alice",
        "alice_id",
        "f9c2b7e1d4",
        "a1b2",
        "user123",
        "u42",
        "order_1234567",
        "ann@birdsong.org",
        "é",
        "x" * 65,
        "id id",
        "123",
        "a b",
        "order-1-2-3",
        "mark.grant@bank.org",
        "price$mark",
        "------",
    ],
)
def test_a_name_that_could_be_data_is_not(name: str) -> None:
    assert not is_known_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "newPassword",
        "X-Api-Key",
        "csrfToken",
        "CSRFToken",
        "session_id",
        "user.pass",
        "cvv2",
        "client-secret",
        "accessToken",
        "ACCESS_TOKEN",
    ],
)
def test_a_secret_is_known_by_its_name_however_it_is_spelled(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["author", "page", "compass", "keyboard", "passenger", "monkey", "sku"])
def test_a_name_that_only_holds_a_secrets_letters_is_none(name: str) -> None:
    assert not is_secret_name(name)


def test_a_policy_adds_secrets() -> None:
    assert is_secret_name("voucherCode", frozenset({"voucher"}))


def test_times_and_random_codes_are_known_by_their_names() -> None:
    assert is_time_name("created_at")
    assert is_time_name("expiresOn") is False
    assert is_time_name("iat")
    assert is_time_name("created_before")
    assert is_time_name("start_time")
    assert not is_time_name("attempts")
    assert is_random_name("card_cvv")
    assert not is_random_name("spinner")


def test_parts_are_cut_at_case_digits_and_punctuation() -> None:
    assert parts("XMLHttpRequest2_of-me") == ("xml", "http", "request", "2", "of", "me")


def test_the_words_hold_no_common_given_name() -> None:
    names = (
        "james mary robert patricia michael linda david anna peter hans maria fatima wei yuki ivan olga ahmed sofia"
    )

    assert not interface_words() & set(names.split())


@pytest.mark.parametrize("name", ["@type", "$ref", "__typename", "-", "billing_address_line_1"])
def test_a_name_may_begin_with_a_mark(name: str) -> None:
    assert is_known_name(name)


@pytest.mark.parametrize("name", ["after", "before", "start", "end", "due", "paid", "amount_paid"])
def test_a_bound_alone_names_no_time(name: str) -> None:
    assert not is_time_name(name)


@pytest.mark.parametrize("asked", [parts, is_known_name, is_password_name, is_secret_name, is_time_name])
def test_names_that_are_too_long_to_be_names_are_not_remembered(asked: Callable[[str], object]) -> None:
    def kept_bytes(letters: int) -> int:
        asked("warm" * letters)
        tracemalloc.start()
        for number in range(20):
            asked(f"{number} " + "ab1" * letters)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert kept_bytes(5_000) < 100_000
