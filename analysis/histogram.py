"""Latencies as counts in logarithmic buckets, per route and slice of time: exact to merge, bounded in error.

Bucket b holds γ^(b−1) < x ≤ γ^b with γ = (1 + a)/(1 − a); its value 2γ^b/(γ + 1) is within a of every x in it. With
a = 0.005 a quantile of 100 ms is reported between 99.5 and 100.5 ms, for every x from 1 µs to 1,000 s; what lies
outside is counted in the first or last bucket. Counting is deterministic, and merging two histograms gives what
counting both inputs together would have given (the mapping of DDSketch: Masson, Rim and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]

ACCURACY = 0.005  # "alpha" in the paper, a in docs/verdict.md
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
LOG_GAMMA = math.log(GAMMA)
FIRST = math.ceil(math.log(1e3) / LOG_GAMMA)
BUCKETS = math.ceil(math.log(1e12) / LOG_GAMMA) - FIRST + 1
"""Cells of a histogram: 1 µs to 1,000 s, in nanoseconds."""

_PENDING_CELLS = 1 << 22
_DENSE = 2
"""A batch is counted in a table of all its triples where that has at most so many places for each row; where it has
more, rows hardly share a triple, and counting them one by one is as good."""
_BLOCK = 1 << 16
"""Rows whose keys and weights stay in the processor's cache while they are counted: three times as fast."""


def cells_of(values_ns: Integers) -> NDArray[np.int16]:
    """The cell (0 … BUCKETS − 1) of each value in nanoseconds."""
    scratch = np.maximum(values_ns, 1).astype(np.float64)
    np.log(scratch, out=scratch)
    scratch *= 1 / LOG_GAMMA
    np.ceil(scratch, out=scratch)
    scratch -= FIRST
    np.clip(scratch, 0, BUCKETS - 1, out=scratch)
    return scratch.astype(np.int16)


