"""Records with defaults, for the tests of every package."""

from __future__ import annotations

from typing import Any

import msgspec

from replay.capture.manifest import CaptureManifest, Origin
from replay.exchange import CAPTURE_FORMAT, Exchange, Pair, RawExchange, RawRequest, RawResponse, Request, Response

MS = 1_000_000


def exchange(
    path: str = "/products/7",
    *,
    method: str = "GET",
    route: str = "",
    session: str = "s1",
    at_ms: float = 0,
    took_ms: float | None = 20,
    status: int = 200,
    headers: list[Pair] | None = None,
    body: str | None = None,
    answer_headers: list[Pair] | None = None,
    answer: str | None = None,
    host: str = "shop.example",
    **changes: Any,
) -> Exchange:
    """A clean exchange; ``took_ms=None`` means that no response came."""
    started = round(at_ms * MS)
    ended = None if took_ms is None else started + round(took_ms * MS)
    whole = Exchange(
        id=f"{session}-{at_ms}",
        session=session,
        connection=f"c-{session}",
        started=started,
        requested=started,
        route=route or f"{method} {path.partition('?')[0]}",
        request=Request(method, "http", host, path, headers or [("Accept", "*/*")], body),
        response=None if ended is None else Response(status, answer_headers or [], answer),
        error="" if ended is not None else "reset",
        first_byte=ended,
        ended=ended,
    )
    return msgspec.structs.replace(whole, **changes)


def raw_exchange(
    path: str = "/products/7",
    *,
    method: str = "GET",
    host: str = "shop.example",
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes | None = b"",
    status: int = 200,
    answer_headers: list[tuple[bytes, bytes]] | None = None,
    answer: bytes | None = b"",
    **changes: Any,
) -> RawExchange:
    """A raw exchange as the proxy hands it over."""
    now = 1_700_000_000_000_000_000
    whole = RawExchange(
        id="flow-1",
        connection="connection-1",
        started=now,
        requested=now,
        connect_started=0,
        connected=0,
        first_byte=now + 15 * MS,
        ended=now + 20 * MS,
        request=RawRequest(method, "http", host, path.encode(), "HTTP/1.1", headers or [], body, len(body or b"")),
        response=RawResponse(status, "HTTP/1.1", answer_headers or [], answer, len(answer or b"")),
        error="",
    )
    return msgspec.structs.replace(whole, **changes)


def capture_manifest(**changes: Any) -> CaptureManifest:
    """A capture that was closed in order."""
    whole = CaptureManifest(
        format=CAPTURE_FORMAT,
        id="0123456789abcdef",
        name="friday",
        created="2026-11-20",
        source="live",
        versions={},
        policy_name="builtin:strict",
        policy_hash="p" * 16,
        templates="t" * 16,
        key_id="k" * 16,
        key_mode="ephemeral",
        session_by="auto",
        origins=[Origin("shop.example", 443, ["192.0.2.1"])],
        complete=True,
    )
    return msgspec.structs.replace(whole, **changes)
