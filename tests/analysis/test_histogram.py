"""Buckets: the stated accuracy on named distributions, and merging that loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.histogram import (
    ACCURACY,
    BUCKETS,
    SliceCounter,
    cells_of,
    histogram_of,
    merged,
    values_of,
)

QUANTILES = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
MS = 1e6


def distribution(name: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = {
        "constant": lambda: np.full(n, 42 * MS),
        "uniform": lambda: rng.uniform(1 * MS, 900 * MS, n),
        "lognormal": lambda: 80 * MS * np.exp(rng.normal(0, 0.6, n)),
        "pareto": lambda: 10 * MS * (1 + rng.pareto(1.5, n)),
        "exponential": lambda: rng.exponential(50 * MS, n) + 2000,
        "bimodal": lambda: np.where(rng.random(n) < 0.3, rng.normal(5, 0.1, n), rng.normal(3000, 20, n)) * MS,
        "integers": lambda: rng.integers(1, 12, n) * MS,
        "rising": lambda: np.linspace(1 * MS, 100 * MS, n),
        "falling": lambda: np.linspace(100 * MS, 1 * MS, n),
        "microseconds": lambda: rng.uniform(1.0, 50.0, n) * 1000,
        "minutes": lambda: rng.uniform(60, 900, n) * 1e9,
    }[name]()
    return np.round(values).astype(np.int64)


@pytest.mark.parametrize("n", [1, 2, 7, 100, 20_000])
@pytest.mark.parametrize(
    "name",
    [
        "constant",
        "uniform",
        "lognormal",
        "pareto",
        "exponential",
        "bimodal",
        "integers",
        "rising",
        "falling",
        "microseconds",
        "minutes",
    ],
)
def test_every_quantile_is_within_the_stated_accuracy(name: str, n: int) -> None:
    values = distribution(name, n)
    counted = histogram_of(values, np.zeros(n, np.int64), 1)

    for p in QUANTILES:
        exact = float(np.quantile(values, p, method="inverted_cdf"))
        assert abs(counted.quantile_ns(p) - exact) <= ACCURACY * exact * (1 + 1e-9)


@given(st.lists(st.integers(1000, 10**12), min_size=1, max_size=200))
def test_a_cell_stands_for_its_values_within_the_accuracy(values: list[int]) -> None:
    exact = np.array(values, np.int64)
    shown = values_of(cells_of(exact))

    assert np.all(np.abs(shown - exact) <= ACCURACY * exact * (1 + 1e-9))


def test_values_outside_the_range_are_counted_at_its_ends() -> None:
    cells = cells_of(np.array([-5, 0, 1, 999, 10**15], np.int64))

    assert cells.tolist() == [0, 0, 0, 0, BUCKETS - 1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=25)
def test_counting_in_batches_counts_as_at_once(seed: int, batches: int, slices: int) -> None:
    rng = np.random.default_rng(seed)
    n = 500
    route, time_slice = rng.integers(0, 4, n), rng.integers(0, slices, n)
    cell = rng.integers(0, BUCKETS, n)

    whole, parts = SliceCounter(slices, BUCKETS), SliceCounter(slices, BUCKETS)
    whole.add(route, time_slice, cell)
    for part in np.array_split(rng.permutation(n), batches):
        parts.add(route[part], time_slice[part], cell[part])

    for a, b in zip(whole.histograms(4), parts.histograms(4), strict=True):
        a, b = merged([a]), merged([b])  # a cell that was counted twice stands there twice
        assert np.array_equal(a.time_slice, b.time_slice)
        assert np.array_equal(a.cell, b.cell)
        assert np.array_equal(a.count, b.count)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_merging_is_exact_and_associative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (80e6 * np.exp(rng.normal(0, 1, 900))).astype(np.int64)
    slices = rng.integers(0, 6, 900)
    a, b, c = (histogram_of(values[i::3], slices[i::3], 6) for i in range(3))

    whole = histogram_of(values, slices, 6)
    for found in (merged([a, b, c]), merged([merged([a, b]), c]), merged([a, merged([c, b])])):
        assert np.array_equal(found.by_cell(), whole.by_cell())
        assert np.array_equal(found.by_slice(), whole.by_slice())


def test_batches_in_no_order_are_put_together_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.histogram._PENDING_CELLS", 2000)
    rng = np.random.default_rng(4)
    counter = SliceCounter(4, 100)
    for _ in range(40):
        counter.add(rng.integers(0, 2, 500), rng.integers(0, 4, 500), rng.integers(0, 100, 500))

    found = counter.histograms(2)
    assert sum(part.n for part in found) == 40 * 500
    assert sum(part.cell.size for part in found) < 3000


def test_rows_that_stand_one_by_one_add_up_beyond_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.histogram._PENDING_CELLS", 500)
    counter = SliceCounter(1000, BUCKETS)
    for _ in range(300):
        counter.add(np.array([0, 900]), np.array([0, 999]), np.array([5, 7]))

    found = counter.histograms(901)
    assert [merged([found[route]]).count.tolist() for route in (0, 900)] == [[300.0], [300.0]]


def test_a_table_counts_each_slice_by_columns_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.histogram._BLOCK", 7)  # so that the rows come in several blocks
    rng = np.random.default_rng(5)
    values, slices = rng.integers(10**6, 10**8, 100), rng.integers(0, 3, 100)
    columns = rng.integers(0, 4, BUCKETS)
    found = histogram_of(values, slices, 3).table(columns, 4)

    expected = np.zeros((3, 4))
    np.add.at(expected, (slices, columns[cells_of(values)]), 1)
    assert np.array_equal(found, expected)


def test_merging_by_weight_is_merging_of_what_was_weighted() -> None:
    rng = np.random.default_rng(6)
    a, b = (histogram_of(rng.integers(10**6, 10**8, n), rng.integers(0, 2, n), 2) for n in (50, 4000))

    found = merged([a, b], [1.0, 0.25])
    assert np.allclose(found.by_cell(), a.by_cell() + 0.25 * b.by_cell())
    assert np.allclose(found.by_slice(), a.by_slice() + 0.25 * b.by_slice())


def test_histograms_of_unlike_slices_do_not_merge() -> None:
    one, other = (histogram_of(np.array([5 * 10**6]), np.array([0]), slices) for slices in (3, 4))

    with pytest.raises(ValueError, match="cannot merge histograms of 3 slices"):
        merged([one, other])


def test_sparse_keys_far_apart_are_counted_too() -> None:
    counter = SliceCounter(100_000, BUCKETS)
    counter.add(np.array([0, 900, 900]), np.array([0, 99_999, 99_999]), np.array([5, 7, 7]))

    last = counter.histograms(901)[900]
    last = merged([last])
    assert (last.time_slice.tolist(), last.cell.tolist(), last.count.tolist()) == ([99_999], [7], [2.0])


def test_an_empty_histogram_has_no_quantile() -> None:
    empty = SliceCounter(3, BUCKETS).histograms(1)[0]

    assert np.isnan(empty.quantile_ns(0.5))
    assert empty.n == 0
