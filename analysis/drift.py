"""How slowly a run wanders, and how much too small its variance would be if that were ignored.

Cosine estimates of the long-run variance take the spectrum at the lowest frequencies for that at zero. A drift whose
time constant τ is not small against the run's length T bends it exactly there, and the plain estimate is too small:
measured false alarms of 15 to 20 % at T/τ = 10. So the first 64 cosine coefficients of both runs' medians are fitted
(Whittle 1953) with a first-order autoregression of unknown τ plus white noise of unknown size; averaged over what the
data leave possible, the fit says how far zero lies above the first eight coefficients, and the variance is raised by
that. Trends, level shifts and long memory look like a very long τ and widen the interval as well.

Nothing inside one run can tell what a run of less than about ten time constants would do next; ``time_constants``
lets the gate hold such claims back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.histogram import Floats
from analysis.variance import NU, cosine_terms

TERMS = 64
LENGTHS: Floats = np.geomspace(1.5, 400.0, 34)
"""T/τ that are thought possible, each as likely as the next."""
_WHITE: Floats = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 1000.0])
"""White noise against the drift's spectrum at zero."""
CAP = 8.0
"""The variance is never raised by more."""


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Spectra of the model, and what follows from each; leading axes are T/τ and white noise."""

    shape: Floats
    log_sum: Floats
    raise_: Floats
    """Spectrum at zero over its mean at the first ``NU`` terms, shape (lengths, whites)."""


@cache
def _shapes(terms: int) -> _Shapes:
    frequency = np.pi * np.arange(1, terms + 1)
    drift = 1 / (1 + (frequency[None, :] / LENGTHS[:, None]) ** 2)
    shape = _WHITE[None, :, None] + drift[:, None, :]
    first = shape[:, :, :NU].mean(axis=2)
    return _Shapes(shape, np.log(shape).sum(axis=2), np.minimum((_WHITE[None, :] + 1) / first, CAP))


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """What two runs leave possible of T/τ: a weight for each of ``LENGTHS``, adding up to one."""

    weights: Floats

    @property
    def time_constants(self) -> float:
        """The run's length in time constants of its drift: the median of what is possible."""
        return float(LENGTHS[int(np.searchsorted(np.cumsum(self.weights), 0.5))])

    def variance(self, series: Sequence[Floats]) -> list[float]:
        """The long-run variance of the sum of each series, raised for drift.

        Args:
            series: of one quantile, one a run, or the one of their paired difference; together they say how much
                of their variance the drift makes up.
        """
        squares = [_squares(one) for one in series]
        fit = _likelihood(squares)
        given_length = fit / np.maximum(fit.sum(axis=1, keepdims=True), 1e-300)
        weights = self.weights[:, None] * given_length
        factor = float((weights * _shapes(squares[0].size).raise_).sum() / weights.sum())
        return [factor * float(one[:NU].mean()) for one in squares]


def drift_of(series: Sequence[Floats]) -> Drift:
    """The drift that the medians' influences per slice show; ``series`` holds one a run, of one length or not.

    Runs of fewer than 2·NU + 1 slices show nothing, and every length stays as possible as before.
    """
    usable = [_squares(one) for one in series if one.size > 2 * NU]
    if not usable:
        return Drift(np.full(LENGTHS.size, 1 / LENGTHS.size))
    shortest = min(one.size for one in usable)
    weights = _likelihood([one[:shortest] for one in usable]).sum(axis=1)
    return Drift(weights / weights.sum())


def _squares(series: Floats) -> Floats:
    found: Floats = cosine_terms(series, min(TERMS, (series.size - 1) // 2)) ** 2
    return found


def _likelihood(squares: Sequence[Floats]) -> Floats:
    """Likelihood over ``LENGTHS`` × white noise, each run's own scale being whatever fits best; largest 1."""
    total = np.zeros((LENGTHS.size, _WHITE.size))
    for one in squares:
        if not one.any():
            continue
        shapes = _shapes(one.size)
        scale = (one[None, None, :] / shapes.shape).mean(axis=2)
        total -= 0.5 * (one.size * np.log(scale) + shapes.log_sum)
    return np.exp(total - total.max())


def is_material(half_width: float, margin: float) -> bool:
    """Whether an interval is wide enough, against its margin, for a misjudged drift to change the word."""
    return not math.isfinite(half_width) or half_width > margin / 4
