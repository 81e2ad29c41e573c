"""The recorder accounts for every exchange: it is written, or its loss has a reason."""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, Origin, read_capture_manifest
from replay.capture.segments import CaptureReader, SegmentWriter
from replay.capture.serving import serve
from replay.capture.wire import COUNTERS, EXCHANGE, STARTED, Counters, Frame, Started, Stopped, Word, frame
from replay.capture.worker import Recorder, in_sample
from replay.exchange import Exchange, RawExchange, RawRequest, Request

DRAFT = CaptureManifest(
    "capture/1", "C1", "n", "2026-01-01", "live", {}, "p", "h", "t", "k", "ephemeral", "connection"
)


class FakeCleaner:
    """Withholds /withheld and /leaks, fails at /broken, and makes the connection the session."""

    def __init__(self, epoch_ns: int = 0) -> None:
        self.epoch_ns = epoch_ns
        self.counts: Counter[str] = Counter()

    def clean(self, raw: RawExchange) -> Exchange | None:
        self.counts["cleaned"] += 1
        if raw.request.path == b"/withheld":
            return None
        if raw.request.path == b"/leaks":
            self.counts["withheld:gate"] += 1
            return None
        if raw.request.path == b"/broken":
            raise ValueError("Gertrude")
        host = raw.request.host if raw.request.host.startswith("kept") else "other"
        started = raw.started - self.epoch_ns
        return Exchange(raw.id, raw.connection, "c", started, started, "GET /", Request("GET", "http", host, "/", []))


def raw(path: str = "/", connection: str = "c", host: str = "h") -> RawExchange:
    request = RawRequest("GET", "http", host, path.encode(), "HTTP/1.1", [], b"", 0)
    return RawExchange("i", connection, 1000, 1000, 0, 0, 0, 1000, request, None, "")


def started(recorder: Recorder) -> Recorder:
    recorder.take(Frame(STARTED, frame(STARTED, Started(400))[5:]))
    return recorder


def take(recorder: Recorder, *exchanges: RawExchange) -> None:
    for exchange in exchanges:
        recorder.take(Frame(EXCHANGE, frame(EXCHANGE, exchange)[5:]))


def last_word(recorder: Recorder, seen: int, **dropped: int) -> None:
    counters = Counters(seen, dropped, {"clock-step": 1}, 2400, True)
    recorder.take(Frame(COUNTERS, frame(COUNTERS, counters)[5:]))


def test_every_exchange_is_written_or_dropped_with_a_reason(tmp_path: Path) -> None:
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner, wall_ns=lambda: 7_500_000 + 1000))
    take(recorder, raw(), raw("/withheld"), raw("/broken"), raw("/leaks"), raw())
    last_word(recorder, 8, overflow=3)
    recorder.close(1.0)

    manifest = read_capture_manifest(tmp_path)

    assert manifest.complete
    assert (manifest.seen, manifest.written) == (8, 2)
    assert manifest.dropped == {"overflow": 3, "withheld": 1, "withheld:gate": 1, "sanitiser-error": 1}
    assert manifest.notes == {"cleaned": 5, "clock-step": 1, "lag-max-ms": 7}
    assert manifest.duration_ns == 2000
    assert [exchange.started for exchange in CaptureReader(tmp_path)] == [600, 600]


def test_three_hits_of_the_gate_within_a_minute_stop_the_capture(tmp_path: Path) -> None:
    said: list[Word] = []
    times = iter([0.0, 30.0, 59.0])
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner, clock=lambda: next(times), say=said.append))
    take(recorder, raw(), raw("/leaks"), raw(), raw("/leaks"), raw("/leaks"), raw(), raw("/leaks"))
    last_word(recorder, 7)
    recorder.close(1.0)

    manifest = read_capture_manifest(tmp_path)

    assert recorder.gate_stopped
    assert said == [Stopped(3)]
    assert not manifest.complete
    assert (manifest.seen, manifest.written) == (7, 2)
    assert manifest.dropped == {"withheld:gate": 3, "gate-stopped": 2}


def test_hits_of_the_gate_that_are_far_apart_do_not(tmp_path: Path) -> None:
    times = iter([0.0, 31.0, 62.0, 93.0])
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner, clock=lambda: next(times)))
    take(recorder, *[raw("/leaks")] * 4, raw())
    last_word(recorder, 5)
    recorder.close(1.0)

    assert not recorder.gate_stopped
    assert read_capture_manifest(tmp_path).written == 1


def test_without_the_addons_last_word_a_capture_is_not_complete(tmp_path: Path) -> None:
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner))
    take(recorder, raw())
    recorder.close(1.0)

    manifest = read_capture_manifest(tmp_path)

    assert not manifest.complete
    assert (manifest.seen, manifest.written) == (1, 1)


def test_a_second_after_it_came_an_exchange_is_on_disk_and_counted(tmp_path: Path) -> None:
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner))
    take(recorder, raw())
    recorder.tick(10.0)

    reader = CaptureReader(tmp_path)

    assert len(list(reader)) == 1
    assert not reader.manifest.complete
    assert reader.manifest.written == 1


def test_a_disk_that_takes_nothing_is_counted_and_never_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path / MANIFEST_NAME, DRAFT)
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner))
    take(recorder, raw())

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    recorder.tick(10.0)
    recorder.close(11.0)
    monkeypatch.undo()

    assert recorder.manifest().dropped == {"disk": 1}
    assert recorder.manifest().written == 0


def test_hosts_that_the_policy_keeps_are_origins(tmp_path: Path) -> None:
    recorder = started(Recorder(tmp_path, DRAFT, FakeCleaner))
    hosts = ("kept.example:8443", "kept.example", "kept.EXAMPLE.", "kept.Example:80", "secret.example")
    take(recorder, *(raw(host=host) for host in hosts))

    assert recorder.manifest().origins == [Origin("kept.example", 80), Origin("kept.example", 8443)]


def test_a_sample_keeps_whole_sessions_and_says_how_many_it_left_out(tmp_path: Path) -> None:
    draft = msgspec.structs.replace(DRAFT, captured_share=0.3)
    recorder = started(Recorder(tmp_path, draft, FakeCleaner))
    take(recorder, *(raw(connection=f"session-{number % 400}") for number in range(1200)))
    last_word(recorder, 1200)
    recorder.close(1.0)

    reader = CaptureReader(tmp_path)
    per_session = Counter(exchange.session for exchange in reader)

    assert set(per_session.values()) == {3}
    assert 0.2 < len(per_session) / 400 < 0.4
    assert reader.manifest.dropped == {"sampled-out": 1200 - 3 * len(per_session)}
    assert reader.manifest.captured_share == 0.3


def test_sampling_is_even_and_all_is_all() -> None:
    kept = sum(in_sample(f"s{number}", 0.1) for number in range(20_000))

    assert 1_800 < kept < 2_200
    assert all(in_sample(f"s{number}", 1.0) for number in range(100))


def test_serving_reads_until_the_pipe_ends_and_ticks_meanwhile(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    recorder = Recorder(tmp_path, DRAFT, FakeCleaner, writer=SegmentWriter(tmp_path, "C1"))
    now = iter(range(10_000))

    def feed() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(frame(STARTED, Started(0)) + frame(EXCHANGE, raw()) + frame(EXCHANGE, raw())[:-1])

    thread = threading.Thread(target=feed)
    thread.start()
    serve(reading, recorder, clock=lambda: float(next(now)))
    thread.join()
    os.close(reading)

    assert recorder.manifest().written == 1
    assert recorder.manifest().dropped == {"broken-off": 1}
