"""How slowly a run wanders or shifts, and what that leaves unknown about its quantiles.

Cosine estimates of the long-run variance take the spectrum at the lowest frequencies for that at zero. A drift whose
time constant τ is not small against the run's length T bends it exactly there, and so does a level that shifts: the
plain estimate is too small, with 15 to 50 % false alarms. So the first 96 cosine coefficients are fitted (Whittle
1953) with a first-order autoregression of unknown τ, white noise of unknown size and a shift of unknown size, whose
squares fall as 1/j². Each shape says how far zero lies above what was seen; ``Uncertainty`` mixes what the data leave
possible.

How long τ is, a route's medians say for all its quantiles; how much of a quantile's own variance is noise, its own
coefficients say. Two runs of one schedule are fitted by the sum and by the difference of their medians, which are
independent where the runs are alike: what the schedule does to both then shows in the sum alone.

Nothing inside one run can tell what a run of less than about ten time constants would do next, or on which side of a
shift the truth is; ``time_constants`` and ``shift`` let the gate hold such claims back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.histogram import Floats
from analysis.uncertainty import Uncertainty, mixed, t_bounds
from analysis.variance import NU, cosine_terms

TERMS = 96
LENGTHS: Floats = np.geomspace(1.5, 400.0, 24)
"""T/τ that are thought possible, each as likely as the next."""
_WHITE: Floats = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 1000.0])
"""White noise against the drift's spectrum at zero."""
_SHIFTS: Floats = np.array([0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
"""The first coefficient of the shift against the spectrum of drift and noise at zero."""
SHIFT_PRIOR = 0.05
"""How likely a shift of any size is thought before a run is seen."""
RARE_SHIFT_PRIOR = 0.02
"""The same of the difference of two runs of one schedule, whose shifts mostly come with it."""
_SHIFT_AT_ZERO = 2.76
"""What a shift at a random place, between a fifth and four fifths of the run, adds to the mean's variance, against
its first coefficient: 0.28·π²."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shapes:
    """Spectra of the model: all lengths × white noises × shifts, flat in ``inverse`` and ``log_sum``."""

    inverse: Floats
    """Shape (shapes, terms)."""
    log_sum: Floats
    at_zero: Floats
    """Shape (shifts,); drift and noise have 1 at zero."""


@cache
def _shapes(terms: int) -> _Shapes:
    j = np.arange(1, terms + 1)
    drift = 1 / (1 + (np.pi * j / LENGTHS[:, None]) ** 2)
    steady = (drift[:, None, :] + _WHITE[None, :, None]) / (1 + _WHITE[None, :, None])
    shape = (steady[:, :, None, :] + _SHIFTS[:, None] / j**2).reshape(-1, terms)
    return _Shapes(1 / shape, np.log(shape).sum(axis=1), 1 + _SHIFT_AT_ZERO * _SHIFTS)


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """What series of medians leave possible."""

    weights: Floats
    """How likely each of ``LENGTHS`` is, adding up to one."""
    time_constants: float
    """The run's length in time constants of its drift: the median of what the series themselves leave possible."""
    shifts: tuple[float, ...]
    """How likely it is of each series that its level shifted."""

    @property
    def shift(self) -> float:
        """How likely the likeliest shift is."""
        return max(self.shifts, default=0.0)

    def uncertainty(self, series: Sequence[Floats], floors: Sequence[float] = ()) -> list[Uncertainty]:
        """What is known of the sum of each series of one quantile.

        Args:
            series: one for each that the drift was made from; drift and noise have one shape in all of them, shifts
                are each one's own.
            floors: variances that independent requests would have at least, one a series; () sets none.
        """
        fits = [_fit(one, shift) for one, shift in zip(series, self.shifts, strict=True)]
        steady = sum((_log_sum(fit.log, 2) for fit in fits), np.zeros((LENGTHS.size, _WHITE.size)))
        with np.errstate(divide="ignore"):
            steady += (np.log(self.weights) - _log_sum(steady, 1))[:, None]
        df = float(sum(fit.terms for fit in fits))
        found: list[Uncertainty] = []
        for fit, floor in zip(fits, floors or [0.0] * len(fits), strict=True):
            if not fit.moves:
                found.append(Uncertainty(floor, t_bounds(NU)))
                continue
            weights = np.exp(fit.log + (steady - _log_sum(fit.log, 2))[:, :, None])
            found.append(mixed(np.maximum(fit.at_zero, floor).ravel(), (weights / weights.sum()).ravel(), df))
        return found


def drift_of(runs: Sequence[Floats]) -> Drift:
    """The drift that the medians' influences per slice show, one series a run, of one length or not.

    Runs of fewer than 2·NU + 1 slices show nothing, and every length stays as possible as before.
    """
    return _drift(runs, (), SHIFT_PRIOR)


def drift_apart(a: Floats, b: Floats) -> Drift:
    """The drift of the difference of two runs of one schedule, given their medians' log influences per slice.

    The sum says more about the length of the drift, and nothing about shifts of the difference.
    """
    return _drift([b - a], [b + a], RARE_SHIFT_PRIOR)


def _drift(series: Sequence[Floats], beside: Sequence[Floats], prior: float) -> Drift:
    flat = np.full(LENGTHS.size, 1 / LENGTHS.size)
    usable = [one for one in series if one.size > 2 * NU]
    if not usable:
        return Drift(flat, _median_length(flat), (prior,) * len(series))
    own = [_fit(one, prior) for one in series]
    steady = [_log_sum(fit.log, 2) for fit in own]
    joint = sum(steady, np.zeros_like(steady[0]))
    common = _normal(joint)
    shifts = [
        1 - float((common[:, :, None] * np.exp(fit.log - each[:, :, None]))[:, :, 0].sum())
        for fit, each in zip(own, steady, strict=True)
    ]
    length = _log_sum(joint, 1)
    alone = _normal(length)
    for one in beside:
        length = length + _log_sum(_log_sum(_fit(one, prior).log, 2), 1)
    return Drift(_normal(length), _median_length(alone), tuple(min(max(s, 1e-6), 1 - 1e-6) for s in shifts))


def _median_length(weights: Floats) -> float:
    return float(LENGTHS[min(int(np.searchsorted(np.cumsum(weights), 0.5)), LENGTHS.size - 1)])


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """One series under every shape, its own scale being whatever fits best; arrays of shape (L, white, shift)."""

    log: Floats
    """Log of likelihood times prior."""
    at_zero: Floats
    """Variance of the series' sum."""
    terms: int
    moves: bool


def _fit(series: Floats, shift: float) -> _Fit:
    """The fit of a series whose level shifted with the chance ``shift``; one that never moves says nothing."""
    size = (LENGTHS.size, _WHITE.size, _SHIFTS.size)
    prior = np.log(np.r_[1 - shift, np.full(_SHIFTS.size - 1, shift / (_SHIFTS.size - 1))])
    terms = min(TERMS, (series.size - 1) // 2)
    squares = cosine_terms(series, terms) ** 2
    if not squares.any():
        return _Fit(np.broadcast_to(prior, size), np.zeros(size), terms, moves=False)
    shapes = _shapes(terms)
    scale = shapes.inverse @ squares / terms
    log = -0.5 * (terms * np.log(scale) + shapes.log_sum)
    return _Fit(log.reshape(size) + prior, scale.reshape(size) * shapes.at_zero, terms, moves=True)


def _log_sum(logs: Floats, axis: int) -> Floats:
    top = logs.max(axis=axis, keepdims=True)
    found: Floats = (top + np.log(np.exp(logs - top).sum(axis=axis, keepdims=True))).squeeze(axis)
    return found


def _normal(logs: Floats) -> Floats:
    found: Floats = np.exp(logs - logs.max())
    return found / found.sum()


def is_material(half_width: float, margin: float) -> bool:
    """Whether an interval is wide enough, against its margin, for a misjudged drift to change the word."""
    return not math.isfinite(half_width) or half_width > margin / 4
