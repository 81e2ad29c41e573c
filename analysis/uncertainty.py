"""How far off a sum may be where its variance is itself uncertain: Student's t, mixed over what is possible.

Given the shape of a series' spectrum, the sum is normal and its variance is known up to a scale, so that it follows
Student's t. Where several shapes are possible, it follows the mixture of their t laws, whose tails are as heavy as
the doubt is large: an interval widens by what is not known, and only there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.histogram import Floats

ALPHAS: Floats = np.unique(np.concatenate([np.geomspace(1e-7, 0.5, 81), [0.005, 0.01, 0.025, 0.05, 0.1, 0.2]]))
"""One-sided error rates, ascending, at which bounds are kept."""
LOG_ALPHAS: Floats = np.log(ALPHAS)

_STEP = 0.05
_LOG_BOUNDS: Floats = np.arange(math.log(0.01), math.log(400), _STEP)
_LOG_SCALES: Floats = np.arange(math.log(0.05), math.log(60), _STEP)


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """The variance of a sum, and how many standard errors off it may be at each of ``ALPHAS``."""

    variance: float
    critical: Floats
    """Shape (alphas,), descending with alpha, 0 at 0.5."""


def t_critical(alpha: Floats | float, df: float) -> Floats:
    """Student's t quantile at 1 − alpha."""
    return np.asarray(stdtrit(df, 1 - np.asarray(alpha)))


@cache
def t_bounds(df: float) -> Floats:
    """Student's t quantiles at 1 − ``ALPHAS``."""
    found = t_critical(ALPHAS, df)
    found.setflags(write=False)
    return found


def mixed(variances: Floats, weights: Floats, df: float) -> Uncertainty:
    """What follows where each of ``variances`` is possible with its weight.

    Args:
        variances: of the sum, given a shape of the spectrum; positive.
        weights: how likely each shape is, adding up to one.
        df: degrees of freedom that each variance rests on.
    """
    variance = float(weights @ variances)
    place = np.clip((0.5 * np.log(variances / variance) - _LOG_SCALES[0]) / _STEP, 0, _LOG_SCALES.size - 1.001)
    left = place.astype(np.int64)
    part = place - left
    share = np.bincount(left, weights * (1 - part), _LOG_SCALES.size)
    share += np.bincount(left + 1, weights * part, _LOG_SCALES.size)
    log_tail = np.log(np.maximum(_tails(df) @ share, 1e-300))
    critical = np.exp(np.interp(LOG_ALPHAS, log_tail[::-1], _LOG_BOUNDS[::-1]))
    critical[-1] = 0.0
    return Uncertainty(variance, critical)


@cache
def _tails(df: float) -> Floats:
    """Chance that a t law of each scale exceeds each bound, shape (bounds, scales)."""
    found: Floats = stdtr(df, -np.exp(_LOG_BOUNDS[:, None] - _LOG_SCALES[None, :]))
    found.setflags(write=False)
    return found
