"""Lasting changes: found where they are, and hardly ever where there is none, by simulation with a fixed seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import ttest_ind

from analysis.changepoint import LEAST_SEGMENT, _statistics, change_points, p_change


def nights(rng: np.random.Generator, n: int, likeness: float) -> np.ndarray:
    """``n`` results of unit variance, each correlated with the one before."""
    series = lfilter([1.0], [1.0, -likeness], rng.standard_normal(n + 50))[50:]
    return series * np.sqrt(1 - likeness**2)


def test_the_statistic_is_student_s_t_of_every_split() -> None:
    values = np.random.default_rng(1).normal(size=13)
    splits = range(LEAST_SEGMENT, 13 - LEAST_SEGMENT + 1)

    assert _statistics(values[None, :])[0] == pytest.approx(
        [abs(ttest_ind(values[:k], values[k:]).statistic) for k in splits]
    )


@pytest.mark.parametrize(("n", "likeness", "most"), [(12, 0.0, 0.05), (30, 0.3, 0.08), (60, 0.5, 0.10)])
def test_false_alarms_stay_near_five_percent_where_nights_are_alike(n: int, likeness: float, most: float) -> None:
    rng = np.random.default_rng(2)

    assert np.mean([p_change(nights(rng, n, likeness)) <= 0.05 for _ in range(300)]) <= most


def test_a_change_is_found_with_the_run_it_began_with() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(100):
        values = nights(rng, 30, 0.3)
        values[22:] += 4
        found.append([point.first for point in change_points(values, 0.05, 1.0)])

    assert sum(any(abs(first - 22) <= 1 for first in firsts) for firsts in found) >= 90


def test_two_changes_are_both_found_and_the_first_is_over() -> None:
    values = np.random.default_rng(4).normal(0, 0.02, 40)
    values[10:] += 0.3
    values[25:] += 0.2

    first, second = change_points(values.tolist(), 0.05, 0.05)

    assert (first.first, first.end, second.first, second.end) == (10, 25, 25, 40)
    assert first.after - first.before == pytest.approx(0.3, abs=0.03)


def test_one_bad_night_is_no_change() -> None:
    values = np.random.default_rng(5).normal(0, 0.02, 20)
    values[12] += 1.0

    assert change_points(values.tolist(), 0.05, 0.05) == []


def test_a_change_below_the_least_is_not_told() -> None:
    values = np.random.default_rng(6).normal(0, 0.002, 30)
    values[15:] += 0.03

    assert len(change_points(values.tolist(), 0.05, 0.02)) == 1
    assert change_points(values.tolist(), 0.05, 0.05) == []


@pytest.mark.parametrize("values", [[], [1.0] * 7, [2.0] * 20])
def test_few_or_equal_results_show_nothing(values: list[float]) -> None:
    assert change_points(values, 0.05, 0.0) == []
