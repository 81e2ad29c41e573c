"""Intervals of differences: one curve for bound and test, and what widens it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.histogram import histogram_of
from analysis.interval import (
    Difference,
    limit,
    paired,
    run_noise,
    unpaired,
)
from analysis.uncertainty import ALPHAS, Uncertainty, t_bounds
from analysis.variance import NU, QuantileEstimate, estimate_quantile, long_run_variance


def estimate(seed: int, factor: float = 1.0, n: int = 6000, p: float = 0.95) -> QuantileEstimate:
    rng = np.random.default_rng(seed)
    values = np.round(80e6 * factor * np.exp(rng.normal(0, 0.4, n))).astype(np.int64)
    return estimate_quantile(histogram_of(values, np.arange(n) * 120 // n, 120), p)


def by_pairs(a: QuantileEstimate, b: QuantileEstimate, noise: float) -> Difference:
    """Paired, by the plain cosine variance of the difference."""
    variance = long_run_variance(b.log_influence() - a.log_influence())
    return paired(a, b, noise, Uncertainty(variance, t_bounds(NU)))


def test_b_against_a_mirrors_a_against_b() -> None:
    a, b = estimate(1), estimate(2, 1.1)
    there, back = unpaired(a, b, 0.02), unpaired(b, a, 0.02)

    assert there.estimate == pytest.approx(-back.estimate)
    assert there.lower == pytest.approx(-back.upper)
    there, back = by_pairs(a, b, 0.02), by_pairs(b, a, 0.02)
    assert there.lower == pytest.approx(-back.upper)


@pytest.mark.parametrize("build", [unpaired, by_pairs])
def test_the_bound_and_the_test_read_one_curve(build) -> None:
    found = build(estimate(1), estimate(2, 1.12), 0.01)

    for margin in (0.02, 0.05, 0.1, 0.15):
        p = found.p_above(margin)
        if 1e-7 < p < 0.5:
            assert found.lower_at(p) == pytest.approx(margin, abs=1e-6)
            assert found.lower_at(p * 1.01) > margin > found.lower_at(p * 0.99)


def test_bounds_widen_with_certainty_and_with_noise() -> None:
    quiet, noisy = (unpaired(estimate(1), estimate(2), noise) for noise in (0.0, 0.05))

    assert np.all(np.diff(quiet.lower) >= 0)
    assert np.all(np.diff(quiet.upper) <= 0)
    assert noisy.upper_at(0.05) - noisy.estimate == pytest.approx(
        math.hypot(quiet.upper_at(0.05) - quiet.estimate, 1.6449 * 0.05), rel=1e-3
    )


def test_an_infinite_bound_proves_nothing_and_is_read_as_infinite() -> None:
    infinite = np.where(ALPHAS < 0.1, np.inf, 0.2)
    found = Difference(0.0, -infinite, infinite)

    assert found.upper_at(0.05) == math.inf
    assert found.upper_at(0.0999) == math.inf
    assert found.upper_at(0.1) == pytest.approx(0.2)


def test_pairing_takes_out_what_the_schedule_brings() -> None:
    rng = np.random.default_rng(7)
    n, slices = 12_000, 240
    at = np.arange(n) * slices // n
    wave = 0.3 * np.repeat(rng.normal(size=slices // 8), 8)[at]
    runs = [np.round(80e6 * np.exp(wave + rng.normal(0, 0.3, n))).astype(np.int64) for _ in range(2)]
    a, b = (estimate_quantile(histogram_of(values, at, slices), 0.5) for values in runs)

    assert by_pairs(a, b, 0.0).se < 0.4 * unpaired(a, b, 0.0).se


def test_a_limit_is_about_one_run() -> None:
    found = limit(estimate(3), 0.0)
    truth = math.log(80e6) + 0.4 * 1.6449

    assert found.lower_at(0.01) < truth < found.upper_at(0.01)
    assert found.p_above(truth + 1) == 1.0
    assert found.p_above(truth - 1) <= 1e-6


def test_stretching_doubles_the_way_to_each_bound() -> None:
    found = unpaired(estimate(1), estimate(2), 0.0)
    wide = found.stretched(2.0)

    assert wide.upper_at(0.05) - found.estimate == pytest.approx(2 * (found.upper_at(0.05) - found.estimate))
    assert wide.estimate == found.estimate


def test_a_longer_run_decides_unless_the_noise_alone_is_too_large() -> None:
    a, b = estimate(1, n=1500), estimate(2, n=1500)

    factor = unpaired(a, b, 0.0).runs_longer(0.1, 0.05)
    assert 0 < factor < math.inf
    assert unpaired(a, b, 0.06).runs_longer(0.1, 0.05) == math.inf
    # Four times the length: half the standard error, so a quarter of the factor.
    longer = unpaired(estimate(1, n=6000), estimate(2, n=6000), 0.0).runs_longer(0.1, 0.05)
    assert longer == pytest.approx(factor / 4, rel=0.8)


def test_the_noise_between_runs_is_what_their_own_errors_leave() -> None:
    rng = np.random.default_rng(11)
    found = []
    for _ in range(400):
        logs = rng.normal(0, 0.03, 8) + rng.normal(0, 0.02, 8)
        found.append(run_noise(logs.tolist(), [0.02] * 8) ** 2)

    assert math.sqrt(np.mean(found)) == pytest.approx(0.03, rel=0.1)
    assert run_noise([1.0, 1.0, 1.0], [0.1, 0.1, 0.1]) == 0
    with pytest.raises(ValueError, match="at least 3 A/A runs, got 2"):
        run_noise([1.0, 1.1], [0.1, 0.1])
