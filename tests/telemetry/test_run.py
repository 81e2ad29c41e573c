"""A run's metrics follow its files while they grow, and end as the finished run has it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from replay.errors import InputError
from replay.journal import EngineTick, journal_path
from replay.runs import Tick
from replay.samples import SampleWriter
from replay.telemetry.run import RunFollower
from tests.runs import Samples, write_run


def figures(follower: RunFollower) -> dict[tuple[str, ...], float]:
    """Value by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in follower.metrics()
        for sample in metric.samples
    }


def tick(folder: Path, second: int) -> None:
    """Let engine 0 end a second."""
    entry = EngineTick(Tick(0, second, due=10, sent=9, in_flight=3, cpu=0.25, loop_lag_ns=2_000_000), lanes=200)
    with journal_path(folder, 0).open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")


def some(count: int, response_s: float) -> Samples:
    return Samples(["GET /a"] * count, np.arange(count) * 0.1, np.full(count, response_s), lag_s=0.002)


def test_a_run_under_way_is_followed_second_by_second(tmp_path: Path) -> None:
    part = tmp_path / ".candidate.part-77"
    part.mkdir()
    follower = RunFollower(tmp_path / "candidate")
    writer = SampleWriter(part / "samples-000.arrow")
    tick(part, 0)
    writer.write(some(8, 0.04).batch())
    first = figures(follower)
    tick(part, 1)
    writer.write(some(2, 2.0).batch())
    second = figures(follower)

    assert first["replay_run_up",] == second["replay_run_up",] == 1
    assert (first["replay_run_requests_due_total",], second["replay_run_requests_due_total",]) == (10, 20)
    assert (second["replay_run_requests_in_flight",], second["replay_run_lanes",]) == (3, 200)
    assert (second["replay_run_engine_cpu_ratio", "0"], second["replay_run_engine_loop_lag_seconds", "0"]) == (
        0.25,
        0.002,
    )
    assert first["replay_run_response_seconds_count", "GET /a"] == 8
    assert second["replay_run_response_seconds_count", "GET /a"] == 10
    assert second["replay_run_response_seconds_bucket", "GET /a", "0.025"] == 0
    assert second["replay_run_response_seconds_bucket", "GET /a", "0.05"] == 8
    assert second["replay_run_response_seconds_bucket", "GET /a", "2.5"] == 10
    assert second["replay_run_response_seconds_sum", "GET /a"] == pytest.approx(8 * 0.04 + 2 * 2.0)
    assert second["replay_run_lag_seconds_bucket", "0.0025"] == 10
    assert second["replay_run_requests_ended_total", "GET /a", "2xx", ""] == 10


def test_a_finished_run_is_told_from_its_own_files(tmp_path: Path) -> None:
    part = tmp_path / ".candidate.part-77"
    part.mkdir()
    tick(part, 0)
    follower = RunFollower(tmp_path / "candidate")
    assert figures(follower)["replay_run_requests_due_total",] == 10
    part.rename(tmp_path / "gone")  # the run gets its name with more than was followed
    ended = Samples(["GET /a", "GET /b"], np.array([0.0, 1.0]), np.array([0.1, 0.1]), error=["", "timeout"], status=0)
    write_run(tmp_path / "candidate", ended, ticks=[Tick(0, 0, 7, 6, 0, 0.1, 0, lost=1)])
    found = figures(follower)

    assert (found["replay_run_up",], found["replay_run_requests_in_flight",]) == (0, 0)
    assert (found["replay_run_requests_due_total",], found["replay_run_requests_sent_total",]) == (7, 6)
    assert found["replay_run_samples_lost_total",] == 1
    assert found["replay_run_requests_ended_total", "GET /b", "", "timeout"] == 1


def test_a_name_where_no_run_is_under_way_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run is under way"):
        figures(RunFollower(tmp_path / "nothing"))


def test_a_run_that_fell_silent_is_not_up(tmp_path: Path) -> None:
    """Its ``replay run`` was killed: nobody gives the folder its final name any more."""
    part = tmp_path / ".candidate.part-77"
    part.mkdir()
    tick(part, 0)
    now_s = part.stat().st_mtime

    assert figures(RunFollower(tmp_path / "candidate", lambda: now_s + 5))["replay_run_up",] == 1
    assert figures(RunFollower(tmp_path / "candidate", lambda: now_s + 60))["replay_run_up",] == 0


def test_a_run_that_was_given_up_is_over(tmp_path: Path) -> None:
    part = tmp_path / ".candidate.part-77"
    part.mkdir()
    tick(part, 0)
    follower = RunFollower(tmp_path / "candidate")
    figures(follower)
    assert not follower.is_over
    shutil.rmtree(part)

    assert figures(follower)["replay_run_up",] == 0
    assert follower.is_over


def test_what_a_killed_run_left_behind_is_not_mixed_with_the_next(tmp_path: Path) -> None:
    old, new = tmp_path / ".candidate.part-77", tmp_path / ".candidate.part-99"
    old.mkdir()
    tick(old, 0)
    tick(old, 1)
    follower = RunFollower(tmp_path / "candidate")
    figures(follower)
    new.mkdir()
    tick(new, 0)
    os.utime(old, (0, 0))

    assert figures(follower)["replay_run_requests_due_total",] == 10


def test_a_run_with_brackets_in_its_name_is_found(tmp_path: Path) -> None:
    part = tmp_path / ".build[417].part-77"
    part.mkdir()
    tick(part, 0)

    assert figures(RunFollower(tmp_path / "build[417]"))["replay_run_up",] == 1
