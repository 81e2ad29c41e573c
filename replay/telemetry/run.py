"""A run as metrics: the journals and sample streams that its engines write, followed while they grow.

Nothing of the run is asked or slowed down: what its engines have flushed, once a second, is what is told.
"""

from __future__ import annotations

import glob
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from replay.errors import InputError
from replay.journal import EngineEnd, EngineTick, JournalReader
from replay.runs import MANIFEST_NAME, read_run_manifest
from replay.samples import STREAM_SUFFIX, read_batches, sample_files
from replay.storage import files_in
from replay.telemetry.tally import SampleTally, count_samples

_JOURNALS = "engine-*.jsonl"
FRESH_S = 10.0
"""A run that wrote nothing for longer is not under way: its engines write every second, and whoever ends it too."""


class RunFollower:
    """Follows one run from its first second to its end.

    ``folder`` is the run's final name. While it is under way its files lie in the folder ``.NAME.part-…`` beside it.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._is_counted = False
        self._is_gone = False
        self._begin(None)

    def _begin(self, part: Path | None) -> None:
        """Follow the run in ``part`` from its first second: another may have left one behind that was killed."""
        self._part = part
        self._journals: dict[str, JournalReader] = {}
        self._batches: Counter[str] = Counter()
        self._tally = SampleTally()
        self._last: dict[str, EngineTick] = {}
        self._due = self._sent = self._lost = 0
        self._ended: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether the run has its final name, or was given up: nothing more will come."""
        return self._is_gone or self._is_named()

    def _is_named(self) -> bool:
        return (self._folder / MANIFEST_NAME).exists()

    def metrics(self) -> Iterator[Metric]:
        """What the run says of itself until now.

        Raises:
            InputError: no run is under way there, and none was.
        """
        is_up = self._follow()
        yield GaugeMetricFamily("replay_run_up", "Whether the run is under way.", int(is_up))
        yield CounterMetricFamily("replay_run_requests_due", "Requests whose time came.", self._due)
        yield CounterMetricFamily("replay_run_requests_sent", "Requests that were sent.", self._sent)
        yield CounterMetricFamily("replay_run_samples_lost", "Samples that could not be recorded.", self._lost)
        running = {name: tick for name, tick in self._last.items() if name not in self._ended}
        in_flight = sum(tick.tick.in_flight for tick in running.values())
        yield GaugeMetricFamily("replay_run_requests_in_flight", "Requests without an answer yet.", in_flight)
        lanes = sum(tick.lanes for tick in running.values())
        yield GaugeMetricFamily("replay_run_lanes", "Lanes that are played; 100 are production's load.", lanes)
        cpu = GaugeMetricFamily(
            "replay_run_engine_cpu_ratio", "Share of a core that an engine uses.", labels=["worker"]
        )
        late = GaugeMetricFamily(
            "replay_run_engine_loop_lag_seconds", "Longest delay of its event loop in a second.", labels=["worker"]
        )
        for tick in running.values():
            cpu.add_metric([str(tick.tick.worker)], tick.tick.cpu)
            late.add_metric([str(tick.tick.worker)], tick.tick.loop_lag_ns / 1e9)
        yield cpu
        yield late
        yield from self._tally.metrics()

    def _follow(self) -> bool:
        """Read what is new; whether the run is under way."""
        if self._is_named():
            self._finish()
            return False
        parts = self._folder.parent.glob(f".{glob.escape(self._folder.name)}.part-*")
        folder = max(parts, key=_written_s, default=None)
        if folder is None and self._part is None:
            raise InputError(f"{self._folder}: no run is under way there. Name the -o of a 'replay run'.")
        if folder is None:  # it is getting its final name, or was given up
            self._is_gone = True
            return False
        if folder != self._part:
            self._begin(folder)
        for path in sorted(folder.glob(_JOURNALS)):
            reader = self._journals.setdefault(path.name, JournalReader(path))
            for entry in reader.new():
                if isinstance(entry, EngineEnd):
                    self._ended.add(path.name)
                else:
                    self._hear(path.name, entry)
        for path in sample_files(folder):
            if path.suffix == STREAM_SUFFIX:
                self._count(path)
        newest_s = max([_written_s(folder), *(_written_s(folder / name) for name in files_in(folder))])
        return self._clock() - newest_s < FRESH_S

    def _finish(self) -> None:
        """Take the finished run's own figures: its last second may have been written after the last question."""
        if self._is_counted:
            return
        manifest = read_run_manifest(self._folder)
        self._due, self._sent, self._lost = (
            sum(getattr(tick, name) for tick in manifest.ticks) for name in ("due", "sent", "lost")
        )
        self._last.clear()
        self._tally = count_samples(batch for path in sample_files(self._folder) for batch in read_batches(path))
        self._is_counted = True

    def _hear(self, name: str, entry: EngineTick) -> None:
        self._last[name] = entry
        self._due += entry.tick.due
        self._sent += entry.tick.sent
        self._lost += entry.tick.lost

    def _count(self, path: Path) -> None:
        try:
            for batch in islice(read_batches(path), self._batches[path.name], None):
                self._tally.add(batch)
                self._batches[path.name] += 1
        except InputError:
            return  # its engine has not yet written the head of the stream, or has just compacted it


def _written_s(path: Path) -> float:
    """When something was last written there; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
