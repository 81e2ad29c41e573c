"""The plan as the engine reads it: mapped into memory, a few hundred rows at a time, in order of ``due``.

Memory does not grow with the plan: a slice is turned into Python objects just before it is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from loadtests.engine.calls import Row
from loadtests.engine.requests import whole_requests
from replay.errors import InputError
from replay.plan.bindings import Bindings, as_known, beside, decode, resolved
from replay.plan.store import REQUESTS_NAME, Plan
from replay.safety import may_send

type _Numbers = np.ndarray[Any, Any]

BATCHES_A_MAPPING = 16
SLICE_ROWS = 256
"""A slice takes about 0.2 ms to unpack: short enough not to be seen as lag, long enough to pay."""


@dataclass(slots=True)
class NameTable:
    """Names by number, in the order in which they were first met."""

    names: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """The number of ``name``, a new one where it has none."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found


MAX_UNSENT = 1 << 17
"""Rows that are remembered although they are not sent; the older half is forgotten when there are more."""


class _Unsent(NamedTuple):
    """What remains of a row that is not sent, for those that depend on it."""

    depends_on: int
    due: int
    think: int


@dataclass(slots=True)
class RowReader:
    """Reads the rows that may be sent, with names as numbers and times on the run clock.

    ``targets`` gives each host's pool; rows of other hosts, and writes whose route is not named, are not part of the
    run and are skipped, and so is what needs a value of their answers. A row that depends on one of those depends on
    what that one depended on, and thinks for as long as both together took in the recording.
    """

    plan: Plan
    targets: Mapping[str, int]
    writes: frozenset[str]
    speed: float = 1.0
    replaced: frozenset[str] = frozenset()
    """Headers, in lower case, that the run gives every request itself: what stands there needs no live value."""
    columns: frozenset[str] = frozenset()
    """What the run's accounts say; where a span takes another column, its recorded value is sent."""
    routes: NameTable = field(default_factory=NameTable)
    methods: NameTable = field(default_factory=NameTable)
    _known: dict[str, tuple[pa.Array, _Numbers]] = field(default_factory=dict)
    _unsent: dict[int, _Unsent] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row]:
        """The rows in order of ``due``."""
        return chain.from_iterable(map(self.rows, fresh_batches(self.plan)))

    def rows(self, batch: pa.RecordBatch) -> Iterator[Row]:
        """The rows of one batch, unpacked a slice at a time."""
        return chain.from_iterable(self._slices(batch))

    def _slices(self, batch: pa.RecordBatch) -> Iterator[Iterable[Row]]:
        column = {name: batch.column(index) for index, name in enumerate(batch.schema.names)}
        due = _numbers(column["due"], np.int64)
        route, method, host = (self._named(column[name], name) for name in ("route", "method", "host"))
        numbers = [
            due if self.speed == 1.0 else (due / self.speed).astype(np.int64),
            *(_numbers(column[name], np.int64) for name in ("request", "session")),
            _numbers(column["lane"], np.int32),
            *(_numbers(column[name], np.int64) for name in ("depends_on", "think")),
            *(route, method, host),
            _numbers(column["expected_status"], np.int32),
        ]
        sent = (host >= 0) & self._may_send(method, route)
        for start in range(0, batch.num_rows, SLICE_ROWS):
            part = slice(start, start + SLICE_ROWS)
            wires = _binaries(column["wire"].slice(start, SLICE_ROWS))
            rows = list(
                map(
                    Row,
                    *(values[part].tolist() for values in numbers),
                    self._bindings(column["bindings"].slice(start, SLICE_ROWS), wires),
                    whole_requests(wires, [self.methods.names[number] for number in method[part].tolist()]),
                )
            )
            yield rows if sent[part].all() and not self._unsent else self._sent(rows, sent[part].tolist())

    def _sent(self, rows: list[Row], sent: list[bool]) -> Iterator[Row]:
        for row, is_sent in zip(map(self._chained, rows), sent, strict=True):
            if is_sent and row.bindings is None:
                yield row
            elif is_sent and row.bindings is not None and (bindings := resolved(row.bindings, self._unsent)):
                yield row if bindings is row.bindings else msgspec.structs.replace(row, bindings=bindings)
            else:
                self._remember(row)

    def _remember(self, row: Row) -> None:
        self._unsent[row.request] = _Unsent(row.depends_on, row.due, row.think)
        if len(self._unsent) > MAX_UNSENT:
            for request in list(islice(self._unsent, MAX_UNSENT // 2)):
                del self._unsent[request]

    def _chained(self, row: Row) -> Row:
        before = self._unsent.get(row.depends_on)
        if before is None:
            return row
        think = before.think + round((row.due - before.due) * self.speed)  # think times are not yet compressed
        return msgspec.structs.replace(row, depends_on=before.depends_on, think=think)

    def _bindings(self, column: pa.Array, wires: Sequence[bytes]) -> list[Bindings | None]:
        if column.null_count == len(column):
            return [None] * len(column)
        found = [None if cell is None else decode(cell) for cell in column.to_pylist()]
        if self.replaced:
            found = [each and beside(each, wire, self.replaced) for each, wire in zip(found, wires, strict=True)]
        found = [each and as_known(each, self.columns) for each in found]
        if self.speed == 1.0:
            return found
        return [each and msgspec.structs.replace(each, until=round(each.until / self.speed)) for each in found]

    def _may_send(self, methods: _Numbers, routes: _Numbers) -> _Numbers:
        allowed = np.array([may_send(name, "", ()) for name in self.methods.names], bool)[methods]
        writes = np.flatnonzero(~allowed)
        allowed[writes] = [
            may_send(self.methods.names[method], self.routes.names[route], self.writes)
            for method, route in zip(methods[writes].tolist(), routes[writes].tolist(), strict=True)
        ]
        return allowed

    def _named(self, column: pa.DictionaryArray, name: str) -> _Numbers:
        known = self._known.get(name)
        if known is None or not known[0].equals(column.dictionary):
            numbers = [self._translate(name, value) for value in column.dictionary.to_pylist()]
            self._known[name] = known = (column.dictionary, np.array(numbers, np.int64))
        return known[1][_numbers(column.indices, np.int32)]

    def _translate(self, column: str, value: str) -> int:
        if column == "route":
            return self.routes.number(value)
        if column == "method":
            return self.methods.number(value)
        return self.targets.get(value, -1)


def fresh_batches(plan: Plan) -> Iterator[pa.RecordBatch]:
    """The batches of ``plan``, mapped anew every few: what was read leaves resident memory with its mapping."""
    path, number, count = str(plan.folder / REQUESTS_NAME), 0, 1
    while number < count:
        try:
            with pa.memory_map(path) as source:
                reader = pa.ipc.open_file(source)
                count = reader.num_record_batches
                for _ in range(min(BATCHES_A_MAPPING, count - number)):
                    yield reader.get_batch(number)
                    number += 1
        except (pa.ArrowInvalid, OSError):
            raise InputError(f"{path}: is missing, cut off or damaged. Make the plan again.") from None


def _numbers(column: pa.Array, kind: type[np.generic]) -> _Numbers:
    # Array.to_numpy() imports pandas; the buffer is the same numbers.
    values: _Numbers = np.frombuffer(column.buffers()[1], kind)
    return values[column.offset : column.offset + len(column)]


def _binaries(column: pa.Array) -> list[bytes]:
    _, offset_buffer, data = column.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[column.offset : column.offset + len(column) + 1]
    first, size = int(offsets[0]), int(offsets[-1] - offsets[0])
    content = data.slice(first, size).to_pybytes() if data is not None else b""
    return [content[start:end] for start, end in pairwise((offsets - first).tolist())]
