"""Clean exchanges → HAR 1.2. http://www.softwareishard.com/blog/har-12-spec/

What a HAR has no place for is lost: the session (but see ``_session``), the id, the route, the list of pseudonyms,
and bodies of which the capture holds the length alone. A request that was complete before its upstream connection
was opened is written as complete after it, which leaves the service time as it was. Where the end of an
answer is not known, ``wait`` and ``receive`` are −1, as other phases are that did not take place.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

import msgspec

from replay import __version__
from replay.capture.manifest import CaptureManifest
from replay.exchange import Exchange, Pair, Request, Response
from replay.formats.outgoing import fields, known_bytes, start_of_day_ns

_ENCODER = msgspec.json.Encoder()
_ERRORS = {
    "timeout": "net::ERR_TIMED_OUT",
    "reset": "net::ERR_CONNECTION_RESET",
    "connect": "net::ERR_CONNECTION_REFUSED",
    "protocol": "net::ERR_HTTP2_PROTOCOL_ERROR",
    "client": "net::ERR_ABORTED",
}


def write_har(manifest: CaptureManifest, exchanges: Iterable[Exchange], file: BinaryIO) -> int:
    """Write the exchanges as one HAR and return their number; one exchange is in memory at a time."""
    start_ns = start_of_day_ns(manifest.created)
    head = {"version": "1.2", "creator": {"name": "dress-rehearsal", "version": __version__}, "pages": []}
    file.write(b'{"log":' + _ENCODER.encode(head)[:-1] + b',"entries":[\n')
    count = 0
    for exchange in exchanges:
        file.write((b",\n" if count else b"") + _ENCODER.encode(entry(exchange, start_ns)))
        count += 1
    file.write(b"\n]}}\n")
    return count


def entry(exchange: Exchange, start_ns: int) -> dict[str, Any]:
    """One HAR entry. Times are milliseconds, exact to the nanosecond; the start is exact to the microsecond."""
    timings = _timings(exchange)
    made: dict[str, Any] = {
        "startedDateTime": _iso(start_ns + exchange.started),
        "time": sum(value for name, value in timings.items() if value > 0 and name != "ssl"),
        "request": _request(exchange.request, exchange.bytes_out),
        "response": _response(exchange),
        "cache": {},
        "timings": timings,
        "connection": exchange.connection,
        "_session": exchange.session,
    }
    return made


def _timings(exchange: Exchange) -> dict[str, float]:
    started, requested = exchange.started, max(exchange.started, exchange.requested)
    timings = dict.fromkeys(("blocked", "dns", "connect", "ssl"), -1.0)
    opened, ready = exchange.connect_started, exchange.connected
    if opened is not None and ready is not None and started <= opened < ready:
        timings["blocked"] = _ms(opened - started)
        timings["connect"] = _ms(ready - opened)
        requested = max(requested, ready)
        timings["send"] = _ms(requested - ready)
    else:
        timings["send"] = _ms(requested - started)
    ended = exchange.ended if exchange.response else None
    if exchange.response and ended is None:
        return timings | {"wait": -1.0, "receive": -1.0}
    head = exchange.first_byte if exchange.first_byte is not None else ended
    head = max(requested, head or requested)
    timings["wait"] = _ms(head - requested)
    timings["receive"] = _ms(max(0, (ended or head) - head))
    return timings


def _request(request: Request, size: int) -> dict[str, Any]:
    headers = fields(request.headers)
    made: dict[str, Any] = {
        "method": request.method,
        "url": f"{request.scheme}://{request.host}{request.path}",
        "httpVersion": request.version,
        "cookies": [],
        "headers": _named(headers),
        "queryString": _named(parse_qsl(request.path.partition("?")[2], keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": size,
    }
    content = known_bytes(request.body)
    if content:
        mime = _header(headers, "content-type")
        made["postData"] = {"mimeType": mime, **_text(request.body, content)}
    return made


def _response(exchange: Exchange) -> dict[str, Any]:
    response = exchange.response or Response(0, [])
    headers = fields(response.headers)
    content = known_bytes(response.body)
    size = exchange.bytes_in if content is None else len(content)
    held: dict[str, Any] = {"size": size, "mimeType": _header(headers, "content-type")}
    if content:
        held |= _text(response.body, content)
    made: dict[str, Any] = {
        "status": response.status,
        "statusText": "",
        "httpVersion": response.version,
        "cookies": [],
        "headers": _named(headers),
        "content": held,
        "redirectURL": _header(headers, "location"),
        "headersSize": -1,
        "bodySize": exchange.bytes_in,
    }
    if exchange.error:
        made["_error"] = _ERRORS.get(exchange.error, "net::ERR_FAILED")
    return made


def _text(body: object, content: bytes) -> dict[str, str]:
    if isinstance(body, str):
        return {"text": body}
    return {"text": base64.b64encode(content).decode(), "encoding": "base64"}


def _named(pairs: list[Pair]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _header(headers: list[Pair], wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC).replace(microsecond=time_ns // 1000 % 10**6)
    return moment.isoformat(timespec="microseconds")


def _ms(nanoseconds: int) -> float:
    return nanoseconds / 1e6
