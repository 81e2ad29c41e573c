"""Clean exchanges → GoReplay's ``.gor``, requests and responses, with times as GoReplay 1.2 and later write them.

What it has no place for is lost: the scheme, the session, the id, the route, the list of pseudonyms, errors, the
opening of connections, and HTTP's version where it is not 1.x (all is written as HTTP/1.1). A body of which the
capture holds the length alone is written as that many ``x``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from http import HTTPStatus
from typing import BinaryIO

from replay.capture.manifest import CaptureManifest
from replay.exchange import Exchange, Pair
from replay.formats.gor import SEPARATOR
from replay.formats.outgoing import fields, start_of_day_ns
from replay.plan.wire import body_bytes

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = frozenset({204, 304})


def write_gor(manifest: CaptureManifest, exchanges: Iterable[Exchange], file: BinaryIO) -> int:
    """Write the exchanges as records and return their number; one exchange is in memory at a time.

    Ids are unique, so a request and its response stand behind each other.
    """
    start_ns = start_of_day_ns(manifest.created)
    count = 0
    for exchange in exchanges:
        name = hashlib.blake2b(exchange.id.encode(), digest_size=20).hexdigest()
        started = start_ns + exchange.started
        file.write(_record("1", name, started, max(0, exchange.requested - exchange.started), _request(exchange)))
        if exchange.response is not None:
            ended = start_ns + (exchange.requested if exchange.ended is None else exchange.ended)
            head = ended if exchange.first_byte is None else start_ns + exchange.first_byte
            length = -1 if exchange.ended is None else max(0, ended - head)
            file.write(_record("2", name, head, length, _response(exchange)))
        count += 1
    return count


def _record(kind: str, name: str, time_ns: int, length_ns: int, message: bytes) -> bytes:
    return f"{kind} {name} {time_ns} {length_ns}\n".encode() + message + SEPARATOR


def _request(exchange: Exchange) -> bytes:
    request = exchange.request
    body = body_bytes(request.body)
    headers = fields(request.headers)
    if not any(name.lower() == "host" for name, _ in headers):
        headers = [("Host", request.host), *headers]
    if body or request.method in {"POST", "PUT", "PATCH"}:
        headers = [*headers, ("Content-Length", str(len(body)))]
    return _message(f"{request.method} {request.path} HTTP/1.1", headers, body)


def _response(exchange: Exchange) -> bytes:
    response = exchange.response
    assert response is not None
    headers = fields(response.headers)
    body = b"" if exchange.request.method == "HEAD" or response.status in _BODILESS else body_bytes(response.body)
    if response.status not in _BODILESS and response.status >= 200:
        headers = [*headers, ("Content-Length", str(len(body)))]
    return _message(f"HTTP/1.1 {response.status} {_REASONS.get(response.status, '')}", headers, body)


def _message(first: str, headers: list[Pair], body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines)
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
