"""What clients made up: found by its signs, and left alone where it may name what exists."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from replay.exchange import Exchange, Pair
from replay.plan.bindings import FRESH, SAME
from replay.plan.links.bind import Binder
from replay.plan.links.detect import detect
from replay.plan.links.rules import Fresh, Rules, lookup
from replay.plan.links.who import People
from replay.plan.times import NO_SHIFT
from replay.plan.wire import Rewrite, serialise
from replay.sanitize.dates import REFERENCE
from tests.factories import exchange

SESSIONS = 8
JSON = [("Content-Type", "application/json")]


def made_up(number: int) -> str:
    return str(uuid.UUID(int=random.Random(number).getrandbits(128), version=4))


def anew(exchanges: Iterable[Exchange]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The places and sorts that are applied, and those that are doubtful."""
    rules = detect(exchanges)
    return (
        {(each.written, each.sort) for each in rules.fresh},
        {(each.written, each.sort) for each in rules.doubtful},
    )


def visits(path: str, **changes: object) -> list[Exchange]:
    """One request of each session; ``{uuid}`` and ``{word}`` in path, body and headers are the session's own."""

    def own(text: str, n: int) -> str:
        return text.replace("{uuid}", made_up(n)).replace("{word}", f"word{'abcdefgh'[n]}x")

    found = []
    for n in range(SESSIONS):
        texts = {
            name: own(value, n) if isinstance(value, str) and name in {"body", "answer"} else value
            for name, value in changes.items()
        }
        if isinstance(headers := texts.pop("headers", None), list):
            texts["headers"] = [(name, own(value, n)) for name, value in headers]
        route = str(texts.pop("route", f"{changes.get('method', 'GET')} {path}"))
        found.append(exchange(own(path, n), session=f"s{n}", at_ms=n * 1000, route=route, **texts))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("found", "place", "sort"),
    [
        (visits("/pay", method="POST", headers=[("Idempotency-Key", "{uuid}")]), "header/idempotency-key", "uuid"),
        (visits("/pay", method="POST", headers=[("X-Request-Id", "{uuid}")]), "header/x-request-id", "uuid"),
        (visits("/token?nonce={uuid}7"), "query/nonce", "random"),
        (visits("/q", method="POST", headers=JSON, body='{"v": {"clientMutationId": "{uuid}"}}'), None, "uuid"),
        (visits("/carts/{uuid}", method="PUT", status=201), "path/2", "uuid"),
        (visits("/things", method="POST", status=201, headers=JSON, body='{"id": "{uuid}"}'), "json/id", "uuid"),
        (
            visits("/sign-up", method="POST", headers=JSON, body='{"email": "{word}@x.example"}'),
            "json/email",
            "unique",
        ),
        (
            visits("/cart", method="POST", headers=[("Cookie", "csrf={uuid}"), ("X-CSRF-Token", "{uuid}")]),
            "cookie/csrf",
            "uuid",
        ),
    ],
)
def test_what_must_be_new_is_found(found: list[Exchange], place: str | None, sort: str) -> None:
    applied, _ = anew(found)

    assert (place or "json/v/clientMutationId", sort) in applied


@pytest.mark.parametrize(
    "found",
    [
        visits("/users/{uuid}/orders", route="GET /users/{uuid}/orders"),
        visits("/carts/{uuid}", method="PUT", status=200, route="PUT /carts/{uuid}"),
        visits("/carts/{uuid}", method="DELETE", status=204, route="DELETE /carts/{uuid}"),
        visits("/login", method="POST", headers=JSON, body='{"username": "{word}"}'),
        visits("/pay", method="POST", headers=[("Idempotency-Key", made_up(99))]),
        visits("/pay", method="POST", headers=[("X-Csrf-Token", "{uuid}")]),
        visits("/search?q={word}&page=3"),
        visits("/sign-up", method="POST", status=422, headers=JSON, body='{"email": "{word}@x.example"}'),
        visits("/new", answer='{"id": "{uuid}"}')
        + [
            exchange("/pay", method="POST", session=f"s{n}", at_ms=9000 + n, headers=[("X-Nonce", made_up(n))])
            for n in range(SESSIONS)
        ],
    ],
    ids=[
        "a person's id",
        "an upsert of what exists",
        "a deletion",
        "a login",
        "the same key in every session",
        "a token without its cookie",
        "words",
        "sign-ups that all failed",
        "a nonce that an answer gave",
    ],
)
def test_what_may_name_what_exists_is_left_alone(found: list[Exchange]) -> None:
    assert anew(found)[0] == set()


def test_a_cookie_that_other_sessions_were_given_is_not_the_clients() -> None:
    headers: list[Pair] = [("Cookie", "csrf={uuid}"), ("X-CSRF-Token", "{uuid}")]
    given = exchange("/", session="new", answer_headers=[("Set-Cookie", f"csrf={made_up(50)}; Path=/")])

    assert anew([given, *visits("/cart", method="POST", headers=headers)])[0] == set()


def test_what_a_write_names_in_a_uuid_of_no_known_name_is_doubtful() -> None:
    found = anew(visits("/favourites", method="POST", status=201, headers=JSON, body='{"product": "{uuid}"}'))

    assert found == (set(), {("json/product", "uuid")})


def test_the_time_of_sending_is_made_anew_and_other_times_are_not() -> None:
    def asked(n: int) -> Exchange:
        now = REFERENCE + timedelta(seconds=n * 100)
        text = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        since = datetime(2035, 12, 30, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return exchange(f"/rates?sent={text}&since={since}", session=f"s{n}", at_ms=n * 100_000)

    assert anew(asked(n) for n in range(SESSIONS)) == ({("query/sent", "time")}, set())


def test_a_value_is_made_once_and_follows_its_session() -> None:
    rules = Rules(fresh=[Fresh(["POST /signup"], "json/email", "unique"), Fresh(["GET /me"], "query/of", "same")])
    binder = Binder(lookup(rules), NO_SHIFT, People({}))
    body = '{"email": "ann@x.example"}'
    sign_up = exchange("/signup", method="POST", headers=JSON, body=body)
    other, own = (exchange(f"/me?of={name}@x.example", at_ms=50) for name in ("bert", "ann"))

    bound = [
        binder.bind(each, "s1", serialise(each.request, Rewrite())).fill for each in (other, sign_up, own, other)
    ]

    assert [[(fill.source, fill.name, fill.key) for fill in fills] for fills in bound] == [
        [],
        [(FRESH, "unique", 0)],
        [(FRESH, SAME, 0)],
        [],
    ]
