"""Backward decoding: every text that may hide in a text, to a depth.

The auditor does not know how a value was written, so it undoes every notation that it finds: percent, HTML entities,
JSON and other backslash escapes, quoted-printable, base64 and base64url at every alignment, hexadecimal, UTF-16, and
the compressions that have a magic number. What a decoding yields is decoded again.
"""

from __future__ import annotations

import binascii
import html
import quopri
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import brotli  # type: ignore[import-untyped]
import zstandard

MAX_DEPTH = 5
_MAX_INFLATED_BYTES = 4 << 20
_MAX_TEXTS = 2_000
_MIN_PACKED_BYTES = 16
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(rb"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[\"\\/bfnrt'])")
_SIMPLE = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"'": b"'",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}
_QUOTED = re.compile(rb"=(?:[0-9A-F]{2}|\r?\n)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")  # shorter ones are searched as forms of the planted value
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the notations that were undone to reach it, outermost first."""

    text: bytes
    chain: tuple[str, ...] = ()


def decodings(text: bytes, *, max_depth: int = MAX_DEPTH) -> Iterator[Decoded]:
    """The text itself and everything that decodes out of it, each once; at most 2,000 texts a call."""
    seen = {text}
    runs: set[tuple[str, bytes]] = set()
    waiting = [Decoded(text)]
    while waiting:
        found = waiting.pop()
        yield found
        if len(found.chain) >= max_depth:
            continue
        for name, inner in _inner(found.text, runs):
            if inner and inner not in seen and len(seen) < _MAX_TEXTS:
                seen.add(inner)
                waiting.append(Decoded(inner, (*found.chain, name)))


def _inner(text: bytes, runs: set[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """What one decoding makes of the text; ``runs`` are those of base64 and hex that were decoded already."""
    for name, decode in _DECODERS:
        for inner in decode(text):
            yield name, inner
    for name, pattern, decode in _RUN_DECODERS:
        for run in pattern.findall(text):
            if (name, run) not in runs:
                runs.add((name, run))
                for inner in decode(run):
                    yield name, inner


def _percent(text: bytes) -> Iterator[bytes]:
    if _PERCENT.search(text):
        yield unquote_to_bytes(text)


def _entities(text: bytes) -> Iterator[bytes]:
    if _ENTITY.search(text):
        yield html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")


def _escapes(text: bytes) -> Iterator[bytes]:
    if _ESCAPE.search(text):
        unescaped = _ESCAPE.sub(_unescaped, text)
        yield unescaped
        if b"\xed" in unescaped:  # surrogate pairs were written as two escapes
            joined = unescaped.decode("utf-8", "surrogatepass") if _pairs(unescaped) else ""
            yield joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _pairs(text: bytes) -> bool:
    try:
        text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _unescaped(match: re.Match[bytes]) -> bytes:
    body = match[0][1:]
    if body[:1] in b"uUx" and len(body) > 1:
        code = int(body[1:], 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else match[0]
    return _SIMPLE[body]


def _quoted_printable(text: bytes) -> Iterator[bytes]:
    if _QUOTED.search(text):
        yield quopri.decodestring(text)


def _base64(run: bytes) -> Iterator[bytes]:
    """A run at four alignments: what stands before the value may be of the same alphabet."""
    run = run.translate(_URLSAFE)
    for skip in range(4):
        part = run[skip:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        inner = binascii.a2b_base64(part + b"=" * (-len(part) % 4))
        if _says_something(inner):
            yield inner
        elif not skip and len(inner) >= _MIN_PACKED_BYTES:
            yield from _unmarked(inner)


def _unmarked(text: bytes) -> Iterator[bytes]:
    """What brotli or bare deflate, which have no magic number, make of bytes that are no text."""
    for inflated in (_inflated(text, -15), _unbrotli(text)):
        if len(inflated) >= _MIN_PACKED_BYTES and _says_something(inflated):
            yield inflated


def _unbrotli(text: bytes) -> bytes:
    try:
        inflated: bytes = brotli.Decompressor().process(text, output_buffer_limit=_MAX_INFLATED_BYTES)
    except brotli.error:
        return b""
    return inflated


def _hexadecimal(run: bytes) -> Iterator[bytes]:
    for skip in (0, 1):
        part = run[skip:]
        inner = binascii.unhexlify(part[: len(part) & ~1])
        if _says_something(inner):
            yield inner


def _utf16(text: bytes) -> Iterator[bytes]:
    if text.count(0) * 4 < len(text) and not text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    for encoding in ("utf-16-le", "utf-16-be"):
        for skip in (0, 1):
            part = text[skip:]
            decoded = part[: len(part) & ~1].decode(encoding, "replace").encode()
            if _says_something(decoded):
                yield decoded


def _bytes_as_characters(text: bytes) -> Iterator[bytes]:
    """Bytes written as the characters U+0000 … U+00FF: UTF-8 read as Latin-1, or binary in a JSON string."""
    if b"\xc2" in text or b"\xc3" in text:
        try:
            inner = text.decode().encode("latin-1")
        except ValueError:
            return
        if _says_something(inner):
            yield inner


def _compressed(text: bytes) -> Iterator[bytes]:
    if text.startswith(b"\x1f\x8b"):
        yield _inflated(text, 31)
    elif _is_zlib(text):
        yield _inflated(text, 15)
    elif text.startswith(b"\x28\xb5\x2f\xfd"):
        yield from _zstd(text)


def _is_zlib(text: bytes) -> bool:
    """RFC 1950: deflate with a window of 32 KiB, and the header's own check."""
    return text[:1] == b"\x78" and len(text) > 2 and int.from_bytes(text[:2]) % 31 == 0


def _inflated(text: bytes, window_bits: int) -> bytes:
    try:
        return zlib.decompressobj(window_bits).decompress(text, _MAX_INFLATED_BYTES)
    except zlib.error:
        return b""


def _zstd(text: bytes) -> Iterator[bytes]:
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(text) as reader:
            yield reader.read(_MAX_INFLATED_BYTES)
    except zstandard.ZstdError:
        return


def _says_something(text: bytes) -> bool:
    """Is it text, or something that a further decoder knows? Random bytes decode to neither."""
    if len(text) < 4:
        return False
    if text.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe", b"\xfe\xff")) or _is_zlib(text):
        return True
    # A third of random bytes is printable: the longer a text, the less of it must be for this to be no chance.
    share = 0.85 if len(text) < _MIN_PACKED_BYTES else 0.7
    if len(text) - len(text.translate(None, _PRINTABLE)) >= share * len(text):
        return True
    if text.count(0) * 3 >= len(text):
        return True
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return False
    return sum(map(str.isprintable, decoded)) >= 0.85 * len(decoded)


_DECODERS: tuple[tuple[str, Callable[[bytes], Iterator[bytes]]], ...] = (
    ("percent", _percent),
    ("entities", _entities),
    ("escapes", _escapes),
    ("quoted-printable", _quoted_printable),
    ("utf-16", _utf16),
    ("bytes as characters", _bytes_as_characters),
    ("compression", _compressed),
)
_RUN_DECODERS: tuple[tuple[str, re.Pattern[bytes], Callable[[bytes], Iterator[bytes]]], ...] = (
    ("base64", _BASE64, _base64),
    ("hex", _HEX, _hexadecimal),
)
