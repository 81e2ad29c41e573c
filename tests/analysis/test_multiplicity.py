"""Holm and Benjamini-Hochberg, against statsmodels."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.multiplicity import benjamini_hochberg, holm


@pytest.fixture(scope="module")
def little_garbage() -> Iterator[None]:
    """Nothing that is there already is looked at by the collector, which statsmodels' Holm calls each time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_garbage")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=100)
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_the_same_hypotheses_are_rejected_as_by_statsmodels(ours, theirs, p_values, alpha) -> None:
    expected = multipletests(p_values, alpha=alpha, method=theirs)

    # Where an adjusted p-value equals alpha, rounding decides which side it falls.
    clear = np.abs(expected[1] - alpha) > 1e-9
    assert np.array_equal(ours(p_values, alpha)[clear], expected[0][clear])


def test_holm_stops_at_the_first_that_stands() -> None:
    assert holm([0.04, 0.001, 0.03], 0.05).tolist() == [False, True, False]


def test_nothing_tested_is_nothing_rejected() -> None:
    assert holm([], 0.05).size == 0
    assert benjamini_hochberg([], 0.05).size == 0
