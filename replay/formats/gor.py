"""GoReplay's ``.gor`` files → raw exchanges. https://github.com/buger/goreplay/wiki/Saving-and-Replaying-from-file

A record is a line ``KIND ID TIME [LATENCY]``, the message as it was on the wire, and a separator. Kind 1 is a
request, 2 its response, 3 the response of a replay, which is left out. Requests and responses of one id are paired
in their order (since GoReplay 1.x an id may stand for a connection).

GoReplay has written times in two ways. Where a request's latency is 0 or more (1.2 and later), both latencies are
the length of their message: the answer ended at its time + its latency. Where it is −1 or absent, the response's
latency counts from the request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from replay.errors import InputError
from replay.exchange import RawExchange, RawPair, RawRequest, RawResponse
from replay.formats.reading import BROKEN, CHUNK_BYTES, Source, open_unpacked
from replay.formats.recording import LeftOut

SEPARATOR = "\n🐵🙈🙉\n".encode()
LONGEST_RECORD_BYTES = 32 << 20
MAX_WAITING = 4096
"""Requests that wait for their response; then the oldest counts as unanswered."""


class UnreadableError(ValueError):
    """A record that is none; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class _Record:
    kind: bytes
    id: bytes
    time_ns: int
    latency_ns: int | None
    message: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    index: int
    record: _Record
    request: RawRequest


class GorRecording:
    """A ``.gor`` file. It is read twice, once for its start; memory is that of the requests without an answer yet."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self.started_ns = min((record.time_ns for record in self._heads() if record.kind == b"1"), default=0)

    def _heads(self) -> Iterator[_Record]:
        complaint = "the file is empty"
        found = False
        for index, content in _records(open_unpacked(self._path, "a .gor file")):
            record = _record(content)
            if isinstance(record, _Record):
                found = True
                yield record
            elif index == 0:
                complaint = record
        if not found:
            raise InputError(f"{self._path}, line 1: {complaint}. Name a file that GoReplay's --output-file wrote.")

    def __iter__(self) -> Iterator[RawExchange | LeftOut]:
        waiting: dict[int, _Waiting] = {}
        by_id: dict[bytes, deque[int]] = {}
        for index, content in _records(open_unpacked(self._path, "a .gor file")):
            place = f"record {index + 1}"
            record = _record(content)
            if isinstance(record, str):
                yield LeftOut(place, "damaged", record)
            elif record.kind == b"1":
                try:
                    waiting[index] = _Waiting(index, record, _request(record.message))
                except UnreadableError as error:
                    yield LeftOut(place, "damaged", str(error))
                    continue
                by_id.setdefault(record.id, deque()).append(index)
                if len(waiting) > MAX_WAITING:
                    oldest = next(iter(waiting))
                    _forget(by_id, waiting[oldest].record.id)
                    yield self._exchange(waiting.pop(oldest), None, None)
            elif record.kind == b"2":
                if record.id not in by_id:
                    yield LeftOut(place, "no request", "it answers a request that is not in the file")
                    continue
                asked = waiting.pop(_forget(by_id, record.id))
                try:
                    response = _response(record.message, asked.request.method)
                except UnreadableError as error:
                    yield LeftOut(place, "damaged", str(error))
                    response = None
                yield self._exchange(asked, record, response)
            else:
                yield LeftOut(place, "replayed", "it is what a replay got, not what production answered")
        for asked in waiting.values():
            yield self._exchange(asked, None, None)

    def _exchange(self, asked: _Waiting, answer: _Record | None, response: RawResponse | None) -> RawExchange:
        started = asked.record.time_ns
        requested = started + max(0, asked.record.latency_ns or 0)
        first_byte = ended = 0
        if answer is not None and response is not None:
            first_byte, ended = _answered(asked.record, answer)
            requested = min(requested, ended) if ended else requested
        return RawExchange(
            id=f"{self._name}-{asked.index}",
            connection=f"{self._name}:{_client(asked.request)}:{asked.record.id.decode('latin-1')}",
            started=started,
            requested=requested,
            connect_started=0,
            connected=0,
            first_byte=first_byte,
            ended=ended,
            request=asked.request,
            response=response,
            error="",
        )


def open_gor(path: Path, name: str) -> GorRecording:
    """The ``.gor`` file at ``path``, which may be packed by gzip; ``name`` begins the ids of its exchanges.

    Raises:
        InputError: there is no such file, or it holds no record.
    """
    return GorRecording(path, name)


def _answered(asked: _Record, answer: _Record) -> tuple[int, int]:
    """When the response's head was there and when it was complete; 0 where it is not known."""
    if answer.latency_ns is None or answer.latency_ns < 0:
        # The oldest files write the latency in the place of the time.
        old = answer.latency_ns is None and answer.time_ns < 10**15
        return 0, asked.time_ns + answer.time_ns if old else 0
    if asked.latency_ns is not None and asked.latency_ns >= 0:
        return answer.time_ns, answer.time_ns + answer.latency_ns
    return 0, asked.time_ns + answer.latency_ns


