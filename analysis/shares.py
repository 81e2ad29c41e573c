"""Shares of requests, and how far two of them are apart: exact bounds, with dependence counted.

Failures are few, and of few the usual score bounds promise too much: one failure of forty requests would "prove" half
a percent wrongly in 18 % of cases. So the bounds are those of Clopper and Pearson (1934) over the number of
independent requests that say as much (Korn and Graubard 1998). They are never narrower than the chance they state;
where nothing failed they say 1 − α^(1/n), about three in n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri

from analysis.histogram import Floats
from analysis.interval import Difference
from analysis.uncertainty import ALPHAS, t_bounds
from analysis.variance import NU, long_run_variance

_LOST: Floats = (ndtri(ALPHAS[:-1]) / t_bounds(NU)[:-1]) ** 2
"""What is left of a number of requests whose worth itself is estimated with ``NU`` degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of requests, and how many independent requests it rests on."""

    count: float
    n: float
    design_effect: float = 1.0

    @property
    def share(self) -> float:
        """The share itself; 0 of nothing is 0."""
        return self.count / self.n if self.n else 0.0

    def bounds(self) -> tuple[Floats, Floats]:
        """Exact lower and upper bounds at ``ALPHAS``; at 0.5 the share itself."""
        if self.n <= 0:
            return np.zeros(ALPHAS.size), np.ones(ALPHAS.size)
        alphas = ALPHAS[:-1]
        n = self.n / self.design_effect * (_LOST if self.design_effect > 1 else np.ones(alphas.size))
        bad = self.share * n
        lower = betaincinv(bad, n - bad + 1, alphas) if self.count > 0 else np.zeros(alphas.size)
        if self.count <= 0:
            upper = -np.expm1(np.log(alphas) / n)
        elif self.count >= self.n:
            upper = np.ones(alphas.size)
        else:
            upper = betaincinv(bad + 1, n - bad, 1 - alphas)
        # A bound for alpha near a half may lie beyond the share that was seen; nothing is proved of that.
        return np.r_[np.minimum(lower, self.share), self.share], np.r_[np.maximum(upper, self.share), self.share]


def proportion(bad: Floats, n: Floats) -> Proportion:
    """The share of bad requests, given both per slice; dependence within and between slices is counted."""
    total, count = float(n.sum()), float(bad.sum())
    share = count / total if total else 0.0
    if not 0 < share < 1 or bad.size <= 2 * NU:
        return Proportion(count, total)
    independent = total * share * (1 - share)
    return Proportion(count, total, max(1.0, long_run_variance(bad - share * n) / independent))


def share_difference(a: Proportion, b: Proportion) -> Difference:
    """Share of B less share of A, each with its exact bounds, joined by MOVER (Newcombe 1998, with exact limits)."""
    (low_a, high_a), (low_b, high_b) = a.bounds(), b.bounds()
    estimate = b.share - a.share
    lower = estimate - np.sqrt((b.share - low_b) ** 2 + (high_a - a.share) ** 2)
    upper = estimate + np.sqrt((high_b - b.share) ** 2 + (a.share - low_a) ** 2)
    return Difference(estimate, lower, upper)


def share_limit(a: Proportion) -> Difference:
    """One share with its exact bounds, for a budget that stands by itself."""
    low, high = a.bounds()
    return Difference(a.share, low, high)
