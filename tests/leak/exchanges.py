"""Raw exchanges for planting: a harmless one, and the codings and containers that wrap a planted value."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import brotli
import zstandard

from replay.exchange import RawExchange, RawPair, RawRequest, RawResponse

EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01, the start of the capture."""
HOST = "shop.example.com"
_HEADERS: tuple[RawPair, ...] = ((b"Host", HOST.encode()), (b"Accept", b"application/json"))

type Headers = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What differs from the harmless exchange."""

    path: str | bytes = "/api/items"
    method: str = ""
    headers: Headers = ()
    body: bytes = b""
    answer_headers: Headers = ()
    answer: bytes = b""
    status: int = 200
    host: str = HOST
    connection: str = "c1"


def exchange(message: Message, number: int) -> RawExchange:
    """The raw exchange of a message; ``number`` tells one from the other."""
    started = EPOCH_NS + number * 1_000_000
    method = message.method or ("POST" if message.body else "GET")
    return RawExchange(
        id=f"x{number}",
        connection=message.connection,
        started=started,
        requested=started + 100_000,
        connect_started=0,
        connected=0,
        first_byte=started + 300_000,
        ended=started + 400_000,
        request=RawRequest(
            method,
            "https",
            message.host,
            _bytes(message.path),
            "HTTP/1.1",
            [*_HEADERS, *_pairs(message.headers)],
            message.body,
            len(message.body),
        ),
        response=RawResponse(
            message.status, "HTTP/1.1", _pairs(message.answer_headers), message.answer, len(message.answer)
        ),
        error="",
    )


def _pairs(headers: Headers) -> list[RawPair]:
    return [(name.encode(), _bytes(value)) for name, value in headers]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def sent(body: str | bytes, kind: str = "application/json", *headers: tuple[str, str]) -> Message:
    """A request with that body."""
    return Message(headers=(("Content-Type", kind), *headers), body=_bytes(body))


def answered(
    body: str | bytes, kind: str = "application/json", *headers: tuple[str, str], status: int = 200
) -> Message:
    """A response with that body."""
    return Message(answer_headers=(("Content-Type", kind), *headers), answer=_bytes(body), status=status)


def part(body: str | bytes, disposition: str, *headers: str) -> bytes:
    """One part of a multipart body with the boundary ``xyz``."""
    head = "".join(f"{line}\r\n" for line in (f"Content-Disposition: {disposition}", *headers))
    return b"--xyz\r\n" + head.encode() + b"\r\n" + _bytes(body) + b"\r\n"


def multipart(*parts: bytes, before: bytes = b"", after: bytes = b"") -> Message:
    """A multipart form with those parts."""
    return sent(before + b"".join(parts) + b"--xyz--\r\n" + after, "multipart/form-data; boundary=xyz")


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": lambda raw: zstandard.compress(raw),
}


def raw_deflate(raw: bytes) -> bytes:
    """Deflate without the zlib head, as old servers send it."""
    return zlib.compress(raw)[2:-4]


def b64(text: str | bytes) -> str:
    """Base64."""
    return base64.b64encode(_bytes(text)).decode()


def b64url(text: str | bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(_bytes(text)).decode().rstrip("=")


def escaped(text: str) -> str:
    """Every character as a JSON escape."""
    return "".join(f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le")).cast("H"))


def percent(text: str) -> str:
    """Every byte percent-encoded."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def msgpack_text(text: str) -> bytes:
    """A MessagePack map with one member."""
    raw = text.encode()
    return b"\x81\xa5owner\xda" + len(raw).to_bytes(2) + raw


def protobuf_text(text: str) -> bytes:
    """A protobuf message with field 1 as text, in field 3 of another."""
    raw = text.encode()
    inner = b"\x0a" + bytes([len(raw) & 0x7F | 0x80, len(raw) >> 7]) + raw
    return b"\x08\x96\x01\x1a" + bytes([len(inner) & 0x7F | 0x80, len(inner) >> 7]) + inner


def png_with_text(text: str) -> bytes:
    """The head of a PNG with a tEXt chunk."""
    chunk = b"tEXt" + b"Author\0" + text.encode()
    return (
        b"\x89PNG\r\n\x1a\n"
        + (len(chunk) - 4).to_bytes(4)
        + chunk
        + zlib.crc32(chunk).to_bytes(4)
        + b"\0\0\0\0IEND\xaeB`\x82"
    )


def dumps(value: object) -> str:
    """Compact JSON, not limited to ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
