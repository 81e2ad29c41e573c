"""Drift: its time constant is found, and the variance rises where it must and hardly where it need not."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.drift import Drift, drift_apart, drift_of, is_material
from analysis.histogram import Floats
from analysis.uncertainty import ALPHAS
from analysis.variance import long_run_variance

SLICES = 360


def wandering(seed: int, length: float, white: float = 0.5) -> Floats:
    """A series of ``SLICES`` slices whose drift has a time constant of ``SLICES / length`` of them."""
    rng = np.random.default_rng(seed)
    phi = np.exp(-length / SLICES)
    noise = rng.normal(0, np.sqrt(1 - phi * phi), SLICES)
    series = np.empty(SLICES)
    level = rng.normal()
    for t in range(SLICES):
        level = phi * level + noise[t]
        series[t] = level
    return series + rng.normal(0, white, SLICES)


def variances(pair: list[Floats]) -> list[float]:
    return [known.variance for known in drift_of(pair).uncertainty(pair)]


def fits(length: float, reps: int = 60) -> list[Drift]:
    return [drift_of([wandering(2 * seed, length), wandering(2 * seed + 1, length)]) for seed in range(reps)]


@pytest.mark.parametrize("length", [5.0, 10.0, 30.0, 90.0])
def test_the_time_constant_is_found_within_a_factor_of_two(length: float) -> None:
    median = np.median([fit.time_constants for fit in fits(length)])

    assert length / 2 <= median <= length * 2


def test_the_variance_of_slow_drift_is_raised_towards_the_truth() -> None:
    length = 10.0
    tau = SLICES / length
    truth = SLICES * (2 * tau + 0.25)
    plain, raised = [], []
    for seed in range(80):
        pair = [wandering(2 * seed, length), wandering(2 * seed + 1, length)]
        plain.append(np.mean([long_run_variance(one) for one in pair]))
        raised.append(np.mean(variances(pair)))

    assert np.mean(plain) < 0.65 * truth
    assert 0.75 * truth < np.mean(raised) < 1.5 * truth


def test_independent_requests_pay_little() -> None:
    rng = np.random.default_rng(5)
    at = int(np.argmin(np.abs(ALPHAS - 0.05)))
    widths = []
    for _ in range(60):
        pair = [rng.normal(size=SLICES), rng.normal(size=SLICES)]
        widths += [known.critical[at] * np.sqrt(known.variance) for known in drift_of(pair).uncertainty(pair)]

    assert 0.95 < np.median(widths) / (1.6449 * np.sqrt(SLICES)) < 1.3


@pytest.mark.parametrize(
    "course", [np.linspace(-2, 2, SLICES), 2 * (np.arange(SLICES) > 200), np.sin(np.arange(SLICES) / SLICES * 6)]
)
def test_a_trend_a_level_shift_and_a_slow_wave_are_seen(course: Floats) -> None:
    rng = np.random.default_rng(6)
    found = drift_of([rng.normal(size=SLICES) + course, rng.normal(size=SLICES)])

    assert found.time_constants < 10 or found.shifts[0] > 0.5
    assert found.shifts[1] < 0.2


def test_what_the_schedule_does_to_both_runs_is_no_shift_of_their_difference() -> None:
    rng = np.random.default_rng(7)
    shifted = 2 * (np.arange(SLICES) > 200)
    a, b = (rng.normal(size=SLICES) + shifted for _ in range(2))

    apart = drift_of([a, b])
    assert apart.time_constants < 10 or apart.shift > 0.5
    together = drift_apart(a, b)
    assert together.shift < 0.2
    assert together.time_constants > 10


def test_the_interval_of_a_mean_covers_it_whatever_the_drift() -> None:
    at = int(np.argmin(np.abs(ALPHAS - 0.05)))
    for length in (10.0, 30.0, 100.0):
        hits = 0
        for seed in range(100):
            pair = [wandering(1000 + 2 * seed, length), wandering(1001 + 2 * seed, length)]
            known = drift_of(pair).uncertainty(pair)[0]
            hits += abs(pair[0].sum()) <= known.critical[at] * np.sqrt(known.variance)
        assert 83 <= hits <= 98


def test_a_series_that_never_moves_changes_nothing() -> None:
    flat = np.zeros(SLICES)

    assert variances([flat, flat]) == [0.0, 0.0]


def test_short_runs_show_nothing_and_say_so() -> None:
    short = drift_of([np.arange(16.0), np.arange(16.0)])

    assert np.ptp(short.weights) == 0


def test_runs_of_different_length_are_fitted_together() -> None:
    found = drift_of([wandering(1, 10.0), wandering(2, 10.0)[:100]])

    assert found.weights.sum() == pytest.approx(1)
    assert len(found.uncertainty([wandering(1, 10.0), wandering(2, 10.0)[:100]])) == 2


def test_a_narrow_interval_needs_no_holding_back() -> None:
    assert not is_material(0.02, 0.095)
    assert is_material(0.03, 0.095)
    assert is_material(float("inf"), 0.095)
