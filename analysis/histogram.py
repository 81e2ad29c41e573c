"""Latencies as counts in logarithmic buckets, per route and slice of time: exact to merge, bounded in error.

Bucket b holds γ^(b−1) < x ≤ γ^b with γ = (1 + a)/(1 − a); its value 2γ^b/(γ + 1) is within a of every x in it. With
a = 0.005 a quantile of 100 ms is reported between 99.5 and 100.5 ms, for every x from 1 µs to 1,000 s; what lies
outside is counted in the first or last bucket. Counting is deterministic, and merging two histograms gives what
counting both inputs together would have given (the mapping of DDSketch: Masson, Rim and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def cells_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cell (0 … BUCKETS − 1) of each value in nanoseconds."""
    scratch = np.maximum(values_ns, 1).astype(np.float64)
    np.log(scratch, out=scratch)
    scratch *= 1 / LOG_GAMMA
    np.ceil(scratch, out=scratch)
    scratch -= FIRST
    np.clip(scratch, 0, BUCKETS - 1, out=scratch)
    return scratch.astype(np.int64)


def values_of(cells: NDArray[np.int64]) -> Floats:
    """The value in nanoseconds that stands for each cell, within ``ACCURACY`` of all that the cell holds."""
    return 2 * np.exp((cells + FIRST) * LOG_GAMMA) / (GAMMA + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Counts of one batch, by route: parallel arrays, and where each route begins and ends in them."""

    ends: Integers
    """Shape (routes + 1,), for the routes 0 … of the batch."""
    time_slice: NDArray[np.int32]
    cell: NDArray[np.int16]
    count: NDArray[np.int32]
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

    def add(self, route: Integers, time_slice: Integers, cell: Integers) -> None:
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
        found, count = _merge(np.concatenate(keys), np.concatenate([part.count for part in self._parts]))
        self._parts = [_part(found, count, self.slices, self.cells, 0, 0)]
        self._limit = max(_PENDING_CELLS, 2 * found.size)

    def histograms(self, routes: int) -> list[Histogram]:
        """One histogram a route, for the routes 0 … ``routes`` − 1."""
        found: list[Histogram] = []
        for route in range(routes):
            parts = [(part, part.of_route(route)) for part in self._parts]
            found.append(
                Histogram(
                    slices=self.slices,
                    time_slice=np.concatenate([_NO_SLICE, *(part.time_slice[at] for part, at in parts)]),
                    cell=np.concatenate([_NO_CELL, *(part.cell[at] for part, at in parts)]),
                    count=np.concatenate([_NO_SLICE, *(part.count[at] for part, at in parts)]),
                    cells=self.cells,
                )
            )
        return found


_NO_SLICE: NDArray[np.int32] = np.empty(0, np.int32)
_NO_CELL: NDArray[np.int16] = np.empty(0, np.int16)


def _by_route(route: Integers, time_slice: Integers, cell: Integers, span: int) -> _Part:
    """The rows of a batch one by one, put in order of their routes."""
    routes = int(route.max()) + 1
    short = route.astype(np.uint16) if routes <= 1 << 16 else route  # numpy sorts 16 bits by radix
    order = np.argsort(short, kind="stable")
    return _Part(
        ends=np.r_[0, np.cumsum(np.bincount(short, minlength=routes))],
        time_slice=time_slice.astype(np.int32).take(order),
        cell=cell.astype(np.int16).take(order),
        count=np.ones(order.size, np.int32),
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
    count: NDArray[np.int32] | Floats
    """Whole numbers, or weights once ``scaled``."""
    cells: int = BUCKETS

    @property
    def n(self) -> float:
        """How many values were counted."""
        return float(self.count.sum())

    def by_cell(self) -> Floats:
        """Counts per cell over all slices, shape (cells,)."""
        return np.bincount(self.cell, weights=self.count, minlength=self.cells)

    def by_slice(self, weights: Floats | None = None) -> Floats:
        """Counts per slice, shape (slices,), each cell weighted by ``weights`` (shape (cells,)) if given."""
        counted = self.count if weights is None else self.count * weights[self.cell]
        return np.bincount(self.time_slice, weights=counted, minlength=self.slices)

    def scaled(self, factor: float) -> Histogram:
        """The same with every count multiplied by ``factor``."""
        return Histogram(self.slices, self.time_slice, self.cell, self.count.astype(np.float64) * factor, self.cells)

    def quantile_ns(self, p: float) -> float:
        """The p-quantile (inverted distribution function) within ``ACCURACY``; nan where nothing was counted."""
        total = np.cumsum(self.by_cell())
        if total[-1] <= 0:
            return math.nan
        # A weighted count may miss a whole number by rounding; half a billionth of it is no rank.
        rank = max(p * total[-1] * (1 - 1e-12), 1e-12)
        return float(values_of(np.searchsorted(total, rank, side="left"))[()])


def merged(parts: Sequence[Histogram]) -> Histogram:
    """The histogram of all that the parts counted.

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
    keys = np.concatenate([part.time_slice.astype(np.int64) * part.cells + part.cell for part in parts])
    count: Floats = np.concatenate([part.count.astype(np.float64) for part in parts])
    if first.slices * first.cells <= 4 * keys.size:
        dense: Floats = np.bincount(keys, weights=count, minlength=first.slices * first.cells)
        keys = np.flatnonzero(dense)
        count = dense[keys]
    elif keys.size:
        keys, count = _merge(keys, count)
    of_slice = keys // first.cells
    of_cell = keys - of_slice * first.cells
    return Histogram(first.slices, of_slice.astype(np.int32), of_cell.astype(np.int16), count, first.cells)


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
