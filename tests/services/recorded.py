"""Visits to a service, recorded in memory: raw, as a proxy hands them over, and clean with and without pseudonyms."""

from __future__ import annotations

import random
from collections.abc import Iterator

from replay.exchange import Exchange, RawExchange, RawRequest, RawResponse, Request, Response
from replay.sanitize.keys import Key
from replay.sanitize.policy import Policy
from replay.sanitize.sanitizer import Sanitizer
from tests.services.apis import APIS
from tests.services.made import MADE
from tests.services.pages import PAGES
from tests.services.web import Answered, Asked, Browser

SERVICES = (*PAGES, *APIS, *MADE)
START_S = 1_700_000_000
_START = START_S * 1_000_000_000
_MS = 1_000_000


def recorded(
    service_type: type, visitors: int, seed: int = 1, *, apart_ms: int = 10_000, think_ms: int = 200
) -> list[RawExchange]:
    """What a proxy sees of ``visitors`` that come one after the other."""
    service = service_type(seed)
    found: list[RawExchange] = []
    for number in range(visitors):
        at = _START + number * apart_ms * _MS

        def send(asked: Asked, number: int = number) -> Answered:
            nonlocal at
            got = service.answer(asked)
            at += think_ms * _MS
            headers = [(n.encode(), v.encode()) for n, v in [("Host", "shop.example"), *asked.headers]]
            answer_headers = [(n.encode(), v.encode()) for n, v in got.headers]
            found.append(
                RawExchange(
                    id=str(len(found)),
                    connection=f"connection-{number}",
                    started=at,
                    requested=at,
                    connect_started=0,
                    connected=0,
                    first_byte=at + 20 * _MS,
                    ended=at + 25 * _MS,
                    request=RawRequest(
                        asked.method,
                        "http",
                        "shop.example",
                        asked.target.encode(),
                        "HTTP/1.1",
                        headers,
                        asked.body,
                        len(asked.body),
                    ),
                    response=RawResponse(got.status, "HTTP/1.1", answer_headers, got.body, len(got.body)),
                    error="",
                )
            )
            return got

        service.now_s = lambda: found[-1].started / 1e9 if found else START_S
        service_type.visit(Browser(send, random.Random(f"{seed} {number}"), number, service.now_s))
    return found


def sanitised(raw: list[RawExchange], policy: Policy) -> Iterator[Exchange]:
    """As a capture holds them."""
    sanitizer = Sanitizer(policy, Key(b"k" * 32, "file"), _START)
    for each in raw:
        clean = sanitizer.clean(each)
        assert clean is not None, sanitizer.counts
        yield clean


def as_they_were(raw: list[RawExchange], clean: list[Exchange]) -> Iterator[Exchange]:
    """The exchanges with the raw values in the clean ones' sessions and routes."""
    for each, like in zip(raw, clean, strict=True):
        assert each.response is not None
        yield Exchange(
            id=like.id,
            session=like.session,
            connection=like.connection,
            started=like.started,
            requested=like.requested,
            route=like.route,
            request=Request(
                each.request.method,
                "http",
                "shop.example",
                each.request.path.decode(),
                [(n.decode(), v.decode()) for n, v in each.request.headers],
                (each.request.body or b"").decode() or None,
            ),
            response=Response(
                each.response.status,
                [(n.decode(), v.decode()) for n, v in each.response.headers],
                (each.response.body or b"").decode() or None,
            ),
            ended=like.ended,
        )
