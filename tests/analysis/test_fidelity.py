"""How like production a replay was: each trait is found where it was put."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.fidelity import Traffic, fidelity_of, traffic_of
from analysis.samples import Repetition, read_run
from analysis.tally import Tally, Window, tally
from tests.runs import Samples, write_run

N = 2000
LENGTH_S = 100.0


def counted(tmp_path: Path, samples: Samples, name: str = "run") -> Tally:
    run = read_run(write_run(tmp_path / name, samples))
    return tally(run, Window(0, 10**9, int(LENGTH_S)))


def evenly(**extra: object) -> Samples:
    """Twenty requests a second, each answered within 200 ms, five a session."""
    at = (np.arange(N) + 0.5) * LENGTH_S / N
    return Samples(["GET /"] * N, at, np.full(N, 0.2), lag_s=0.0, extra=dict(extra))


def traffic(tmp_path: Path, samples: Samples) -> Traffic:
    return traffic_of(counted(tmp_path, samples))


def test_even_traffic_has_no_bursts_and_a_known_concurrency(tmp_path: Path) -> None:
    found = traffic(tmp_path, evenly())

    assert found.n == N
    assert found.rate_per_s == pytest.approx(20)
    assert found.burst_index == pytest.approx(0, abs=0.01)
    assert found.in_flight_mean == pytest.approx(4, rel=0.01)  # Little: 20 a second, 0.2 s each
    assert found.in_flight_most == pytest.approx(4, abs=1)
    assert (found.disordered_share, found.overtaking_share, found.new_connection_share) == (0, 0, 0)


def test_independent_arrivals_have_a_burst_index_of_one_and_pairs_of_two(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    at, of_pairs = (np.sort(rng.uniform(0, LENGTH_S, n)) for n in (N, N // 2))
    single = traffic(tmp_path / "a", Samples(["GET /"] * N, at, np.full(N, 0.1)))
    double = traffic(tmp_path / "b", Samples(["GET /"] * N, np.repeat(of_pairs, 2), np.full(N, 0.1)))

    assert single.burst_index == pytest.approx(1, abs=0.3)
    assert double.burst_index == pytest.approx(2, abs=0.6)


def test_writes_clones_and_new_connections_are_counted(tmp_path: Path) -> None:
    found = traffic(
        tmp_path,
        evenly(
            method=["POST" if i % 10 == 0 else "GET" for i in range(N)],
            clone=(np.arange(N) % 4 == 0).astype(np.int32),
            reused=np.arange(N) % 5 != 0,
        ),
    )

    assert found.write_share == pytest.approx(0.1)
    assert found.clone_share == pytest.approx(0.25)
    assert found.new_connection_share == pytest.approx(0.2)


def test_what_is_sent_before_what_it_followed_is_out_of_order(tmp_path: Path) -> None:
    samples = evenly()
    due = np.round(samples.intended_s * 1e9).astype(np.int64)
    swapped = due.copy()
    swapped[0::50], swapped[1::50] = due[1::50], due[0::50]  # the first two of every tenth session

    samples.extra = {"due": due, "sent": swapped}
    found = traffic(tmp_path, samples)

    assert found.disordered_share == pytest.approx(40 / (N * 4 / 5))
    assert found.overtaking_share == pytest.approx(40 / N)


def test_rows_stand_beside_each_other(tmp_path: Path) -> None:
    a, b = counted(tmp_path, evenly(), "a"), counted(tmp_path, evenly(reused=np.zeros(N, bool)), "b")

    rows = {row.name: row for row in fidelity_of(a, b, 0.03)}

    assert (rows["new connections"].baseline, rows["new connections"].candidate) == (0, 1)
    assert rows["mix of routes"].candidate == 0.03


def repeating(folder: Path, repetition: Repetition | None) -> Tally:
    run = read_run(write_run(folder, evenly(), repetition=repetition))
    return tally(run, Window(0, 10**9, int(LENGTH_S)))


def test_how_addresses_and_keys_repeat_is_of_the_manifests(tmp_path: Path) -> None:
    baseline = repeating(tmp_path / "a", Repetition(1000, 400, 600, 200))
    candidate = repeating(tmp_path / "b", Repetition(2000, 400, 1200, 200))
    silent = repeating(tmp_path / "c", None)

    found = {row.name: (row.baseline, row.candidate) for row in fidelity_of(baseline, candidate, 0.0)}

    assert found["different addresses"] == (0.4, 0.2)
    assert found["reads of a key"] == (3, 6)
    assert not {row.name for row in fidelity_of(baseline, silent, 0.0)} & {"different addresses", "reads of a key"}
