"""Reading a foreign file as a stream: gzip is unpacked on the way, and no line grows without bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from replay.errors import InputError
from replay.storage import open_file

CHUNK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 256 << 10
"""Of a longer line only the beginning is seen, so that it counts as damaged and costs no more memory."""

_GZIP = b"\x1f\x8b"
BROKEN = (EOFError, OSError, zlib.error)
"""What reading a compressed file raises where it is damaged or cut off."""


class Source(Protocol):
    """An open file of bytes."""

    def read1(self, size: int, /) -> bytes:
        """Up to ``size`` bytes, b'' at the end; of a packed file that breaks off, first all that is whole."""

    def close(self) -> None:
        """Close the file."""


def open_unpacked(path: Path, what: str) -> Source:
    """The file's bytes, unpacked where it is gzip; ``what`` names it in the error: ``a .gor file``.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        file = open_file(path)
        magic = file.peek(2)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Name {what}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Name {what}.") from None
    if magic.startswith(_GZIP):
        return cast(Source, _Unpacked(file))
    return file


class _Unpacked(gzip.GzipFile):
    """A packed file that is closed with what unpacks it."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def lines(source: Source) -> Iterator[bytes]:
    """The lines without their ends, in chunks' worth of memory. Raises what ``BROKEN`` names."""
    return chain.from_iterable(_pieces(source))


def _pieces(source: Source) -> Iterator[list[bytes]]:
    """The lines of each chunk that is read."""
    rest = b""
    with closing(source):
        while chunk := source.read1(CHUNK_BYTES):
            whole = (rest + chunk).split(b"\n")
            rest = whole.pop()[:LONGEST_LINE_BYTES]
            yield whole
    if rest:
        yield [rest]
