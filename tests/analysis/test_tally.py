"""Counting a run: what becomes of a request, what belongs to the window, and what is lag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.samples import read_run
from analysis.tally import OUTCOMES, Tally, Window, tally
from tests.runs import Samples, write_run

SECOND = 10**9


def counted(tmp_path: Path, samples: Samples, *, start_s: int = 0, slices: int = 10) -> Tally:
    run = read_run(write_run(tmp_path / "run", samples))
    return tally(run, Window(start_s * SECOND, SECOND, slices))


def one(**changes: object) -> Samples:
    """A single request to GET / at 2.5 s that took 100 ms."""
    values: dict[str, object] = {
        "route": ["GET /"],
        "intended_s": np.array([2.5]),
        "response_s": np.array([0.1]),
        "lag_s": 0.0,
    }
    return Samples(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "expected", "error", "outcome"),
    [
        (200, 200, "", "ok"),
        (204, 200, "", "ok"),
        (404, 404, "", "ok"),
        (200, 0, "", "ok"),
        (404, 200, "", "miss"),
        (302, 200, "", "miss"),
        (200, 304, "", "ok"),
        (304, 200, "", "ok"),
        (302, 304, "", "miss"),
        (200, 404, "", "miss"),
        (200, 500, "", "ok"),
        (500, 200, "", "server error"),
        (503, 503, "", "server error"),
        (0, 200, "", "broken"),
        (0, 200, "timeout", "timeout"),
        (0, 200, "connect", "connect"),
        (0, 200, "reset", "broken"),
        (200, 200, "protocol", "broken"),
        (429, 200, "", "turned away"),
        (429, 404, "", "turned away"),
        (429, 503, "", "turned away"),
        (429, 429, "", "ok"),
        (0, 200, "tls", "broken"),
        (0, 200, "ceiling", "ceiling"),
        (0, 200, "unresolved", "unresolved"),
        (0, 200, "refused", "refused"),
        (0, 200, "stopped", "stopped"),
        (0, 200, "of a later version", "broken"),
    ],
)
def test_a_request_becomes(tmp_path: Path, status: int, expected: int, error: str, outcome: str) -> None:
    found = counted(tmp_path, one(status=status, expected_status=expected, error=error))

    totals = found.routes["GET /"].totals
    assert dict(zip(OUTCOMES, totals, strict=True))[outcome] == 1
    assert totals.sum() == 1


def test_latencies_of_failures_stay_apart_from_those_of_successes_but_what_was_given_up_was_slow(
    tmp_path: Path,
) -> None:
    samples = Samples(
        route=["GET /"] * 4,
        intended_s=np.array([1.0, 2.0, 3.0, 4.0]),
        response_s=np.array([0.100, 0.001, 0.002, 30.0]),
        status=np.array([200, 500, 404, 0]),
        error=["", "", "", "timeout"],
    )

    route = counted(tmp_path, samples).routes["GET /"]

    assert route.response.n == route.service.n == 2
    assert route.response.quantile_ns(0.5) == pytest.approx(100e6, rel=0.005)
    assert route.response.quantile_ns(1.0) == pytest.approx(30e9, rel=0.005)
    assert route.failed.n == 3
    assert route.n == 4
    assert route.miss_share == 0.25


def test_response_time_counts_from_the_intended_time_and_service_time_from_the_sending(tmp_path: Path) -> None:
    ready = np.array([2_500_000_000 + 3_000_000])
    samples = one(lag_s=0.003, extra={"sent": ready + 20_000_000})

    found = counted(tmp_path, samples)

    route = found.routes["GET /"]
    assert found.lag.quantile_ns(0.5) == pytest.approx(3e6, rel=0.005)
    assert route.response.quantile_ns(0.5) == pytest.approx(100e6, rel=0.005)
    assert route.service.quantile_ns(0.5) == pytest.approx(77e6, rel=0.005)


def test_only_what_was_intended_within_the_window_is_counted(tmp_path: Path) -> None:
    samples = Samples(["GET /"] * 5, np.array([1.999, 2.0, 4.5, 6.999, 7.0]), np.full(5, 0.05), lag_s=0.0)

    found = counted(tmp_path, samples, start_s=2, slices=5)

    assert found.rows == 5
    assert found.n == 3
    assert found.intended.tolist() == [1, 0, 1, 0, 1]
    assert found.ready.tolist() == [1, 0, 1, 0, 1]


def test_a_late_request_is_intended_in_one_slice_and_ready_in_another(tmp_path: Path) -> None:
    found = counted(tmp_path, one(lag_s=2.0))

    assert np.flatnonzero(found.intended).tolist() == [2]
    assert np.flatnonzero(found.ready).tolist() == [4]


def test_routes_of_several_batches_keep_their_names(tmp_path: Path) -> None:
    n = 12_000
    names = [f"GET /{'ab' if i < 6000 else 'bc'}"[: 6 + i % 2] for i in range(n)]
    samples = Samples(names, np.linspace(0, 9.99, n), np.full(n, 0.01))

    found = counted(tmp_path, samples)

    assert {name: route.n for name, route in found.routes.items()} == {
        name: float(names.count(name)) for name in set(names)
    }


def test_stopped_and_refused_requests_are_nobodys_errors(tmp_path: Path) -> None:
    samples = Samples(
        ["GET /"] * 3, np.array([1.0, 2.0, 3.0]), np.full(3, 0.05), status=0, error=["stopped", "refused", "client"]
    )

    assert counted(tmp_path, samples).n == 0
