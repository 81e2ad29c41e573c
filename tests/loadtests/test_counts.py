"""What Locust is told in bulk is what it would have counted one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loadtests.engine.control import RouteCounts
from loadtests.engine.counts import count, locust_buckets, merge
from loadtests.engine.handover import RECORD, Records
from replay.samples import ERRORS

MS = 1_000_000
ROUTES, METHODS = ["GET /a", "GET /b", "POST /a"], ["GET", "POST"]


def records(*rows: dict[str, int]) -> Records:
    """Samples with defaults: route 0, GET, 200 as recorded, 10 ms."""
    made = np.zeros(len(rows), RECORD)
    for at, row in enumerate(rows):
        for name, value in {"status": 200, "expected_status": 200, "end": 10 * MS, **row}.items():
            made[at][name] = value
    return made


def locusts_bucket(milliseconds: float) -> int:
    """``locust.stats.bucket_response_time`` of Locust 2.47, word for word but for its name."""
    if milliseconds < 100:
        return round(milliseconds)
    if milliseconds < 1000:
        return int(round(milliseconds, -1))
    if milliseconds < 10000:
        return int(round(milliseconds, -2))
    return int(round(milliseconds, -3))


@given(st.floats(0, 900_000))
def test_the_buckets_are_locust_s(milliseconds: float) -> None:
    assert locust_buckets(np.array([milliseconds]))[0] == locusts_bucket(milliseconds)


def test_counts_are_by_route_and_method() -> None:
    found = count(
        records(
            {"route": 1, "end": 30 * MS}, {"route": 0}, {"route": 1, "intended": 5 * MS}, {"route": 2, "method": 1}
        ),
        ROUTES,
        METHODS,
    )
    by_route = {(one.route, one.method): one for one in found}

    assert {key: one.requests for key, one in by_route.items()} == {
        ("GET /a", "GET"): 1,
        ("GET /b", "GET"): 2,
        ("POST /a", "POST"): 1,
    }
    second = by_route["GET /b", "GET"]
    assert (second.min_ms, second.max_ms, second.total_ms) == (5.0, 30.0, 35.0)
    assert second.histogram == {5: 1, 30: 1}


def test_a_failure_is_no_answer_or_one_of_another_class() -> None:
    [one] = count(
        records(
            {"status": 204},
            {"status": 404},
            {"status": 404, "expected_status": 404},
            {"status": 200, "expected_status": 304},
            {"status": 0, "error": ERRORS.index("timeout"), "end": 3_000 * MS},
            {"status": 500, "expected_status": 0},
            {"status": 404, "expected_status": 0},
        ),
        ROUTES,
        METHODS,
    )

    assert one.failures == 3
    assert one.errors == {"404 where production gave 200": 1, "timeout": 1, "500 where production gave 0": 1}
    assert one.failures_per_second == {0: 2, 3: 1}


@given(
    arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 50_000)),
    st.integers(0, 60),
)
def test_counting_in_parts_is_counting_at_once(milliseconds: np.ndarray, cut: int) -> None:
    rows = [
        {"route": int(ms) % 3, "end": int(ms) * MS, "status": 200 if ms % 5 else 503, "bytes_in": int(ms)}
        for ms in milliseconds
    ]
    whole: dict[tuple[str, str], RouteCounts] = {}
    parts: dict[tuple[str, str], RouteCounts] = {}
    merge(whole, count(records(*rows), ROUTES, METHODS))
    for part in (rows[:cut], rows[cut:]):
        merge(parts, count(records(*part), ROUTES, METHODS))

    assert parts == whole
    assert sum(one.requests for one in whole.values()) == len(rows)
