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


class SliceCounter:
    """Counts (route, slice, cell) triples of any number of batches, sparse and exact.

    Memory grows with the number of distinct triples (12 to 16 bytes each), not with the rows.

    Args:
        slices: how many slices of time a route has.
        cells: how many cells a slice has.
    """

    def __init__(self, slices: int, cells: int) -> None:
        self.slices = slices
        self.cells = cells
        self._keys: list[Integers] = []
        self._counts: list[Integers] = []
        self._pending = 0

    def add(self, route: Integers, time_slice: Integers, cell: Integers) -> None:
        """Count one batch of rows; the three arrays are of one length.

        A batch usually holds few slices and few cells, so its keys are made of just these and fit in 32 bits.
        """
        if route.size == 0:
            return
        first_slice, first_cell = int(time_slice.min()), int(cell.min())
        slices, cells = int(time_slice.max()) - first_slice + 1, int(cell.max()) - first_cell + 1
        keys = route * slices
        keys += time_slice
        keys *= cells
        keys += cell
        keys -= first_slice * cells + first_cell
        size = (int(route.max()) + 1) * slices * cells
        found, counts = _distinct(keys.astype(np.int32) if size < 1 << 31 else keys, size)
        rest, of_cell = np.divmod(found, cells)
        of_route, of_slice = np.divmod(rest, slices)
        self._push(((of_route * self.slices) + of_slice + first_slice) * self.cells + of_cell + first_cell, counts)

    def _push(self, keys: Integers, counts: Integers) -> None:
        self._keys.append(keys)
        self._counts.append(counts)
        self._pending += keys.size
        if self._pending > _PENDING_CELLS and len(self._keys) > 1:
            self._consolidate()
            self._pending = 0

    def _consolidate(self) -> None:
        if len(self._keys) > 1:
            keys, counts = _merge(np.concatenate(self._keys), np.concatenate(self._counts))
            self._keys, self._counts = [keys], [counts]

    def histograms(self, routes: int) -> list[Histogram]:
        """One histogram a route, for the routes 0 … ``routes`` − 1."""
        self._consolidate()
        empty = np.empty(0, np.int64)
        keys = self._keys[0] if self._keys else empty
        counts = self._counts[0] if self._counts else empty
        width = self.slices * self.cells
        ends = np.searchsorted(keys, np.arange(routes + 1) * width)
        found: list[Histogram] = []
        for route in range(routes):
            part = slice(ends[route], ends[route + 1])
            local = keys[part] - route * width
            found.append(
                Histogram(
                    slices=self.slices,
                    time_slice=(local // self.cells).astype(np.int32),
                    cell=(local % self.cells).astype(np.int32),
                    count=counts[part].astype(np.float64),
                    cells=self.cells,
                )
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """The counts of one route: parallel arrays of the cells that hold something."""

    slices: int
    time_slice: NDArray[np.int32]
    cell: NDArray[np.int32]
    count: Floats
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
        return Histogram(self.slices, self.time_slice, self.cell, self.count * factor, self.cells)

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
    count = np.concatenate([part.count for part in parts])
    if first.slices * first.cells <= 4 * keys.size:
        dense = np.bincount(keys, weights=count, minlength=first.slices * first.cells)
        keys = np.flatnonzero(dense)
        count = dense[keys]
    elif keys.size:
        keys, count = _merge(keys, count)
    of_slice, of_cell = np.divmod(keys, first.cells)
    return Histogram(first.slices, of_slice.astype(np.int32), of_cell.astype(np.int32), count, first.cells)


def histogram_of(values_ns: Integers, time_slice: Integers, slices: int) -> Histogram:
    """The histogram of one route's values, given the slice of each."""
    counter = SliceCounter(slices, BUCKETS)
    counter.add(np.zeros(values_ns.size, np.int64), time_slice, cells_of(values_ns))
    return counter.histograms(1)[0]


def _distinct(keys: NDArray[np.signedinteger], size: int) -> tuple[Integers, Integers]:
    """Distinct keys, sorted, and how often each occurs; by a dense table where that is no larger than the keys."""
    if size <= 2 * keys.size:
        dense = np.bincount(keys, minlength=size)
        found = np.flatnonzero(dense)
        return found, dense[found]
    keys.sort()
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return keys[starts].astype(np.int64), np.diff(np.r_[starts, keys.size])


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
