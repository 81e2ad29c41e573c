"""Counts of samples by route, for histograms with Prometheus' fixed buckets; memory is bounded by the routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets."""
MAX_ROUTES = 500
"""Routes beyond are counted together, as ``other``: templates are few, and a plan with more is no template set."""


class _Spread:
    """One histogram: counts a bucket, and the sum."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(BOUNDS_S) + 1, np.int64)
        self.sum_s = 0.0

    def add(self, values_s: np.ndarray) -> None:
        self.counts += np.bincount(np.searchsorted(BOUNDS_S, values_s), minlength=len(self.counts))
        self.sum_s += float(values_s.sum())

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts up to and including each bound."""
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        return [(bound, float(count)) for bound, count in zip(bounds, np.cumsum(self.counts), strict=True)]


class SampleTally:
    """What became of requests so far: response times and lag, and how each ended."""

    def __init__(self) -> None:
        self._response: dict[str, _Spread] = {}
        self._lag = _Spread()
        self._ended: Counter[tuple[str, str, str]] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch of the samples' schema."""
        intended, ready, end = (batch.column(name).to_numpy() for name in ("intended", "ready", "end"))
        status = batch.column("status").to_numpy()
        routes, route = _numbered(batch.column("route"))
        errors, error = _numbered(batch.column("error"))
        self._lag.add((ready - intended) / 1e9)
        response_s = (end - intended) / 1e9
        for number, name in enumerate(routes):
            here = route == number
            if here.any():
                known = name if name in self._response or len(self._response) < MAX_ROUTES else "other"
                self._response.setdefault(known, _Spread()).add(response_s[here])
                self._count(known, status[here] // 100, error[here], errors)

    def _count(self, route: str, classes: np.ndarray, error: np.ndarray, errors: list[str]) -> None:
        pairs, counts = np.unique(np.stack([classes, error]), axis=1, return_counts=True)
        for (of_class, number), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            self._ended[route, f"{of_class}xx" if of_class else "", errors[number]] += count

    def metrics(self) -> Iterator[Metric]:
        """Three families: response times by route, lag, and ends by route, class of status and error."""
        response = HistogramMetricFamily(
            "replay_run_response_seconds", "Response time from the intended start.", labels=["route"]
        )
        for name, spread in sorted(self._response.items()):
            response.add_metric([name], spread.buckets(), spread.sum_s)
        yield response
        lag = HistogramMetricFamily("replay_run_lag_seconds", "The generator's own lateness.", labels=[])
        lag.add_metric([], self._lag.buckets(), self._lag.sum_s)
        yield lag
        ended = CounterMetricFamily(
            "replay_run_requests_ended", "Requests by how they ended.", labels=["route", "status", "error"]
        )
        for labels, count in sorted(self._ended.items()):
            ended.add_metric(labels, count)
        yield ended


def count_samples(batches: Iterable[pa.RecordBatch]) -> SampleTally:
    """A tally of ``batches``."""
    tally = SampleTally()
    for batch in batches:
        tally.add(batch)
    return tally


def _numbered(column: pa.DictionaryArray) -> tuple[list[str], np.ndarray]:
    return column.dictionary.to_pylist(), column.indices.to_numpy()
