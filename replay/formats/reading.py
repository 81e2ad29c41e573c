"""Reading a foreign file as a stream: gzip and zstd are unpacked on the way, and no line grows without bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from replay.errors import InputError

CHUNK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 256 << 10
"""Of a longer line only the beginning is seen, so that it counts as damaged and costs no more memory."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BROKEN = (EOFError, OSError, zlib.error, zstandard.ZstdError)
"""What reading a compressed file raises where it is damaged or cut off."""


def open_unpacked(path: Path, what: str) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip or zstd; ``what`` names it in the error: ``a .gor file``.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        file = path.open("rb")
        magic = file.peek(4)[:4]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Name {what}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Name {what}.") from None
    if magic.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if magic == _ZSTD:
        return cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
    return file


def lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines without their ends, in chunks' worth of memory. Raises what ``BROKEN`` names."""
    rest = b""
    while chunk := source.read(CHUNK_BYTES):
        whole = (rest + chunk).split(b"\n")
        rest = whole.pop()[:LONGEST_LINE_BYTES]
        yield from whole
    if rest:
        yield rest
