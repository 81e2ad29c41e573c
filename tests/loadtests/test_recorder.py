"""Samples on their way from an engine to the disk, through a process of their own."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from loadtests.engine import handover, recorder
from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.control import Outbox, Progress, reports
from loadtests.engine.handover import RECORD, Names, frames
from loadtests.engine.recorder import BUFFER_ROWS, Recorder
from loadtests.engine.writer import BATCH_ROWS, Writer
from replay.journal import EngineTick, JournalReader
from replay.runs import Tick
from replay.samples import SCHEMA, SampleWriter, read_batches

TICK = EngineTick(Tick(0, 0, 1, 1, 0, 0.1, 0, 0))


def call(request: int, route: int = 0) -> Call:
    return Call(Row(0, request, 0, 0, -1, 0, route, 0, 0, 200, None, b""), Lane(0, 0, 0), 0, request, b"GET", sent=1)


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for batch in read_batches(path) for row in batch.to_pylist()]


@contextmanager
def recording(folder: Path, listed: Path | None = None) -> Iterator[tuple[Recorder, asyncio.AbstractEventLoop]]:
    """A recorder with its process, of two routes."""
    loop = asyncio.new_event_loop()
    with (folder / "engine-0.jsonl").open("wb") as journal, (folder / "told").open("wb") as told:
        files = journal.fileno(), told.fileno(), listed
        one = Recorder(loop, folder / "samples-000.arrow", 3, ["GET /a", "GET /b"], ["GET"], *files)
        try:
            yield one, loop
        finally:
            loop.close()


def until(loop: asyncio.AbstractEventLoop, condition: Callable[[], bool], patience_s: float = 10) -> None:
    deadline = time.monotonic() + patience_s
    while not condition() and time.monotonic() < deadline:
        loop.run_until_complete(asyncio.sleep(0.01))
    assert condition()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[tuple[Outbox, Path]]:
    """An outbox that writes to a file."""
    path = tmp_path / "told"
    with path.open("wb") as file:
        yield Outbox(file.fileno()), path


def _unexpected(reason: str) -> None:
    raise AssertionError(reason)


def writer(folder: Path, outbox: Outbox, journal: io.BytesIO | None = None) -> Writer:
    samples = SampleWriter(folder / "samples-000.arrow")
    return Writer(samples, 3, journal if journal is not None else io.BytesIO(), None, outbox, _unexpected)


def test_samples_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    with recording(tmp_path) as (one, _):
        for number in range(20_000):
            row = Row(number, number, 5, 0, -1, 0, number % 2, 0, 0, 200, None, b"")
            made = Call(row, Lane(102, 1, 0), number, 77, b"12345")
            made.intended, made.ready, made.sent, made.first_byte = number, number + 1, number + 2, number + 3
            made.reused, made.connection = number % 3 == 0, 9
            one.record(made, 200 if number % 5 else 0, "" if number % 5 else "timeout", number + 4, 11)
        one.close()
    batches = list(read_batches(tmp_path / "samples-000.arrow"))
    rows = [row for batch in batches for row in batch.to_pylist()]

    assert all(batch.schema == SCHEMA for batch in batches)
    assert (len(rows), one.samples, one.lost) == (20_000, 20_000, 0)
    assert rows[10] == {
        "request": 10,
        "route": "GET /a",
        "method": "GET",
        "session": 5,
        "clone": 1,
        "worker": 3,
        "connection": 9,
        "attempt": 1,
        "protocol": "http/1.1",
        "due": 10,
        "intended": 10,
        "ready": 11,
        "sent": 12,
        "first_byte": 13,
        "end": 14,
        "status": 0,
        "expected_status": 200,
        "error": "timeout",
        "bytes_out": 5,
        "bytes_in": 11,
        "reused": False,
        "trace": 77,
    }
    assert rows[9]["reused"] is True
    assert rows[9]["route"] == "GET /b"


def test_it_has_begun_when_its_file_can_be_read(tmp_path: Path) -> None:
    with recording(tmp_path) as (recorder, loop):
        loop.run_until_complete(asyncio.wait_for(recorder.begun, 20))

        assert rows(tmp_path / "samples-000.arrow") == []


def test_what_was_recorded_is_on_disk_in_order_when_it_has_closed(tmp_path: Path) -> None:
    count = 2 * BUFFER_ROWS + 7
    with recording(tmp_path, tmp_path / "created.jsonl") as (one, _):
        for number in range(count):
            one.record(call(number, number % 2), 200, "", number + 5, 2)
        one.flush()
        one.tick(TICK)
        one.list(b'{"route":"POST /a"}\n')
        one.record(call(count), 0, "timeout", 9, 0)
        one.close()
    found = rows(tmp_path / "samples-000.arrow")

    assert (one.samples, one.lost, one.failure) == (count + 1, 0, "")
    assert [row["request"] for row in found] == list(range(count + 1))
    assert [row["route"] for row in found[:4]] == ["GET /a", "GET /b"] * 2
    assert (found[-1]["error"], found[-1]["worker"], found[0]["bytes_out"]) == ("timeout", 3, 3)
    assert JournalReader(tmp_path / "engine-0.jsonl").new() == [TICK]
    told = [reports.decode(line) for line in (tmp_path / "told").read_bytes().splitlines()]
    assert [sum(each.requests for each in one.counts) for one in told if isinstance(one, Progress)] == [count, 1]
    assert (tmp_path / "created.jsonl").read_bytes() == b'{"route":"POST /a"}\n'


def test_a_writer_that_is_killed_is_noticed_and_what_it_wrote_is_counted(tmp_path: Path) -> None:
    journal = tmp_path / "engine-0.jsonl"
    with recording(tmp_path) as (one, loop):
        for number in range(10):
            one.record(call(number), 200, "", 5, 2)
        one.flush()
        one.tick(TICK)  # with it the ten are written
        until(loop, lambda: journal.stat().st_size > 0)
        os.kill(one.writer_pid, signal.SIGKILL)
        until(loop, lambda: one.failure != "")
        one.record(call(10), 200, "", 5, 2)
        one.close()

    assert one.failure == "the process that writes samples is gone"
    assert (one.samples, one.lost) == (10, 1)
    assert len(rows(tmp_path / "samples-000.arrow")) == 10


def test_where_the_writer_stands_still_samples_are_lost_and_counted_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING_BYTES", 4 * BUFFER_ROWS * RECORD.itemsize)
    with recording(tmp_path) as (one, loop):
        os.kill(one.writer_pid, signal.SIGSTOP)
        for number in range(100 * BUFFER_ROWS):
            one.record(call(number), 200, "", 5, 2)
        lost = one.lost
        os.kill(one.writer_pid, signal.SIGCONT)
        until(loop, lambda: not one.waiting_bytes)
        one.close()
    found = [row["request"] for row in rows(tmp_path / "samples-000.arrow")]

    assert 0 < lost == one.lost < 100 * BUFFER_ROWS
    assert one.samples == 100 * BUFFER_ROWS - lost
    assert found == list(range(one.samples))


def test_a_frame_that_was_cut_off_is_none() -> None:
    whole = handover.HEAD.pack(b"s", 3) + b"abc"

    assert list(frames(io.BytesIO(whole + whole[:-1]))) == [(b"s", b"abc")]
    assert list(frames(io.BytesIO(whole + whole[:3]))) == [(b"s", b"abc")]


def test_a_writer_makes_batches_of_bounded_size_and_names_routes_as_they_were_known(
    tmp_path: Path, outbox: tuple[Outbox, Path]
) -> None:
    one = writer(tmp_path, outbox[0])
    block = np.zeros(BATCH_ROWS // 4, RECORD)
    one.take(handover.NAMES, msgspec.json.encode(Names(["GET /a"], ["GET"])))
    for _ in range(7):
        one.take(handover.SAMPLES, block.tobytes())
    block["route"] = 1
    one.take(handover.NAMES, msgspec.json.encode(Names(["GET /a", "GET /b"], ["GET"])))
    one.take(handover.SAMPLES, block.tobytes())
    samples = one.close()
    first, *batches = read_batches(tmp_path / "samples-000.arrow")

    assert samples == BATCH_ROWS * 2
    assert first.num_rows == 0  # the schema's
    assert [batch.num_rows for batch in batches] == [BATCH_ROWS, BATCH_ROWS * 3 // 4, BATCH_ROWS // 4]
    assert batches[2].column("route").to_pylist() == ["GET /b"] * (BATCH_ROWS // 4)


def test_a_tick_takes_the_counts_of_the_samples_before_it(tmp_path: Path, outbox: tuple[Outbox, Path]) -> None:
    box, told = outbox
    journal = io.BytesIO()
    one = writer(tmp_path, box, journal)
    one.take(handover.NAMES, msgspec.json.encode(Names(["GET /a"], ["GET"])))
    for count in (3, 4):
        one.take(handover.SAMPLES, np.zeros(count, RECORD).tobytes())
        one.take(handover.TICK, msgspec.json.encode(TICK))
    one.close()
    progress = [reports.decode(line) for line in told.read_bytes().splitlines()]

    assert [isinstance(each, Progress) and each.counts[0].requests for each in progress] == [3, 4]
    assert journal.getvalue() == (msgspec.json.encode(TICK) + b"\n") * 2


def test_a_full_disk_is_told_once_and_nothing_is_claimed_after_it(
    tmp_path: Path, outbox: tuple[Outbox, Path]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    failures: list[str] = []
    samples = SampleWriter(tmp_path / "samples-000.arrow")
    with Path("/dev/full").open("wb", buffering=0) as full:
        one = Writer(samples, 3, full, None, outbox[0], failures.append)
        one.take(handover.NAMES, msgspec.json.encode(Names(["GET /a"], ["GET"])))
        one.take(handover.SAMPLES, np.zeros(3, RECORD).tobytes())
        for _ in range(2):
            one.take(handover.TICK, msgspec.json.encode(TICK))
        one.take(handover.SAMPLES, np.zeros(5, RECORD).tobytes())
        written = one.close()

    assert written == len(rows(tmp_path / "samples-000.arrow")) == 3
    assert failures == ["the journal cannot be written (No space left on device)"]
