"""Shares of requests: exact bounds, their promise kept where failures are few, and dependence counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from analysis.shares import Proportion, proportion, share_difference, share_limit
from analysis.uncertainty import ALPHAS

MARGIN = 0.005


@given(st.integers(1, 4000), st.floats(0, 1))
def test_a_share_has_the_bounds_of_clopper_and_pearson(n: int, share: float) -> None:
    count = round(n * share)
    found = share_limit(Proportion(count, n))

    wanted = proportion_confint(count, n, alpha=0.1, method="beta")
    assert (found.lower_at(0.05), found.upper_at(0.05)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("n", "share"), [(40, 0.0), (200, 0.001), (600, 0.0), (600, 0.001), (2000, 0.0)])
def test_neither_word_is_said_wrongly_at_the_margin_more_often_than_promised(n: int, share: float) -> None:
    wrong_ready = wrong_not_ready = 0.0
    for a in range(int(binom.ppf(1 - 1e-6, n, share)) + 1):
        for b in range(int(binom.ppf(1 - 1e-6, n, share + MARGIN)) + 1):
            chance = binom.pmf(a, n, share) * binom.pmf(b, n, share + MARGIN)
            found = share_difference(Proportion(a, n), Proportion(b, n))
            wrong_ready += chance * (found.upper_at(0.05) < MARGIN)
            wrong_not_ready += chance * (found.lower_at(0.05) > MARGIN)

    assert wrong_ready <= 0.05
    assert wrong_not_ready <= 0.05


def test_one_failure_of_forty_proves_nothing() -> None:
    found = share_difference(Proportion(0, 40), Proportion(1, 40))

    assert found.lower_at(0.05) < 0
    assert share_limit(Proportion(1, 40)).p_above(MARGIN) == pytest.approx(1 - 0.995**40, rel=0.01)


def test_none_that_failed_of_n_leaves_three_in_n() -> None:
    found = share_difference(Proportion(0, 598), Proportion(0, 598))

    assert found.upper_at(0.05) == pytest.approx(1 - 0.05 ** (1 / 598))
    assert share_difference(Proportion(0, 597), Proportion(0, 597)).upper_at(0.05) > MARGIN > found.upper_at(0.05)


def test_bounds_are_ordered_and_nothing_of_nothing_is_known() -> None:
    for known in (Proportion(3, 70), Proportion(3, 70, 2.5), Proportion(0, 9), Proportion(9, 9), Proportion(0.4, 20)):
        low, high = known.bounds()
        assert low.shape == high.shape == ALPHAS.shape
        assert (np.diff(low) >= 0).all()
        assert (np.diff(high) <= 0).all()
        assert (low <= known.share).all()
        assert (high >= known.share).all()
    low, high = Proportion(0, 0).bounds()
    assert (low.max(), high.min()) == (0.0, 1.0)


def test_failures_that_depend_on_each_other_widen_the_bounds() -> None:
    known, doubtful = share_limit(Proportion(40, 4000)), share_limit(Proportion(40, 4000, 4.0))

    assert doubtful.upper_at(0.05) - 0.01 > 1.8 * (known.upper_at(0.05) - 0.01)
    assert 0.01 - doubtful.lower_at(0.05) > 1.8 * (0.01 - known.lower_at(0.05))


def test_errors_that_come_in_bursts_count_for_less() -> None:
    rng = np.random.default_rng(1)
    n = np.full(100, 50.0)
    even = rng.binomial(50, 0.04, 100).astype(float)
    bursts = np.zeros(100)
    bursts[40:44] = 50

    assert proportion(even, n).design_effect < 3
    assert proportion(bursts, n).design_effect > 20
    assert proportion(np.zeros(100), n).design_effect == 1
