"""What Locust is told: counts and histograms in bulk, in the buckets that its own figures use."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from loadtests.engine.recorder import Records
from replay.samples import ERRORS

_MS = 1_000_000


class RouteCounts(msgspec.Struct):
    """Of one route, since the last report."""

    route: str
    method: str
    requests: int = 0
    failures: int = 0
    total_ms: float = 0.0
    min_ms: float = 0.0
    max_ms: float = 0.0
    bytes_in: int = 0
    histogram: dict[int, int] = {}
    """Response times by Locust's bucket in milliseconds."""
    per_second: dict[int, int] = {}
    """Requests by the second of the run clock in which they ended."""
    failures_per_second: dict[int, int] = {}
    errors: dict[str, int] = {}


def locust_buckets(milliseconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Response times rounded as Locust does: whole milliseconds below 100, else two significant digits."""
    whole = np.rint(milliseconds)
    exponent = np.floor(np.log10(np.maximum(whole, 1)))
    step = np.maximum(10.0 ** (exponent - 1), 1.0)
    return (np.rint(np.where(whole < 100, whole, milliseconds) / step) * step).astype(np.int64)


def count(records: Records, routes: list[str], methods: list[str]) -> list[RouteCounts]:
    """The counts of some samples, by route and method.

    A failure is what Locust's users expect to see as one: no answer, or one of another status class than recorded.
    """
    keys = records["route"].astype(np.int64) * 1000 + records["method"]
    return [_of_route(records[keys == key], routes[key // 1000], methods[key % 1000]) for key in np.unique(keys)]


def _of_route(records: Records, route: str, method: str) -> RouteCounts:
    took = (records["end"] - records["intended"]) / _MS
    seconds = records["end"] // 1_000_000_000
    failed = missed(records)
    return RouteCounts(
        route=route,
        method=method,
        requests=len(records),
        failures=int(failed.sum()),
        total_ms=float(took.sum()),
        min_ms=float(took.min()),
        max_ms=float(took.max()),
        bytes_in=int(records["bytes_in"].sum()),
        histogram=_counted(locust_buckets(took)),
        per_second=_counted(seconds),
        failures_per_second=_counted(seconds[failed]),
        errors=_errors(records[failed]),
    )


def missed(records: Records) -> np.ndarray[Any, Any]:
    """Which samples are no answer of the recorded status class (where none was recorded, no answer below 500)."""
    status, expected = records["status"], records["expected_status"]
    other_class = np.where(expected > 0, status // 100 != expected // 100, status >= 500)
    found: np.ndarray[Any, Any] = (records["error"] != 0) | (status == 0) | other_class
    return found


def _errors(records: Records) -> dict[str, int]:
    told: dict[str, int] = {}
    triples = np.stack([records["error"], records["status"], records["expected_status"]], axis=1)
    for (error, status, expected), number in zip(*np.unique(triples, axis=0, return_counts=True), strict=True):
        text = ERRORS[error] if error else f"{status} where production gave {expected}"
        told[text] = told.get(text, 0) + int(number)
    return told


def _counted(values: np.ndarray[Any, Any]) -> dict[int, int]:
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


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
