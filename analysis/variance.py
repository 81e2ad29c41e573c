"""What a quantile of dependent requests is known to: long-run variance, intervals, effective sample size.

Requests share sessions, machines and minutes, so a thousand of them say less than a thousand independent ones. The
variance of the distribution function at the quantile is therefore taken from sums per slice of time, by the
equal-weighted cosine estimator with ν = 8 (Müller 2007; Lazarus, Lewis, Stock and Watson 2018), whose intervals use
Student's t with ν degrees of freedom. It is near nominal where a run is at least 30 time constants of its drift long;
where two runs are compared, ``analysis.drift`` replaces it by a fit of more of the spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from analysis.histogram import FIRST, LOG_GAMMA, Floats, Histogram, values_of
from analysis.uncertainty import Uncertainty, t_bounds

NU = 8
"""Cosine terms, and so degrees of freedom."""


_UNKNOWN = 10.0
"""Standard error of a share of which nothing is known: every bound lies beyond 0 and 1."""


@cache
def _cosines(slices: int, nu: int) -> Floats:
    terms = np.arange(1, nu + 1)[:, None]
    table: Floats = math.sqrt(2) * np.cos(np.pi * terms * (np.arange(slices) + 0.5) / slices)
    table.setflags(write=False)
    return table


def cosine_terms(series: Floats, nu: int = NU) -> Floats:
    """The first ``nu`` cosine coefficients of a series, shape (nu,); each square estimates its sum's variance."""
    return _cosines(series.size, nu) @ (series - series.mean())


def long_run_variance(series: Floats, nu: int = NU) -> float:
    """Variance of the *sum* of a dependent series, as the mean square of its first ``nu`` cosine coefficients."""
    return float(np.mean(cosine_terms(series, nu) ** 2))


@dataclass(frozen=True, slots=True, eq=False)
class QuantileFunction:
    """The log quantile function of a histogram, linear within a bucket."""

    n: float
    _upto: Floats
    _count: Floats
    _cell: Floats

    def __call__(self, p: Floats | float) -> Floats:
        """Log of nanoseconds at probability ``p``; −inf at p ≤ 0 and +inf at p ≥ 1."""
        p = np.asarray(p, np.float64)
        rank = np.clip(p * self.n, 1e-9, self.n)
        at = np.minimum(np.searchsorted(self._upto, rank * (1 - 1e-12), side="left"), self._upto.size - 1)
        part = np.clip(1 - (self._upto[at] - rank) / self._count[at], 0, 1)
        found = (self._cell[at] + FIRST - 1 + part) * LOG_GAMMA
        return np.where(p >= 1, np.inf, np.where(p <= 0, -np.inf, found))

    def place(self, log_value: float) -> tuple[int, float]:
        """The cell that ``log_value`` lies in, and which part of it lies at or below."""
        at = log_value / LOG_GAMMA - FIRST + 1
        return math.floor(at), at - math.floor(at)


