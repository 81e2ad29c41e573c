"""How far two runs are apart: bounds of a difference at every error rate, and the p-values that follow from them.

A ``Difference`` holds its one-sided bounds on a grid of error rates from 0.5 down to 10⁻⁷, so that an interval, a
test against a margin and Holm's step-down all read the same curve and can never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from analysis.histogram import Floats
from analysis.uncertainty import ALPHAS, LOG_ALPHAS, Uncertainty
from analysis.variance import QuantileEstimate

T80 = 0.8416  # normal quantile of the power that a detectable effect is stated for


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A difference and its one-sided bounds at ``ALPHAS``; of logs (quantiles) or of shares (errors)."""

    estimate: float
    lower: Floats
    """Lower bounds, ascending with alpha, shape (alphas,)."""
    upper: Floats
    """Upper bounds, descending with alpha."""
    is_paired: bool = False
    noise: float = 0.0
    """Standard deviation of run-to-run noise contained in the bounds."""

    def lower_at(self, alpha: float) -> float:
        """What the difference exceeds, wrongly said with chance ``alpha``."""
        return _read(self.lower, alpha)

    def upper_at(self, alpha: float) -> float:
        """What the difference stays below, wrongly said with chance ``alpha``."""
        return _read(self.upper, alpha)

    def p_above(self, margin: float) -> float:
        """The smallest error rate at which the difference is proved to exceed ``margin`` (at least 10⁻⁷)."""
        return _smallest(self.lower - margin)

    def excludes(self, value: float, alpha: float) -> bool:
        """Whether the two-sided interval at ``alpha`` leaves ``value`` out."""
        return self.lower_at(alpha / 2) > value or self.upper_at(alpha / 2) < value

    def stretched(self, factor: float) -> Difference:
        """The same with bounds ``factor`` times as far off."""
        lower = self.estimate - factor * (self.estimate - self.lower)
        upper = self.estimate + factor * (self.upper - self.estimate)
        return replace(self, lower=lower, upper=upper)

    @property
    def se(self) -> float:
        """The standard error that the 5 % bounds amount to, run noise included; inf where one is missing."""
        return (self.upper_at(0.05) - self.lower_at(0.05)) / (2 * 1.6449)

    def detectable(self, alpha: float) -> float:
        """The difference that such a comparison proves to be there in 80 % of cases."""
        return (float(-ndtri(alpha)) + T80) * self.se

    def runs_longer(self, margin: float, alpha: float) -> float:
        """How many times the length would let an unchanged build be proved unchanged in 80 % of cases.

        inf where run-to-run noise alone is too large for the margin: then more runs help, longer ones do not.
        """
        needed = (margin / (float(-ndtri(alpha)) + T80)) ** 2 - self.noise**2
        within = self.se**2 - self.noise**2
        return within / needed if needed > 0 else math.inf


def _read(curve: Floats, alpha: float) -> float:
    """The bound at ``alpha``, linear in ln alpha between grid points; on the safe side where one is infinite."""
    right = min(int(np.searchsorted(ALPHAS, alpha * (1 - 1e-9))), ALPHAS.size - 1)
    if right == 0 or math.isclose(ALPHAS[right], alpha):
        return float(curve[right])
    below, above = float(curve[right - 1]), float(curve[right])
    if not math.isfinite(below):
        return below
    part = (math.log(alpha) - LOG_ALPHAS[right - 1]) / (LOG_ALPHAS[right] - LOG_ALPHAS[right - 1])
    return below + float(part) * (above - below)


def _smallest(proof: Floats) -> float:
    """Where ``proof`` (ascending with alpha) turns positive; 1 where it never does."""
    if not proof[-1] > 0:
        return 1.0
    first = int(np.argmax(proof > 0))
    if first == 0:
        return float(ALPHAS[0])
    below, above = proof[first - 1], proof[first]
    part = 1.0 if not np.isfinite(below) else -below / (above - below)
    return float(np.exp(LOG_ALPHAS[first - 1] + part * (LOG_ALPHAS[first] - LOG_ALPHAS[first - 1])))


def unpaired(a: QuantileEstimate, b: QuantileEstimate, noise: float) -> Difference:
    """ln q_B − ln q_A of two independent runs: MOVER over the two quantile intervals (Zou and Donner 2008).

    Args:
        noise: standard deviation of the run-to-run part of the difference, on the log scale.
    """
    (low_a, high_a), (low_b, high_b) = a.bounds(), b.bounds()
    estimate = b.log_value - a.log_value
    extra = (-ndtri(ALPHAS) * noise) ** 2
    lower = estimate - np.sqrt((b.log_value - low_b) ** 2 + (high_a - a.log_value) ** 2 + extra)
    upper = estimate + np.sqrt((high_b - b.log_value) ** 2 + (a.log_value - low_a) ** 2 + extra)
    return Difference(estimate, lower, upper, noise=noise)


def paired(a: QuantileEstimate, b: QuantileEstimate, noise: float, apart: Uncertainty) -> Difference:
    """ln q_B − ln q_A of two runs of one schedule, by what is known of the difference of their log influences.

    What the schedule does to both, it does to neither's disadvantage; both estimates must have the same slices.
    """
    estimate = b.log_value - a.log_value
    half = np.sqrt(apart.critical**2 * apart.variance + (-ndtri(ALPHAS) * noise) ** 2)
    return Difference(estimate, estimate - half, estimate + half, is_paired=True, noise=noise)


def limit(estimate: QuantileEstimate, noise: float) -> Difference:
    """ln q of one run, for a limit that stands by itself."""
    low, high = estimate.bounds()
    extra = (-ndtri(ALPHAS) * noise) ** 2
    value = estimate.log_value
    lower = value - np.sqrt((value - low) ** 2 + extra)
    return Difference(value, lower, value + np.sqrt((high - value) ** 2 + extra), noise=noise)


def run_noise(logs: Sequence[float], ses: Sequence[float]) -> float:
    """Spread of a log quantile between runs of one build, beyond what each run's own uncertainty explains.

    σ² = max(0, var(ln q_k) − mean(se_k²)), by the method of moments over K ≥ 3 A/A runs.
    """
    if len(logs) < 3:
        raise ValueError(f"run-to-run noise needs at least 3 A/A runs, got {len(logs)}.")
    return math.sqrt(max(0.0, excess_variance(logs, ses)))


def excess_variance(logs: Sequence[float], ses: Sequence[float]) -> float:
    """Variance of ``logs`` beyond the mean square of their standard errors; negative where chance has it so."""
    return float(np.var(np.asarray(logs), ddof=1)) - float(np.mean(np.square(ses)))
