"""Long-run variance and quantiles: agreement with known truth, by simulation with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.histogram import histogram_of
from analysis.uncertainty import ALPHAS
from analysis.variance import estimate_quantile, long_run_variance, quantile_function

SLICES = 200


def lognormal(seed: int, n: int = 8000, sd: float = 0.5) -> np.ndarray:
    return np.round(80e6 * np.exp(np.random.default_rng(seed).normal(0, sd, n))).astype(np.int64)


def spread(n: int, slices: int = SLICES) -> np.ndarray:
    return np.arange(n) * slices // n


def test_the_variance_of_white_noise_is_that_of_its_sum() -> None:
    rng = np.random.default_rng(1)
    found = [long_run_variance(rng.normal(0, 2, 400)) for _ in range(400)]

    assert np.mean(found) == pytest.approx(400 * 4, rel=0.05)


def test_the_variance_of_an_autoregression_counts_its_memory() -> None:
    rng = np.random.default_rng(2)
    phi, n = 0.6, 2000
    found = []
    for _ in range(150):
        noise = rng.normal(size=n + 100)
        series = np.zeros(n + 100)
        for t in range(1, n + 100):
            series[t] = phi * series[t - 1] + noise[t]
        found.append(long_run_variance(series[100:]))

    assert np.mean(found) == pytest.approx(n / (1 - phi) ** 2, rel=0.1)


def test_the_level_of_a_series_does_not_matter() -> None:
    series = np.random.default_rng(3).normal(size=100)

    assert long_run_variance(series + 1e6) == pytest.approx(long_run_variance(series), rel=1e-6)


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_the_interval_covers_the_true_quantile_as_often_as_it_says(p: float) -> None:
    truth = math.log(80e6) + 0.5 * {0.5: 0.0, 0.95: 1.6449, 0.99: 2.3263}[p]
    at = int(np.argmin(np.abs(ALPHAS - 0.05)))
    hits = 0
    for seed in range(300):
        low, high = estimate_quantile(histogram_of(lognormal(seed), spread(8000), SLICES), p).bounds()
        hits += low[at] <= truth <= high[at]

    assert 0.87 <= hits / 300 <= 0.97


def test_requests_that_share_their_minutes_say_less() -> None:
    rng = np.random.default_rng(4)
    level = np.repeat(rng.normal(0, 0.5, SLICES), 40)
    values = np.round(80e6 * np.exp(rng.normal(0, 0.3, 8000) + level)).astype(np.int64)

    shared = estimate_quantile(histogram_of(values, spread(8000), SLICES), 0.5)
    mixed = estimate_quantile(histogram_of(rng.permutation(values), spread(8000), SLICES), 0.5)

    assert shared.design_effect > 8
    assert mixed.design_effect < 3
    assert shared.n_eff == pytest.approx(8000 / shared.design_effect)


def test_an_estimate_is_never_surer_than_independent_requests_allow() -> None:
    values = np.tile(np.linspace(1e6, 1e8, 40).astype(np.int64), SLICES)
    found = estimate_quantile(histogram_of(values, spread(values.size), SLICES), 0.5)

    assert found.se >= math.sqrt(0.25 / values.size)
    assert found.n_eff <= found.n


@pytest.mark.parametrize(("p", "needed"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_a_quantile_needs_enough_requests_for_an_upper_bound(p: float, needed: int) -> None:
    few, enough = (
        estimate_quantile(histogram_of(lognormal(9, n=n), spread(n, 20), 20), p).is_enough(0.05)
        for n in (needed - 1, 20 * needed)
    )

    assert not few
    assert enough


def test_bounds_beyond_the_data_are_infinite() -> None:
    found = estimate_quantile(histogram_of(lognormal(1, n=40), spread(40, 20), 20), 0.99)
    low, high = found.bounds()

    assert high[0] == math.inf
    assert low[ALPHAS == 0.01] < found.log_value


def test_the_quantile_function_rises_and_stays_within_its_buckets() -> None:
    values = lognormal(5)
    function = quantile_function(histogram_of(values, spread(8000), SLICES))
    p = np.linspace(0.001, 0.999, 999)
    logs = function(p)

    assert np.all(np.diff(logs) >= 0)
    assert np.max(np.abs(logs - np.log(np.quantile(values, p, method="inverted_cdf")))) <= 0.0101


def test_scaling_the_latencies_moves_the_quantile_by_the_log_of_the_scale() -> None:
    values = lognormal(6)
    one, other = (
        estimate_quantile(histogram_of(np.round(values * k).astype(np.int64), spread(8000), SLICES), 0.95)
        for k in (1.0, 1.37)
    )

    assert other.log_value - one.log_value == pytest.approx(math.log(1.37), abs=0.005)
