"""What lives in the requests taken, kept in a file between the passes and numbered anew for the plan.

While a capture is read, requests have the numbers in which they were taken, and what an answer must give is known
only when a later request needs it. Memory holds 16 bytes for each request that lives and each value that is taken.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from replay.plan.bindings import Bindings, Take, decode, encode, renumbered
from replay.private_files import create_private

type Ints = NDArray[np.int64]


class LivingRows:
    """Takes the bindings of requests in the order in which they are taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.fdopen(create_private(path), "wb")
        self._reader: BinaryIO | None = None
        self._row, self._at = array("q"), array("q")
        self._taker, self._key, self._place = array("q"), array("i"), array("i")
        self._places: dict[str, int] = {}

    def add(self, row: int, bindings: Bindings, takes: Iterable[tuple[int, Take]] = ()) -> None:
        """Keep what lives in ``row``, and what answers to earlier rows must give for it."""
        for taker, take in takes:
            self._taker.append(taker)
            self._key.append(take.key)
            self._place.append(self._places.setdefault(take.place, len(self._places)))
        if bindings != Bindings():
            self._row.append(row)
            self._at.append(self._file.tell())
            self._file.write(encode(bindings))

    def in_order(self, rows: Ints, session: Ints, due: Ints) -> OrderedRows:
        """The bindings in the order of the plan: of ``rows`` taken, with the session and due time of each."""
        self._at.append(self._file.tell())
        self._file.close()
        self._reader = self._path.open("rb")
        self._by_taker = np.argsort(_numbers(self._taker), kind="stable")
        return OrderedRows(self, rows, session, due)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        if self._reader is not None:
            self._reader.close()
        self._path.unlink(missing_ok=True)

    def of(self, rows: Sequence[int], number: Ints) -> dict[int, Bindings]:
        """The bindings of these rows; the requests that they name are renumbered by ``number``."""
        found: dict[int, Bindings] = {}
        bound, by_taker = _numbers(self._row), self._by_taker
        takers = _numbers(self._taker)[by_taker]
        places = list(self._places)
        for row in rows:
            at = int(np.searchsorted(bound, row))
            bindings = Bindings()
            if self._reader is not None and at < bound.size and bound[at] == row:
                self._reader.seek(self._at[at])
                bindings = renumbered(
                    decode(self._reader.read(self._at[at + 1] - self._at[at])), lambda of: int(number[of])
                )
            first, last = np.searchsorted(takers, [row, row + 1]).tolist()
            take = [Take(self._key[n], places[self._place[n]]) for n in by_taker[first:last].tolist()]
            found[row] = msgspec.structs.replace(bindings, take=take)
        return found

    def lives(self, count: int) -> NDArray[np.bool_]:
        """Which of the ``count`` rows taken need or give something."""
        found = np.zeros(count, np.bool_)
        for numbers in (self._row, self._taker):
            found[_numbers(numbers)] = True
        return found


class OrderedRows:
    """The cells of the plan's column."""

    def __init__(self, living: LivingRows, rows: Ints, session: Ints, due: Ints) -> None:
        self._living = living
        self._rows = rows
        self._session = session
        self._lives = living.lives(rows.size)[rows]
        self._number = np.empty(rows.size, np.int64)
        self._number[rows] = np.arange(rows.size)
        self._until = np.zeros(int(session.max(initial=-1)) + 1, np.int64)
        np.maximum.at(self._until, session[self._lives], due[self._lives])

    @property
    def count(self) -> int:
        """Requests that need or give something."""
        return int(self._lives.sum())

    def cells(self, first: int, count: int) -> list[str | None]:
        """The cells of ``count`` requests from number ``first`` on."""
        numbers = (first + np.flatnonzero(self._lives[first : first + count])).tolist()
        rows = self._rows[numbers].tolist()
        bindings = self._living.of(rows, self._number)
        cells: list[str | None] = [None] * count
        for number, row in zip(numbers, rows, strict=True):
            until = int(self._until[self._session[number]])
            cells[number - first] = encode(msgspec.structs.replace(bindings[row], until=until)).decode()
        return cells


def _numbers(values: array[int]) -> Ints:
    return np.frombuffer(values, np.int64) if values else np.zeros(0, np.int64)