def quantile_function(histogram: Histogram) -> QuantileFunction:
    """The quantile function of all that ``histogram`` counted; it must have counted something."""
    total = histogram.by_cell()
    used = np.flatnonzero(total > 0)
    return QuantileFunction(float(total.sum()), np.cumsum(total[used]), total[used], used.astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class QuantileEstimate:
    """One quantile of one route in one run, and what is known about it."""

    p: float
    n: float
    """Successful requests counted."""
    value_ns: float
    """Within 0.5 % of the sample's quantile."""
    log_value: float
    """Interpolated within the bucket; what the intervals are about."""
    se: float
    """Standard error of the distribution function at the quantile."""
    critical: Floats
    """How many standard errors off it may be at ``ALPHAS``, shape (alphas,)."""
    influence: Floats
    """#{x ≤ q} − p·n per slice, centred, shape (slices,)."""
    quantiles: QuantileFunction

    def known_to(self, uncertainty: Uncertainty) -> QuantileEstimate:
        """The same, its influences' sum known so well; never better than independent requests allow."""
        return replace(self, se=_se(uncertainty.variance, self.p, self.n), critical=uncertainty.critical)

    @property
    def floor(self) -> float:
        """The variance that the influences' sum would have if requests were independent."""
        return self.p * (1 - self.p) * self.n

    @property
    def n_eff(self) -> float:
        """How many independent requests would say as much."""
        return min(self.n, self.p * (1 - self.p) / self.se**2) if self.se > 0 else 0.0

    @property
    def design_effect(self) -> float:
        """How many requests it takes to say as much as one independent one."""
        return self.n / self.n_eff if self.n_eff > 0 else math.inf

    def is_enough(self, alpha: float) -> bool:
        """Whether a finite upper bound can exist without assumptions about the tail: n_eff ≥ ln α / ln p."""
        return self.n_eff >= math.log(alpha) / math.log(self.p)

    def bounds(self) -> tuple[Floats, Floats]:
        """Lower and upper bounds of the log quantile at ``ALPHAS`` (Woodruff 1952)."""
        off = self.critical * self.se
        return self.quantiles(self.p - off), self.quantiles(self.p + off)

    def log_influence(self) -> Floats:
        """What each slice adds to the log quantile, shape (slices,)."""
        return self.slope() * self.influence / self.n

    def slope(self) -> float:
        """d ln q / dp by finite difference, as the influence of a request on the log quantile."""
        p = self.p
        width = max(0.25 * min(p, 1 - p), 3 * math.sqrt(p * (1 - p) / max(self.n, 1)))
        width = min(width, 0.9 * (1 - p), 0.9 * p)
        low, high = self.quantiles(np.array([p - width, p + width]))
        return float(high - low) / (2 * width)


def estimate_quantile(histogram: Histogram, p: float) -> QuantileEstimate:
    """One quantile; see ``estimate_quantiles``."""
    return estimate_quantiles(histogram, [p])[p]


def estimate_quantiles(histogram: Histogram, quantiles: Iterable[float]) -> dict[float, QuantileEstimate]:
    """Quantiles of ``histogram`` with the long-run standard errors of its distribution function there.

    A standard error is never below that of independent requests: where few slices hold anything, the estimator
    would promise too much. ``histogram`` must have counted something.
    """
    function = quantile_function(histogram)
    logs = {p: float(function(p)) for p in quantiles}
    below, n = _below(histogram, function, list(logs.values()))
    found: dict[float, QuantileEstimate] = {}
    for (p, log_value), count in zip(logs.items(), below, strict=True):
        influence = count - p * n
        influence -= influence.mean()
        variance = long_run_variance(influence) if influence.size > 2 * NU else _UNKNOWN**2 * function.n**2
        rank_cell = np.asarray(math.ceil(log_value / LOG_GAMMA - 1e-9) - FIRST)
        found[p] = QuantileEstimate(
            p=p,
            n=function.n,
            value_ns=float(values_of(np.clip(rank_cell, 0, histogram.cells - 1))),
            log_value=log_value,
            se=_se(variance, p, function.n),
            critical=t_bounds(NU),
            influence=influence,
            quantiles=function,
        )
    return found


def _below(histogram: Histogram, function: QuantileFunction, logs: Sequence[float]) -> tuple[list[Floats], Floats]:
    """How many of each slice lie at or below each log value, and how many there are; in one pass over the counts."""
    places = [function.place(log) for log in logs]
    marks = sorted({cell for cell, _ in places})
    # Class 2k + 1 holds the cell of mark k, class 2k what lies between it and the mark before.
    of_cell = np.searchsorted(marks, np.arange(histogram.cells)) * 2
    of_cell[[mark for mark in marks if 0 <= mark < histogram.cells]] += 1
    width = 2 * len(marks) + 1
    upto = np.cumsum(histogram.table(of_cell, width), axis=1)
    found: list[Floats] = []
    for cell, part in places:
        k = 2 * marks.index(cell)
        found.append(upto[:, k] + part * (upto[:, k + 1] - upto[:, k]))
    return found, upto[:, -1]


def _se(variance: float, p: float, n: float) -> float:
    return max(math.sqrt(variance) / n, math.sqrt(p * (1 - p) / n))
