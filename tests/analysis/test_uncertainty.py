"""Student's t mixed over variances: one variance gives t, two give heavier tails, and simulation agrees."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.uncertainty import ALPHAS, mixed, t_bounds, t_critical


def at(alpha: float) -> int:
    return int(np.argmin(np.abs(ALPHAS - alpha)))


def test_one_variance_gives_students_t() -> None:
    found = mixed(np.array([4.0]), np.array([1.0]), 16.0)

    assert found.variance == 4.0
    assert found.critical[at(0.05)] == pytest.approx(float(t_critical(0.05, 16.0)), rel=2e-3)
    inner = (ALPHAS > 1e-6) & (ALPHAS < 0.4)
    assert found.critical[inner] == pytest.approx(t_bounds(16.0)[inner], rel=0.01)
    assert found.critical[-1] == 0.0


def test_a_doubtful_variance_has_the_tails_of_its_mixture() -> None:
    rng = np.random.default_rng(1)
    variances, weights = np.array([1.0, 25.0]), np.array([0.9, 0.1])
    drawn = rng.normal(size=400_000) * np.sqrt(rng.choice(variances, 400_000, p=weights))
    found = mixed(variances, weights, 1e6)

    assert found.variance == pytest.approx(3.4)
    for alpha in (0.2, 0.05, 0.01, 0.001):
        bound = found.critical[at(alpha)] * np.sqrt(found.variance)
        assert np.mean(drawn > bound) == pytest.approx(ALPHAS[at(alpha)], rel=0.1)


def test_bounds_fall_as_more_error_is_allowed() -> None:
    found = mixed(np.geomspace(0.01, 100, 40), np.full(40, 1 / 40), 20.0)

    assert np.all(np.diff(found.critical) < 0)
