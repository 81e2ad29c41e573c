"""Requests that cannot be repeated on staging are counted with the reason."""

from __future__ import annotations

import pytest

from replay.exchange import Exchange, Response, Sealed
from replay.plan.bindings import Cookies
from replay.plan.links.bind import Bound
from replay.plan.links.rules import Cookie, Rules
from replay.plan.unrepeatable import CURES, Unrepeatable
from replay.plan.wire import Rewrite, serialise
from tests.factories import exchange

JSON = [("Content-Type", "application/json")]


def counted(asked: Exchange, **bound: object) -> dict[str, dict[str, int]]:
    found = Unrepeatable(Rules(cookie=[Cookie("sid")]))
    found.add(asked, Bound(serialise(asked.request, Rewrite()), **bound))  # type: ignore[arg-type]
    return found.by_route()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (exchange(headers=[("Authorization", "Bearer abc")]), "token"),
        (exchange(headers=[("Cookie", "lang=en; sid=abc")]), "cookie"),
        (exchange(headers=[("Authorization", "AWS4-HMAC-SHA256 Credential=a")]), "signed"),
        (exchange(headers=[("X-Hub-Signature-256", "sha256=a")]), "signed"),
        (exchange("/authorize?state=x&code_challenge=abc"), "proof"),
        (exchange("/token", method="POST", headers=JSON, body='{"code_verifier": "abc"}'), "proof"),
        (exchange("/login", method="POST", headers=JSON, body='{"otp":"123456"}'), "code"),
        (exchange("/chat", status=101), "upgrade"),
        (exchange("/photo", method="PUT", body=Sealed(opaque_bytes=9)), "filler"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_repeated_is_counted_by_reason_and_route(asked: Exchange, reason: str) -> None:
    assert counted(asked) == {reason: {asked.route: 1}}
    assert reason in CURES


def test_what_staging_itself_gives_can_be_repeated() -> None:
    given = exchange(headers=[("Authorization", "Bearer abc"), ("Cookie", "sid=abc")])

    assert counted(given, places=frozenset({"header/authorization"}), cookies=Cookies(9, ["sid"], [0])) == {}


@pytest.mark.parametrize(
    "asked",
    [
        exchange("/search?q=captcha&code=7", headers=[("Authorization", "Basic abc"), ("Cookie", "lang=en")]),
        exchange("/a", method="POST", headers=JSON, body='{"text": "otp: 123"}'),
        exchange("/a", response=Response(200, [])),
    ],
)
def test_plain_requests_are_none_of_them(asked: Exchange) -> None:
    assert counted(asked) == {}