def _forget(by_id: dict[bytes, deque[int]], name: bytes) -> int:
    queue = by_id[name]
    index = queue.popleft()
    if not queue:
        del by_id[name]
    return index


def _client(request: RawRequest) -> str:
    """The client's address where a proxy before GoReplay tells it."""
    for wanted in (b"x-forwarded-for", b"x-real-ip"):
        for name, value in request.headers:
            if name.lower() == wanted:
                return value.partition(b",")[0].strip().replace(b":", b".").decode("latin-1")
    return ""


def _records(source: Source) -> Iterator[tuple[int, bytes]]:
    """The records with their numbers, without their separators; one that is too long comes as its beginning."""
    index, rest = 0, b""
    with closing(source):
        try:
            while chunk := source.read1(CHUNK_BYTES):
                whole = (rest + chunk).split(SEPARATOR)
                rest = whole.pop()[: LONGEST_RECORD_BYTES + 1]
                for content in whole:
                    yield index, content
                    index += 1
        except BROKEN:
            yield index, b""
            return
    if rest.strip():
        yield index, rest


def _record(content: bytes) -> _Record | str:
    """The record, or what is wrong with it."""
    if not content:
        return "the file is cut off or damaged here"
    if len(content) > LONGEST_RECORD_BYTES:
        return f"it is longer than {LONGEST_RECORD_BYTES >> 20} MiB"
    head, found, message = content.lstrip(b"\n").partition(b"\n")
    words = head.split()
    numbers = [word.removeprefix(b"-").isdigit() for word in words[2:]]
    if not found or len(words) not in (3, 4) or words[0] not in (b"1", b"2", b"3") or not all(numbers):
        return "it is no GoReplay record (KIND ID TIME [LATENCY])"
    return _Record(words[0], words[1], int(words[2]), int(words[3]) if len(words) == 4 else None, message)


def _request(message: bytes) -> RawRequest:
    line, headers, body = _message(message)
    method_text, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    method = method_text.decode("latin-1")
    if not method.isascii() or not method.isalpha() or not version.startswith(b"HTTP/"):
        raise UnreadableError("it is no HTTP/1 request")
    if target[:1] != b"/":
        raise UnreadableError("its target is no path")
    kept, content = _content(headers, body)
    host = next((value for name, value in headers if name.lower() == b"host"), b"")
    size = len(content if content is not None else body)
    name = host.decode("latin-1").strip() or "unknown.invalid"
    return RawRequest(method, "http", name, target, version.decode("latin-1"), kept, content, size)


def _response(message: bytes, method: str) -> RawResponse:
    line, headers, body = _message(message)
    version, _, rest = line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/") or not status.isdigit() or int(status) < 100:
        raise UnreadableError("it is no HTTP/1 response")
    if method == "HEAD" or status in (b"204", b"304"):
        return RawResponse(int(status), version.decode("latin-1"), headers, b"", 0)
    kept, content = _content(headers, body)
    return RawResponse(int(status), version.decode("latin-1"), kept, content, len(body))


def _message(message: bytes) -> tuple[bytes, list[RawPair], bytes]:
    """First line, header fields and body as it was on the wire."""
    head, found, body = message.partition(b"\r\n\r\n")
    if not found:
        head, found, body = message.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    headers: list[RawPair] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise UnreadableError("a header field of it is none")
        headers.append((name, value.strip()))
    return first.rstrip(b"\r"), headers, body


def _content(headers: list[RawPair], body: bytes) -> tuple[list[RawPair], bytes | None]:
    """The body without its transfer encoding, None where it is not whole: GoReplay cuts long bodies off."""
    coding = [value for name, value in headers if name.lower() == b"transfer-encoding"]
    if coding:
        kept = [(name, value) for name, value in headers if name.lower() != b"transfer-encoding"]
        return kept, _unchunked(body) if coding[-1].lower().endswith(b"chunked") else None
    length = next((value for name, value in headers if name.lower() == b"content-length"), b"")
    if not length.isdigit() or len(length) > 15:
        return headers, body
    return headers, body[: int(length)] if len(body) >= int(length) else None


def _unchunked(body: bytes) -> bytes | None:
    """RFC 9112 §7.1; None where the last chunk is not there."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        digits = body[position:end].partition(b";")[0].strip() if end >= 0 else b""
        if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
            return None
        size = int(digits, 16)
        if not size:
            return b"".join(parts)
        start = end + 2
        if start + size > len(body):
            return None
        parts.append(body[start : start + size])
        position = start + size + 2
