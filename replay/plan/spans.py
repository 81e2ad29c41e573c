"""Where the values of a prepared request stand, by place as a forecast names it and by offset; and others there.

A place is ``path/2`` (the segment behind the second slash), ``query/q``, ``header/x-tenant``, ``cookie/sid``,
``form/sku`` or ``json/sku``. A JSON value also has its pointer. Multipart bodies and packed ones have no places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

import msgspec

from replay.plan.bindings import ENCODINGS

# What is no pair, or a string without an end, is passed over as a whole: looked at from each of its characters it
# would take a time that grows with its square.
_PAIR = re.compile(rb"([^&=]*+)(?:=([^&]*+))?+&?")
_SEGMENT = re.compile(rb"[^/]*")
_COOKIE = re.compile(rb"[ \t]*+([^;=]*+)(?:=([^;]*+))?+;?")
_HEADER = re.compile(rb"\r\n([^:\r\n]+):[ \t]*([^\r\n]*)")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?[0-9][0-9.eE+-]*+|true|false|null|[{}\[\],:]', re.DOTALL)
_NESTED_AT_MOST = 256
_CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]+)")
_NO_LINE_END = {10: None, 13: None, 0: None}


@dataclass(frozen=True, slots=True)
class Span:
    """One value of a prepared request."""

    place: str
    offset: int
    length: int
    encoding: str
    """How a value is written there: a name of ``replay.plan.bindings.ENCODINGS``."""
    text: str
    """The value itself, without the escapes of its place."""
    pointer: tuple[str, ...] = ()
    """Of a JSON value: member names and positions on the way to it."""

    def written(self, value: str) -> bytes:
        """``value`` as it is written at this place; a line's end never gets into a head."""
        if self.encoding in {"raw", "cookie"}:
            value = value.translate(_NO_LINE_END)
        return ENCODINGS[self.encoding](value).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that take the place of others."""

    at: int
    size: int
    content: bytes


def patched(wire: bytes, patches: Iterable[Patch]) -> bytes:
    """``wire`` with ``patches`` in it, in order of ``at``, and a Content-Length that fits."""
    body_at = wire.index(b"\r\n\r\n") + 4
    pieces, at, grown = [], 0, 0
    for patch in patches:
        pieces += [wire[at : patch.at], patch.content]
        at = patch.at + patch.size
        if patch.at >= body_at:
            grown += len(patch.content) - patch.size
    pieces.append(wire[at:])
    made = b"".join(pieces)
    if not grown:
        return made
    return _CONTENT_LENGTH.sub(lambda found: b"\r\nContent-Length: %d" % (int(found[1]) + grown), made, count=1)


def spans(wire: bytes) -> Iterator[Span]:
    """The values of a prepared request, in order of their offset."""
    line_end = wire.index(b"\r\n")
    head_end = wire.index(b"\r\n\r\n")
    target_at = wire.index(b" ") + 1
    target_end = wire.rindex(b" ", target_at, line_end)
    query_at = wire.find(b"?", target_at, target_end)
    yield from _segments(wire, target_at, query_at if query_at >= 0 else target_end)
    if query_at >= 0:
        yield from _pairs("query", wire, query_at + 1, target_end)
    kind = b""
    for found in _HEADER.finditer(wire, line_end, head_end):
        name = found[1].lower()
        if name == b"content-type":
            kind = found[2].lower()
        if name == b"cookie":
            yield from _cookies(wire, found.start(2), found.end(2))
        else:
            place = f"header/{name.decode('latin-1')}"
            yield Span(place, found.start(2), len(found[2]), "raw", _text(found[2]))
    body_at = head_end + 4
    if wire[body_at : body_at + 64].lstrip()[:1] in {b"{", b"["}:
        yield from json_spans(wire, body_at)
    elif kind.startswith(b"application/x-www-form-urlencoded"):
        yield from _pairs("form", wire, body_at, len(wire))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _segments(wire: bytes, start: int, end: int) -> Iterator[Span]:
    at = start
    number = 0
    while at <= end:
        found = _SEGMENT.match(wire, at, end)
        raw = found[0] if found else b""
        if number and raw:
            yield Span(f"path/{number}", at, len(raw), "path", unquote(_text(raw)))
        at += len(raw) + 1
        number += 1


def _pairs(where: str, wire: bytes, start: int, end: int) -> Iterator[Span]:
    for found in _PAIR.finditer(wire, start, end):
        if found[2] is None:
            continue
        name = unquote_plus(_text(found[1]))
        yield Span(f"{where}/{name}", found.start(2), len(found[2]), "query", unquote_plus(_text(found[2])))


def _cookies(wire: bytes, start: int, end: int) -> Iterator[Span]:
    for found in _COOKIE.finditer(wire, start, end):
        raw = found[2]
        if raw is None:
            continue
        # Percent signs are a habit of cookies, not their syntax (RFC 6265 §4.1.1): they are kept up where they stand.
        is_escaped = b"%" in raw
        text = unquote(_text(raw)) if is_escaped else _text(raw)
        yield Span(f"cookie/{_text(found[1])}", found.start(2), len(raw), "query" if is_escaped else "cookie", text)


class _Level:
    """One object or array that is open, and where in it we are."""

    __slots__ = ("count", "is_object", "key", "name")

    def __init__(self, is_object: bool, name: str) -> None:
        self.is_object = is_object
        self.name = name
        """The member that the values of an array belong to."""
        self.key: str | None = None
        self.count = 0


def json_spans(wire: bytes, start: int) -> Iterator[Span]:
    """The leaves of JSON, of several documents too; ends where the text is none or is nested too deep."""
    levels: list[_Level] = []
    for found in _TOKEN.finditer(wire, start):
        token = found[0]
        top = levels[-1] if levels else None
        if token in b"{[":
            if len(levels) >= _NESTED_AT_MOST:
                return
            levels.append(_Level(token == b"{", _name(top)))
        elif token in b"}]":
            if levels:
                levels.pop()
        elif token == b",":
            if top is not None:
                top.count += 1
                top.key = None
        elif token == b":":
            continue
        elif top is not None and top.is_object and top.key is None:
            top.key = _string(token)
            if top.key is None:
                return
        elif token[:1] == b'"':
            text = _string(token)
            if text is not None:
                yield Span(f"json/{_name(top)}", found.start() + 1, len(token) - 2, "json", text, _pointer(levels))
        elif token[:1] in b"-0123456789":
            yield Span(f"json/{_name(top)}", found.start(), len(token), "number", token.decode(), _pointer(levels))


def _name(level: _Level | None) -> str:
    if level is None:
        return ""
    return (level.key or "") if level.is_object else level.name


def _pointer(levels: list[_Level]) -> tuple[str, ...]:
    return tuple((level.key or "") if level.is_object else str(level.count) for level in levels)


def _string(token: bytes) -> str | None:
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
