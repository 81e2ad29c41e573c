"""Links found in captures of small services, against those that their code makes."""

from __future__ import annotations

from functools import cache

import pytest

from replay.exchange import Exchange
from replay.plan.links.detect import detect
from replay.plan.links.rules import Rules
from replay.sanitize.policy import load_policy
from tests.factories import exchange
from tests.services.recorded import SERVICES, START_S, as_they_were, recorded, sanitised

VISITORS = 12


@cache
def capture(service: type) -> tuple[list[Exchange], list[Exchange]]:
    """The same visits, sanitised and raw."""
    raw = recorded(service, VISITORS)
    clean = list(sanitised(raw, load_policy("builtin:strict")))
    return clean, list(as_they_were(raw, clean))


def pairs(rules: Rules) -> set[tuple[str, str, str, str]]:
    return {(link.from_, link.read, route, link.written) for link in rules.link for route in link.to}


def anew(rules: Rules) -> set[tuple[str, str, str]]:
    return {(route, fresh.written, fresh.sort) for fresh in rules.fresh for route in fresh.to}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_true_links_and_made_up_values_are_found_and_no_others(service: type) -> None:
    rules = detect(capture(service)[0])

    assert pairs(rules) == service.links  # type: ignore[attr-defined]
    assert {cookie.name for cookie in rules.cookie} == service.cookies  # type: ignore[attr-defined]
    assert anew(rules) == service.fresh  # type: ignore[attr-defined]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_pseudonyms_change_nothing_of_what_is_found(service: type) -> None:
    clean, raw = capture(service)

    found, found_raw = detect(clean), detect(raw, START_S)

    assert pairs(found) == pairs(found_raw)
    assert found.cookie == found_raw.cookie
    assert found.fresh == found_raw.fresh


def test_a_value_that_the_client_had_first_is_its_own() -> None:
    own = "3f9d2c41-77aa-4e0b-9a51-0c1d2e3f4a5b"
    found = detect(
        [
            exchange(f"/things/{own}", method="PUT", at_ms=0, answer=f'{{"id": "{own}"}}'),
            exchange(f"/things/{own}/parts", at_ms=100),
        ]
    )

    assert found == Rules()


def test_a_value_that_all_sessions_are_given_is_a_constant() -> None:
    product = "8c1f2c41-77aa-4e0b-9a51-0c1d2e3f4a5b"
    found = detect(
        each
        for n in range(5)
        for each in (
            exchange("/list", session=f"s{n}", at_ms=n * 1000, answer=f'[{{"id": "{product}"}}]'),
            exchange(f"/list/{product}", session=f"s{n}", at_ms=n * 1000 + 100, route="GET /list/{uuid}"),
        )
    )

    assert found == Rules()


def test_what_was_answered_after_the_request_had_begun_is_no_cause() -> None:
    token = "t0k3nt0k3nt0k3nt0k3n"
    found = detect(
        [
            exchange("/slow", at_ms=0, took_ms=500, answer=f'{{"token": "{token}"}}'),
            exchange(f"/use/{token}", at_ms=100, took_ms=600),
        ]
    )

    assert found == Rules()
