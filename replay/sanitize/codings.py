"""Content codings and charsets: from the bytes of a body to its text, with caps."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

from replay.routes import word_set

MAXIMUM_BYTES = 8 << 20
MAXIMUM_RATIO = 20
_RATIO_FREE_BYTES = 1 << 20
"""Bodies up to this size may be packed as tightly as they like: a page of zeros is no bomb."""
MOST_CODINGS = 3
_STEP = 1 << 16


class UndecodableError(ValueError):
    """A body whose coding is unknown, damaged or a bomb. It is stored as its length alone."""


def decoded(body: bytes, codings: str) -> bytes:
    """The body without its content codings (RFC 9110 §8.4), undone last first.

    Raises:
        UndecodableError: an unknown coding, damaged data, more than 8 MiB or 20 times the size on the wire.
    """
    listed = [coding.strip().lower() for coding in codings.split(",") if coding.strip()]
    listed = [coding for coding in listed if coding not in {"identity", "aws-chunked"}]
    if len(listed) > MOST_CODINGS:
        raise UndecodableError("too many codings")
    limit = min(MAXIMUM_BYTES, max(MAXIMUM_RATIO * len(body), _RATIO_FREE_BYTES))
    for coding in reversed(listed):
        unpack = _CODINGS.get(coding)
        if unpack is None:
            raise UndecodableError("unknown coding")
        try:
            body = unpack(body, limit)
        except (zlib.error, zstandard.ZstdError, brotli.error, EOFError, MemoryError):
            raise UndecodableError("damaged") from None
    if len(body) > MAXIMUM_BYTES:
        raise UndecodableError("too long")
    return body


def text_of(body: bytes, charset: str) -> str | None:
    """The body as text: by its byte order mark, its declared charset, or UTF-8; None where it is no text."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            charset, body = name, body[len(mark) :]
            break
    try:
        found = codecs.lookup(charset or "utf-8").name
    except LookupError:
        return None
    if found not in _CHARSETS:
        return None
    try:
        text = body.decode(found)
    except (UnicodeDecodeError, ValueError):
        return None
    return None if "\x00" in text else text


def _inflate(wbits: int) -> Callable[[bytes, int], bytes]:
    def unpack(body: bytes, limit: int) -> bytes:
        found = bytearray()
        while body:  # gzip members may follow one another
            stream = zlib.decompressobj(wbits)
            found += stream.decompress(body, limit - len(found) + 1)
            if len(found) > limit:
                raise UndecodableError("bomb")
            if not stream.eof:
                raise UndecodableError("cut off")
            body = stream.unused_data.lstrip(b"\x00") if wbits > 16 else b""
        return bytes(found)

    return unpack


def _deflate(body: bytes, limit: int) -> bytes:
    try:
        return _inflate(zlib.MAX_WBITS)(body, limit)
    except zlib.error:
        return _inflate(-zlib.MAX_WBITS)(body, limit)  # raw, as some servers send it


def _unbrotli(body: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    found = bytearray(stream.process(body, output_buffer_limit=_STEP))
    while not stream.is_finished():
        if len(found) > limit:
            raise UndecodableError("bomb")
        more = stream.process(b"", output_buffer_limit=_STEP)
        if not more and stream.can_accept_more_data():
            raise UndecodableError("cut off")
        found += more
    if len(found) > limit:
        raise UndecodableError("bomb")
    return bytes(found)


def _unzstd(body: bytes, limit: int) -> bytes:
    found = bytearray()
    with zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(body, read_across_frames=True) as reader:
        while chunk := reader.read(_STEP):
            found += chunk
            if len(found) > limit:
                raise UndecodableError("bomb")
    # The reader is silent about a frame that is cut off; most frames say how long they are.
    if len(found) < zstandard.frame_content_size(body):
        raise UndecodableError("cut off")
    return bytes(found)


_CODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflate(zlib.MAX_WBITS | 16),
    "x-gzip": _inflate(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSETS = word_set(
    """
    utf-8 ascii iso8859-1 iso8859-2 iso8859-5 iso8859-7 iso8859-9 iso8859-15 cp1250 cp1251 cp1252 cp1253 cp1254
    koi8-r utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be shift_jis euc_jp gb2312 gbk gb18030 big5 euc_kr
    """
)