def values_of(cells: NDArray[np.integer]) -> Floats:
    """The value in nanoseconds that stands for each cell, within ``ACCURACY`` of all that the cell holds."""
    return 2 * np.exp((cells + FIRST) * LOG_GAMMA) / (GAMMA + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Counts of one batch, by route: parallel arrays, and where each route begins and ends in them."""

    ends: Integers
    """Shape (routes + 1,), for the routes 0 … of the batch."""
    time_slice: NDArray[np.int32]
    cell: NDArray[np.int16]
    count: NDArray[np.integer]
    """One byte a row, and that byte shared by all, where rows stand one by one."""
    span: int
    """Slices from the first to the last."""

    def of_route(self, route: int) -> slice:
        return slice(self.ends[route], self.ends[route + 1]) if route < self.ends.size - 1 else slice(0, 0)


class SliceCounter:
    """Counts (route, slice, cell) triples of any number of batches, sparse and exact.

    Memory grows with the number of distinct triples (10 bytes each) or, where rows share next to none, with the rows.
    Rows in order of time are counted fastest, since batches then have few slices in common.

    Args:
        slices: how many slices of time a route has.
        cells: how many cells a slice has.
    """

    def __init__(self, slices: int, cells: int) -> None:
        self.slices = slices
        self.cells = cells
        self._parts: list[_Part] = []
        self._limit = _PENDING_CELLS

    def add(self, route: Integers, time_slice: Integers, cell: NDArray[np.integer]) -> None:
        """Count one batch of rows; the three arrays are of one length."""
        if route.size == 0:
            return
        first_slice, first_cell = int(time_slice.min()), int(cell.min())
        slices, cells = int(time_slice.max()) - first_slice + 1, int(cell.max()) - first_cell + 1
        size = (int(route.max()) + 1) * slices * cells
        if size <= _DENSE * route.size:
            keys = route * slices
            keys += time_slice
            keys *= cells
            keys += cell
            keys -= first_slice * cells + first_cell
            dense = np.bincount(keys, minlength=size)
            found = np.flatnonzero(dense != 0)  # of bools, five times as fast as of numbers
            part = _part(found, dense[found], slices, cells, first_slice, first_cell)
        else:
            part = _by_route(route, time_slice, cell, slices)
        self._parts.append(part)
        # Batches in order of time share no more than a slice each, and putting them together would save nothing.
        overlap = sum(part.span for part in self._parts) > 2 * self.slices
        if overlap and sum(part.cell.size for part in self._parts) > self._limit:
            self._consolidate()

    def _consolidate(self) -> None:
        keys = []
        for part in self._parts:
            route = np.repeat(np.arange(part.ends.size - 1), np.diff(part.ends))
            keys.append((route * self.slices + part.time_slice) * self.cells + part.cell)
        counts = np.concatenate([part.count for part in self._parts], dtype=np.int64)
        found, count = _merge(np.concatenate(keys), counts)
        self._parts = [_part(found, count, self.slices, self.cells, 0, 0)]
        self._limit = max(_PENDING_CELLS, 2 * found.size)

    def histograms(self, routes: int) -> list[Histogram]:
        """One histogram a route, for the routes 0 … ``routes`` − 1."""
        size = sum(part.cell.size for part in self._parts)
        # Each column of all routes lies in one piece: the kernel hands out a large piece many times as fast.
        time_slice, cell = np.empty(size, np.int32), np.empty(size, np.int16)
        count = np.empty(size, np.result_type(np.uint8, *(part.count.dtype for part in self._parts)))
        found: list[Histogram] = []
        first = 0
        for route in range(routes):
            end = first
            for part in self._parts:
                at = part.of_route(route)
                begin, end = end, end + at.stop - at.start
                time_slice[begin:end] = part.time_slice[at]
                cell[begin:end] = part.cell[at]
                count[begin:end] = part.count[at]
            whole = slice(first, end)
            found.append(Histogram(self.slices, time_slice[whole], cell[whole], count[whole], self.cells))
            first = end
        return found


_ONE = np.uint8(1)


def _by_route(route: Integers, time_slice: Integers, cell: NDArray[np.integer], span: int) -> _Part:
    """The rows of a batch one by one, put in order of their routes."""
    routes = int(route.max()) + 1
    short = route.astype(np.min_scalar_type(routes - 1))  # up to 16 bits numpy sorts by radix
    order = np.argsort(short, kind="stable")
    return _Part(
        ends=np.r_[0, np.cumsum(np.bincount(short, minlength=routes))],
        time_slice=time_slice.astype(np.int32).take(order),
        cell=cell.astype(np.int16, copy=False).take(order),
        count=np.broadcast_to(_ONE, order.size),
        span=span,
    )


def _part(found: Integers, count: Integers, slices: int, cells: int, first_slice: int, first_cell: int) -> _Part:
    """The counts of sorted keys (route · slices + slice − first) · cells + cell − first."""
    block = found // cells
    route = block // slices
    return _Part(
        ends=np.searchsorted(route, np.arange(int(route[-1]) + 2)),
        time_slice=(block - route * slices + first_slice).astype(np.int32),
        cell=(found - block * cells + first_cell).astype(np.int16),
        count=count.astype(np.int32),
        span=slices,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """The counts of one route: parallel arrays of the cells that hold something; a cell may stand there twice."""

    slices: int
    time_slice: NDArray[np.int32]
    cell: NDArray[np.int16]
    count: NDArray[np.integer] | Floats
    """Whole numbers, or weights once ``merged`` with some."""
    cells: int = BUCKETS

    @property
    def n(self) -> float:
        """How many values were counted."""
        return float(self.count.sum())

    def by_cell(self) -> Floats:
        """Counts per cell over all slices, shape (cells,)."""
        found = np.zeros(self.cells)
        for at in _blocks(self.cell.size, self.cells):
            found += np.bincount(self.cell[at], weights=self.count[at], minlength=self.cells)
        return found

    def by_slice(self, weights: Floats | None = None) -> Floats:
        """Counts per slice, shape (slices,), each cell weighted by ``weights`` (shape (cells,)) if given."""
        counted = self.count if weights is None else self.count * weights[self.cell]
        return np.bincount(self.time_slice, weights=counted, minlength=self.slices)

    def keys(self, at: slice) -> Integers:
        """The place of each row of ``at`` in a table of slices × cells."""
        found = self.time_slice[at].astype(np.int64)
        found *= self.cells
        found += self.cell[at]
        return found

    def table(self, column_of: Integers, columns: int) -> Floats:
        """Counts per slice and column, shape (slices, columns); ``column_of`` says of each cell which is its own."""
        size = self.slices * columns
        found = np.zeros(size)
        for at in _blocks(self.cell.size, size):
            keys = self.time_slice[at].astype(np.int64) * columns
            keys += column_of.take(self.cell[at])
            found += np.bincount(keys, weights=self.count[at], minlength=size)
        return found.reshape(self.slices, columns)

    def quantile_ns(self, p: float) -> float:
        """The p-quantile (inverted distribution function) within ``ACCURACY``; nan where nothing was counted."""
        return quantile_ns(self.by_cell(), p)


def quantile_ns(by_cell: Floats, p: float) -> float:
    """The p-quantile of what was counted in cells; see ``Histogram.quantile_ns``."""
    total = np.cumsum(by_cell)
    if total[-1] <= 0:
        return math.nan
    # A weighted count may miss a whole number by rounding; half a billionth of it is no rank.
    rank = max(p * total[-1] * (1 - 1e-12), 1e-12)
    return float(values_of(np.searchsorted(total, rank, side="left"))[()])


def merged(parts: Sequence[Histogram], weights: Sequence[float] = ()) -> Histogram:
    """The histogram of all that the parts counted, each weighted by its own of ``weights``; () weighs all alike.

    Raises:
        ValueError: the parts do not have the same slices and cells.
    """
    first = parts[0]
    for other in parts[1:]:
        if (other.slices, other.cells) != (first.slices, first.cells):
            raise ValueError(
                f"cannot merge histograms of {first.slices} slices × {first.cells} cells "
                f"and {other.slices} × {other.cells}."
            )
    size = first.slices * first.cells
    each = list(zip(parts, weights or [1.0] * len(parts), strict=True))
    if size <= 4 * sum(part.cell.size for part in parts):
        dense = np.zeros(size)
        for part, weight in each:
            for at in _blocks(part.cell.size, 0):
                np.add.at(dense, part.keys(at), part.count[at] * weight)
        keys = np.flatnonzero(dense)
        count: Floats = dense[keys]
    else:
        keys = np.concatenate([part.keys(slice(None)) for part in parts])
        count = np.concatenate([part.count * weight for part, weight in each])
        if keys.size:
            keys, count = _merge(keys, count)
    of_slice = keys // first.cells
    of_cell = keys - of_slice * first.cells
    return Histogram(first.slices, of_slice.astype(np.int32), of_cell.astype(np.int16), count, first.cells)


def _blocks(rows: int, places: int) -> Iterator[slice]:
    """The rows in blocks that are counted in a table of so many places each."""
    step = max(_BLOCK, 2 * places)
    return (slice(first, first + step) for first in range(0, rows, step))


def histogram_of(values_ns: Integers, time_slice: Integers, slices: int) -> Histogram:
    """The histogram of one route's values, given the slice of each."""
    counter = SliceCounter(slices, BUCKETS)
    counter.add(np.zeros(values_ns.size, np.int64), time_slice, cells_of(values_ns))
    return counter.histograms(1)[0]


def _merge[Counts: (Integers, Floats)](keys: Integers, counts: Counts) -> tuple[Integers, Counts]:
    order = np.argsort(keys, kind="stable")  # sorted runs behind one another: cheap to merge
    keys, counts = keys[order], counts[order]
    is_new = np.empty(keys.size, bool)
    is_new[0] = True
    np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
    if is_new.all():
        return keys, counts
    starts = np.flatnonzero(is_new)
    return keys[starts], np.add.reduceat(counts, starts)
