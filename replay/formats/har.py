"""HAR 1.1 and 1.2 (HTTP Archive) → raw exchanges. http://www.softwareishard.com/blog/har-12-spec/

Browsers, proxies and test tools write HAR each in its own way, so everything but the URL, the method and the
start is optional here, and an entry that cannot be read is counted and does not stop the rest.

A HAR's times were measured at the client. ``requested`` is when the request had been sent and ``ended`` when the
answer had been received, so the latency of an imported baseline holds the network too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from replay.errors import InputError
from replay.exchange import RawExchange, RawResponse
from replay.formats.har_message import HarRequest, HarResponse, UnreadableError, raw_request, raw_response
from replay.formats.recording import LeftOut
from replay.storage import open_file

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Har(msgspec.Struct):
    log: _Log


class _Timings(msgspec.Struct):
    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    ssl: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None


class _Start(msgspec.Struct, rename={"started": "startedDateTime"}):
    started: str


class _Entry(
    msgspec.Struct, rename={"started": "startedDateTime", "from_cache": "_fromCache", "resource": "_resourceType"}
):
    started: str
    request: HarRequest
    response: HarResponse | None = None
    timings: _Timings | None = None
    time: float | None = None
    connection: str | int | None = None
    pageref: str | None = None
    from_cache: str | bool | None = None
    resource: str | None = None


_ENTRY = msgspec.json.Decoder(_Entry, strict=False)
_START = msgspec.json.Decoder(_Start)


class HarRecording:
    """A HAR file in memory once; its entries are decoded one by one, in order of their start."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._entries = _entries(path)
        starts = [(_start(raw), index) for index, raw in enumerate(self._entries)]
        self._order = [index for _, index in sorted(starts)]
        self.started_ns = min((start for start, _ in starts if start), default=0)

    def __iter__(self) -> Iterator[RawExchange | LeftOut]:
        for index in self._order:
            yield self._exchange(index)

    def _exchange(self, index: int) -> RawExchange | LeftOut:
        place = f"entry {index}"
        try:
            entry = _ENTRY.decode(self._entries[index])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return LeftOut(place, "damaged", _reason(error))
        started = _nanoseconds(entry.started)
        if not started:
            return LeftOut(place, "damaged", "its startedDateTime is no time")
        if entry.from_cache:
            return LeftOut(place, "browser cache", "the browser answered it from its cache, no server did")
        scheme = entry.request.url.partition(":")[0].lower()
        if scheme in {"ws", "wss"} or entry.resource == "websocket":
            return LeftOut(place, "websocket", "WebSocket traffic is not replayed")
        if scheme not in {"http", "https"}:
            return LeftOut(place, "no http", "its URL is not of http or https")
        try:
            request = raw_request(entry.request)
            response = raw_response(entry.response, entry.request.method)
        except UnreadableError as error:
            return LeftOut(place, "damaged", str(error))
        times = _Times.of(started, entry, answered=response is not None)
        return RawExchange(
            id=f"{self._name}-{index}",
            connection=f"{self._name}:{entry.pageref or ''}:{entry.connection or ''}",
            started=started,
            requested=times.requested,
            connect_started=times.connect_started,
            connected=times.connected,
            first_byte=times.first_byte,
            ended=times.ended,
            request=request,
            response=response,
            error=_error(entry.response, response),
        )


class _Times(msgspec.Struct, frozen=True):
    requested: int
    connect_started: int
    connected: int
    first_byte: int
    ended: int

    @classmethod
    def of(cls, started: int, entry: _Entry, *, answered: bool) -> _Times:
        """The phases of an entry; −1, null and absent all mean that a phase did not take place."""
        timings = entry.timings or _Timings()
        before = _ns(timings.blocked) + _ns(timings.dns)
        opening = _ns(timings.connect) + _separate_tls_ns(timings, entry.time)
        connect_started = started + before if opening else 0
        requested = started + before + opening + _ns(timings.send)
        first_byte = requested + _ns(timings.wait)
        ended = first_byte + _ns(timings.receive)
        if entry.timings is None and _ns(entry.time):
            first_byte = ended = started + _ns(entry.time)
        elif (timings.wait is None or timings.wait < 0) and not _ns(entry.time):
            answered = False  # nothing tells how long it took, and that is not 0 ms
        return cls(
            requested=requested,
            connect_started=connect_started,
            connected=connect_started + opening,
            first_byte=first_byte if answered else 0,
            ended=ended if answered else 0,
        )


def open_har(path: Path, name: str) -> HarRecording:
    """The HAR file at ``path``; ``name`` begins the ids of its exchanges.

    Raises:
        InputError: the file is missing, no HAR, or is cut off.
    """
    return HarRecording(path, name)


def _entries(path: Path) -> list[msgspec.Raw]:
    try:
        with open_file(path) as file:
            content = file.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Name a HAR file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Name a HAR file.") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode()
    view = memoryview(content)[3:] if content.startswith(b"\xef\xbb\xbf") else memoryview(content)
    try:
        return msgspec.json.decode(view, type=_Har).log.entries
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: is no HAR ({error}). Export the recording as HAR again.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = f"cut off at byte {len(view)}" if "truncated" in str(error) else _reason(error)
        raise InputError(f"{path}: is no whole HAR ({why}). Export the recording as HAR again.") from None


def _reason(error: Exception) -> str:
    """What a decoder says, without a value: msgspec names types and places only."""
    if isinstance(error, UnicodeDecodeError):
        return "a text in it is not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)


def _start(raw: msgspec.Raw) -> int:
    try:
        return _nanoseconds(_START.decode(raw).started)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _nanoseconds(text: str) -> int:
    """ISO 8601 → nanoseconds since the epoch, exact to the microsecond; 0 where it is no time. No zone means UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def _ns(milliseconds: float | None) -> int:
    return round(milliseconds * 1e6) if milliseconds and 0 < milliseconds < 1e12 else 0


def _separate_tls_ns(timings: _Timings, total: float | None) -> int:
    """The TLS time that ``connect`` does not hold.

    HAR 1.2 counts ``ssl`` within ``connect``; some writers list it beside it. The entry's own total decides.
    """
    ssl = _ns(timings.ssl)
    if not ssl or ssl > _ns(timings.connect):
        return ssl
    if total is None:
        return 0
    phases = (timings.blocked, timings.dns, timings.connect, timings.send, timings.wait, timings.receive)
    without = sum(_ns(phase) for phase in phases)
    return ssl if abs(_ns(total) - without - ssl) < abs(_ns(total) - without) else 0


_ERROR_CLASSES = (
    ("TIMED_OUT", "timeout"),
    ("RESET", "reset"),
    ("CONNECTION_CLOSED", "reset"),
    ("EMPTY_RESPONSE", "reset"),
    ("ABORTED", "client"),
    ("BLOCKED", "client"),
    ("REFUSED", "connect"),
    ("CONNECTION", "connect"),
    ("ADDRESS", "connect"),
    ("NAME", "connect"),
    ("SSL", "connect"),
    ("CERT", "connect"),
    ("PROTOCOL", "protocol"),
)


def _error(recorded: HarResponse | None, response: RawResponse | None) -> str:
    """The error class of an entry: Chrome names a ``net::ERR_…``, the others only a status of 0."""
    if response is not None:
        return ""
    named = ((recorded.error if recorded else "") or "").upper()
    return next((name for sign, name in _ERROR_CLASSES if sign in named), "client")
