"""What Locust is told: counts and histograms in bulk, in the buckets that its own figures use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from loadtests.engine.control import RouteCounts
from loadtests.engine.handover import Records
from replay.samples import ERRORS
from replay.statuses import status_class

_MS = 1_000_000
_DENSE = 16
"""Up to so many places a sample, counting in place is quicker than sorting."""


def locust_buckets(milliseconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Response times rounded as Locust does: whole milliseconds below 100, then tens, hundreds, thousands."""
    whole = np.rint(milliseconds)
    exponent = np.minimum(np.floor(np.log10(np.maximum(whole, 1))), 4)
    step = np.maximum(10.0 ** (exponent - 1), 1.0)
    return (np.rint(np.where(whole < 100, whole, milliseconds) / step) * step).astype(np.int64)


def count(records: Records, routes: Sequence[str], methods: Sequence[str]) -> list[RouteCounts]:
    """The counts of some samples, by route and method.

    A failure is what Locust's users expect to see as one: no answer, or one of another status class than recorded.
    No loop goes over samples and little is sorted: it may have to run where the engine does.
    """
    if not len(records):
        return []
    known = len(methods)
    keys = records["route"].astype(np.int64) * known + records["method"]
    present = np.flatnonzero(np.bincount(keys))
    group_of = np.zeros(present[-1] + 1, np.int64)
    group_of[present] = np.arange(len(present))
    group = group_of[keys]
    took_ms = (records["end"] - records["intended"]) / _MS
    failed = missed(records)
    least_ms, most_ms = np.full(len(present), np.inf), np.full(len(present), -np.inf)
    np.minimum.at(least_ms, group, took_ms)
    np.maximum.at(most_ms, group, took_ms)
    found = [
        RouteCounts(
            route=routes[key // known],
            method=methods[key % known],
            requests=requests,
            failures=failures,
            total_ms=total_ms,
            min_ms=min_ms,
            max_ms=max_ms,
            bytes_in=int(bytes_in),
        )
        for key, requests, failures, total_ms, min_ms, max_ms, bytes_in in zip(
            present.tolist(),
            np.bincount(group).tolist(),
            np.bincount(group[failed], minlength=len(present)).tolist(),
            np.bincount(group, took_ms).tolist(),
            least_ms.tolist(),
            most_ms.tolist(),
            np.bincount(group, records["bytes_in"]).tolist(),
            strict=True,
        )
    ]
    seconds = records["end"] // 1_000_000_000
    for number, bucket, times in _counted(group, locust_buckets(took_ms)):
        found[number].histogram[bucket] = times
    for number, second, times in _counted(group, seconds):
        found[number].per_second[second] = times
    for number, second, times in _counted(group[failed], seconds[failed]):
        found[number].failures_per_second[second] = times
    _add_errors(found, group[failed], records[failed])
    return found


def _counted(group: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> Iterator[tuple[int, int, int]]:
    """Group, value and how often, for each pair that is there; negative values count as 0."""
    values = np.maximum(values, 0)
    first, last = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    width = last - first + 1
    pairs = group * width + (values - first)
    if len(pairs) and width * (int(group.max()) + 1) <= _DENSE * len(pairs):
        times = np.bincount(pairs)
        pairs = np.flatnonzero(times)
        times = times[pairs]
    else:
        pairs, times = np.unique(pairs, return_counts=True)
    return zip((pairs // width).tolist(), (pairs % width + first).tolist(), times.tolist(), strict=True)


def _add_errors(found: list[RouteCounts], group: np.ndarray[Any, Any], records: Records) -> None:
    kinds = np.stack([group, records["error"], records["status"], records["expected_status"]], axis=1)
    for (number, error, status, expected), times in zip(
        *(part.tolist() for part in np.unique(kinds, axis=0, return_counts=True)), strict=True
    ):
        text = ERRORS[error] if error else f"{status} where production gave {expected}"
        found[number].errors[text] = found[number].errors.get(text, 0) + times


def missed(records: Records) -> np.ndarray[Any, Any]:
    """Which samples are no answer of the recorded status class (where none was recorded, no answer below 500)."""
    status, expected = records["status"], records["expected_status"]
    other_class = np.where(expected > 0, status_class(status) != status_class(expected), status >= 500)
    found: np.ndarray[Any, Any] = (records["error"] != 0) | (status == 0) | other_class
    return found


def merge(into: dict[tuple[str, str], RouteCounts], more: list[RouteCounts]) -> None:
    """Add ``more`` to ``into``."""
    for new in more:
        old = into.setdefault((new.route, new.method), new)
        if old is new:
            continue
        old.requests += new.requests
        old.failures += new.failures
        old.total_ms += new.total_ms
        old.min_ms = min(old.min_ms, new.min_ms)
        old.max_ms = max(old.max_ms, new.max_ms)
        old.bytes_in += new.bytes_in
        for mine, theirs in (
            (old.histogram, new.histogram),
            (old.per_second, new.per_second),
            (old.failures_per_second, new.failures_per_second),
        ):
            for key, number in theirs.items():
                mine[key] = mine.get(key, 0) + number
        for text, number in new.errors.items():
            old.errors[text] = old.errors.get(text, 0) + number
