"""A run is watched to its end, or to the moment when it must have ended."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from replay.cli.run_processes import Locust
from replay.cli.run_watch import watch
from replay.journal import EngineEnd, EngineTick, Entry, journal_path
from replay.runs import Tick


def journal(folder: Path, *entries: Entry) -> None:
    journal_path(folder, 0).write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


TICK = EngineTick(Tick(worker=0, second=0, due=1, sent=1, in_flight=1, cpu=0.0, loop_lag_ns=0))


@pytest.mark.parametrize(
    ("ended", "expected"), [("complete", ("complete", 0)), ("breaker", ("breaker", 0))], ids=["complete", "breaker"]
)
def test_a_run_ends_as_its_engine_says(tmp_path: Path, ended: str, expected: tuple[str, int]) -> None:
    journal(tmp_path, TICK, EngineEnd(0, ended, "", at_ns=1, planned=1, samples=1, lost=0))
    seen = watch(Locust(), tmp_path, 1, longest_s=0.3)

    assert (seen.ended, seen.lost_workers) == expected


def test_a_run_that_does_not_end_is_ended_after_its_longest_time(tmp_path: Path) -> None:
    journal(tmp_path, TICK)
    seen = watch(Locust(), tmp_path, 1, longest_s=0.3)

    assert (seen.ended, seen.lost_workers) == ("worker lost", 1)
    assert "had not ended" in seen.reason


def test_a_run_that_nobody_hears_of_is_ended(tmp_path: Path) -> None:
    seen = watch(Locust(), tmp_path, 1, longest_s=60, start_s=0.3)

    assert (seen.ended, seen.lost_workers) == ("worker lost", 1)
    assert "no engine began" in seen.reason
