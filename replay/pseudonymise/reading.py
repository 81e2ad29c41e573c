"""Lines of an export as they come: unpacked, whole whatever they hold, and never longer than memory allows."""

from __future__ import annotations

from collections.abc import Iterator

from replay.errors import InputError
from replay.formats.reading import BROKEN, CHUNK_BYTES, Source

LONGEST_RECORD_BYTES = 16 << 20


class Lines:
    """The lines of a source as text, with their ends.

    Raises while it is read:
        InputError: a line is too long, is no UTF-8, or the file breaks off.
    """

    def __init__(self, source: Source, where: str) -> None:
        self._source = source
        self.where = where
        self.number = 0
        """The line that was read last, from 1."""
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise self._wrong("is no UTF-8. Export the table as UTF-8") from None

    def _read(self) -> Iterator[bytes]:
        rest = b""
        while chunk := self._chunk():
            whole = (rest + chunk).split(b"\n")
            rest = whole.pop()
            for line in whole:
                yield line + b"\n"
            if len(rest) > LONGEST_RECORD_BYTES:
                self.number += 1
                raise self._wrong(f"is longer than {LONGEST_RECORD_BYTES >> 20} MiB. Is the format right?")
        if rest:
            yield rest

    def _chunk(self) -> bytes:
        try:
            return self._source.read1(CHUNK_BYTES)
        except BROKEN:
            self.number += 1
            raise self._wrong("breaks off: the file is cut or damaged. Copy it again") from None

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self.where}, line {self.number}: {what}. Nothing was written.")
