"""Where a series of run results changed its level for good: a test that slow noise does not set off.

Results of nightly runs are few and alike from one night to the next, so that tests which take them for independent
find changes everywhere. The statistic is the largest Student's t of all splits in two (Worsley 1979), whose spread is
that within the two parts, so that a result far off makes it smaller, not larger. Its distribution without a change is
simulated for an autoregression whose coefficient is estimated within the two parts, corrected for how short they are,
and never taken below 0.3. What that leaves of false alarms, ``benchmarks/history.py`` measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import lfilter

from analysis.histogram import Floats

LEAST_SEGMENT = 4
"""Results on either side of a change, at least: what lasted for fewer runs is not called lasting."""
LEAST_LIKENESS = 0.3
"""Correlation of neighbouring results that is supposed in any case: an estimate from twenty of them can miss it."""
_MOST_LIKENESS = 0.9
DRAWS = 4_000
_BEFORE = 50
"""Steps of the autoregression before the series begins."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level between two results of a series."""

    first: int
    """Index of the first result after it."""
    end: int
    """Index behind the stretch after it: the series' length, or the next change."""
    before: float
    """Median of the stretch before."""
    after: float
    """Median of the stretch after."""
    p: float
    """Chance of such a statistic in a series without a change, at least 1/``DRAWS``."""


def likeness(values: Sequence[float]) -> float:
    """Correlation of neighbouring results within the two parts that fit best, −1 … 1; 0 for too short a series.

    Two estimated means bias it by about (2 + 4ρ)/n (Kendall 1954, twice), which is added.
    """
    if len(values) < 2 * LEAST_SEGMENT:
        return 0.0
    series = np.asarray(values, np.float64)
    at = LEAST_SEGMENT + int(np.argmax(_statistics(series[None, :])[0]))
    centred = np.concatenate([series[:at] - series[:at].mean(), series[at:] - series[at:].mean()])
    power = float(centred @ centred)
    found = float(centred[1:] @ centred[:-1]) / power if power else 0.0
    return min(1.0, found + (2 + 4 * found) / series.size)


def p_change(values: Sequence[float], least_likeness: float = LEAST_LIKENESS) -> float:
    """Chance of such a change in a series without any; 1 where the series is too short to hold one.

    Args:
        least_likeness: what is supposed where the series itself shows less, such as the median of its neighbours.
    """
    if len(values) < 2 * LEAST_SEGMENT:
        return 1.0
    alike = min(max(likeness(values), least_likeness, LEAST_LIKENESS), _MOST_LIKENESS)
    statistics = _statistics(np.asarray(values, np.float64)[None, :])[0]
    null = _null(len(values), math.ceil(10 * alike - 1e-9) / 10)
    return float(1 + np.sum(null >= statistics.max() * (1 - 1e-9))) / (null.size + 1)


def change_points(
    values: Sequence[float], alpha: float, least: float, least_likeness: float = LEAST_LIKENESS
) -> list[ChangePoint]:
    """The changes of level in ``values``, in their order; found one inside another (binary segmentation).

    A stretch after which the old level came back hides its own two changes: what is over did not last.

    Args:
        alpha: chance of any false alarm in a series without a change.
        least: smallest difference of the medians worth a mention.
        least_likeness: see ``p_change``.
    """
    cuts = [0, *sorted(_cuts(values, 0, len(values), alpha, least_likeness)), len(values)]
    found: list[ChangePoint] = []
    for begin, first, end in zip(cuts, cuts[1:], cuts[2:], strict=False):
        before, after = float(np.median(values[begin:first])), float(np.median(values[first:end]))
        if abs(after - before) >= least:
            found.append(ChangePoint(first, end, before, after, p_change(values[begin:end], least_likeness)))
    return found


def _cuts(values: Sequence[float], begin: int, end: int, alpha: float, alike: float) -> Iterator[int]:
    part = values[begin:end]
    if p_change(part, alike) > alpha:
        return
    at = begin + LEAST_SEGMENT + int(np.argmax(_statistics(np.asarray(part)[None, :])[0]))
    yield at
    yield from _cuts(values, begin, at, alpha, alike)
    yield from _cuts(values, at, end, alpha, alike)


def _statistics(series: Floats) -> Floats:
    """Student's t of each row of ``series`` (shape (rows, n)) at each admitted split, shape (rows, splits)."""
    n = series.shape[1]
    k = np.arange(LEAST_SEGMENT, n - LEAST_SEGMENT + 1)
    centred = series - series.mean(axis=1, keepdims=True)
    whole = (centred**2).sum(axis=1, keepdims=True)
    between = np.cumsum(centred, axis=1)[:, k - 1] ** 2 * n / (k * (n - k))
    within = np.maximum(whole - between, 1e-12 * whole + 1e-300)
    found: Floats = np.sqrt(between / within * (n - 2))
    return found


@cache
def _null(n: int, likeness: float) -> Floats:
    """Largest statistics of ``DRAWS`` series of ``n`` results without a change."""
    rng = np.random.default_rng((n, round(10 * likeness)))
    noise = rng.standard_normal((DRAWS, n + _BEFORE))
    series = lfilter([1.0], [1.0, -likeness], noise, axis=1)[:, _BEFORE:]
    found: Floats = _statistics(series).max(axis=1)
    return found
