"""The sessions of every lane, for closed replay: a plan is in order of time, closed replay needs it by session.

The index is a file of 16 bytes a row, without a name and mapped: memory holds one lane of it at a time.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from loadtests.engine.calls import Row
from loadtests.engine.rows import RowReader

type _Array = np.ndarray[Any, Any]


class SessionIndex:
    """Finds the rows of a lane's sessions, in order."""

    def __init__(self, reader: RowReader, folder: Path) -> None:
        self._reader = reader
        self._lanes = reader.plan.manifest.lanes
        self._batches: list[pa.RecordBatch] = list(reader.plan.batches())  # mapped, not read
        self._firsts: list[int] = []
        rows = 0
        for batch in self._batches:
            self._firsts.append(rows)
            rows += batch.num_rows
        self._ends = np.zeros(self._lanes, np.int64)
        with tempfile.TemporaryFile(dir=folder) as file:
            self._rows: _Array = np.memmap(file, np.int64, "w+", shape=(2, max(1, rows)))
        self._build()

    def session(self, lane: int, position: int) -> list[Row] | None:
        """The rows of the ``position``-th session that ``lane`` plays; None where it has no more.

        Rows that are not sent are left out, so a session may be empty.
        """
        plan_lane = lane % self._lanes
        start = int(self._ends[plan_lane - 1]) if plan_lane else 0
        sessions = self._rows[1, start : int(self._ends[plan_lane])]
        # Sessions of a lane are ascending; the n-th is found by stepping over whole sessions.
        at = self._starts(plan_lane, sessions)
        if position >= len(at) - 1:
            return None
        numbers = self._rows[0, start + at[position] : start + at[position + 1]].tolist()
        return [row for number in numbers for row in self._row(number)]

    def _row(self, number: int) -> list[Row]:
        batch = bisect_right(self._firsts, number) - 1
        return list(self._reader.rows(self._batches[batch].slice(number - self._firsts[batch], 1)))

    def _starts(self, plan_lane: int, sessions: _Array) -> list[int]:
        found = self._known.get(plan_lane)
        if found is None:
            found = [*np.flatnonzero(np.diff(sessions, prepend=-1)).tolist(), len(sessions)]
            self._known[plan_lane] = found
        return found

    def _build(self) -> None:
        self._known: dict[int, list[int]] = {}
        for batch in self._batches:
            self._ends += np.bincount(_numbers(batch, "lane", np.int32), minlength=self._lanes)
        np.cumsum(self._ends, out=self._ends)
        free = np.concatenate([[0], self._ends[:-1]])
        for first, batch in zip(self._firsts, self._batches, strict=True):
            lanes, sessions = _numbers(batch, "lane", np.int32), _numbers(batch, "session", np.int64)
            for lane in np.unique(lanes).tolist():
                mine = np.flatnonzero(lanes == lane)
                place = slice(int(free[lane]), int(free[lane]) + len(mine))
                self._rows[0, place] = first + mine
                self._rows[1, place] = sessions[mine]
                free[lane] += len(mine)
        start = 0
        for end in self._ends.tolist():
            part = self._rows[:, start:end]
            part[:] = part[:, np.argsort(part[1], kind="stable")]
            start = end


def _numbers(batch: pa.RecordBatch, name: str, kind: type[np.generic]) -> _Array:
    column = batch.column(batch.schema.get_field_index(name))
    values: _Array = np.frombuffer(column.buffers()[1], kind)
    return values[column.offset : column.offset + len(column)]
