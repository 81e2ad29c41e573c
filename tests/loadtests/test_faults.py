"""What goes wrong during a run, seen from one engine. With Locust around it: tests/cli/test_run.py."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
import time
from pathlib import Path

from replay.samples import read_batches, sample_files
from tests.loadtests.support import MS, led, planned, played, run_spec, serving, write_plan


def test_a_target_that_is_restarted_fails_meanwhile_and_serves_on(tmp_path: Path) -> None:
    rows = [planned(number * 20, number) for number in range(100)]
    plan = write_plan(tmp_path / "plan", rows)
    first = serving()
    server = first.__enter__()
    spec = run_spec(plan, tmp_path / "run", server.url)
    again = []

    def restart() -> None:
        while len(server.arrivals) < 30:
            time.sleep(0.01)
        first.__exit__(None, None, None)
        time.sleep(0.3)
        second = serving(port=server.port)
        second.__enter__()
        again.append(second)

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        engine = played(spec)
    finally:
        thread.join(10)
        again[0].__exit__(None, None, None)
    samples = engine.samples()
    failed = [sample["request"] for sample in samples if sample["error"]]

    assert engine.end().ended == "complete"
    assert len(samples) == 100
    assert {sample["error"] for sample in samples} <= {"", "connect", "reset"}
    assert 5 < len(failed) < 60
    assert samples[0]["status"] == samples[-1]["status"] == 200
    assert max(failed) - min(failed) < len(failed) + 5  # while it was gone, and no longer


def test_a_killed_writer_ends_the_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = [planned(number, number) for number in range(5000)]
    plan = write_plan(tmp_path / "plan", rows)

    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        pid = engine.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        while len(server.arrivals) < 30:
            time.sleep(0.01)
        os.kill(int(children[0]), signal.SIGKILL)
        report = engine.finish()
        end = engine.end()

    assert len(children) == 1
    assert (report.ended, report.reason) == ("recorder", "the process that writes samples is gone")
    assert end.samples == len(engine.samples())
    assert end.lost > 0


def test_a_full_disk_ends_the_run_with_what_was_written(tmp_path: Path) -> None:
    rows = [planned(number, number) for number in range(3000)]
    plan = write_plan(tmp_path / "plan", rows)

    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        # As a full disk: writes fail amid a batch.
        resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
        engine.start()
        report = engine.finish()
        readable = sum(batch.num_rows for path in sample_files(engine.out) for batch in read_batches(path))

    assert report.ended == "recorder"
    assert "samples cannot be written" in report.reason
    assert readable == engine.end().samples >= 0
    assert engine.end().lost > 0
    assert engine.end().at_ns < 2900 * MS


def test_an_engine_with_a_bug_ends_the_run_and_says_where_it_is(tmp_path: Path) -> None:
    # No reader checks that a lane is one of the plan's; what a row of another provokes stands for any bug of ours.
    rows = [planned(number, number, lane=500 if number == 300 else number % 100) for number in range(500)]
    plan = write_plan(tmp_path / "plan", rows)

    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        finished = engine.finish()

    assert finished.ended == "worker lost"
    assert re.fullmatch(
        r"a bug in the engine \(IndexError at loadtests/engine/feed\.py:\d+ in fill\)", finished.reason
    )
    assert engine.end().samples == len(engine.samples()) > 150
