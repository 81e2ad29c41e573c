"""Lanes as Locust users, and the engine's parent.

One user is a lane: one per cent of production. Users do nothing themselves; their number over all workers tells
every worker's engine which lanes to run. Locust gets the engine's counts in bulk and fires no event for a request.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.os import nb_read
from locust import User
from locust.env import Environment
from locust.stats import StatsEntry, StatsError
from locust.user.task import LOCUST_STATE_WAITING

from loadtests.engine.control import (
    Alive,
    Command,
    Finished,
    Progress,
    Ready,
    RouteCounts,
    SetLanes,
    Start,
    Stop,
    line,
    reports,
)
from replay.runs import Tick
from replay.runspec import RunSpec

POLL_S = 0.05
_WORD_EVERY_S = 0.5


def _stay(_user: User) -> None:
    gevent.sleep(3600)


class LaneUser(User):
    """One lane. Which one does not matter: the engines run the lowest, whichever worker has the users."""

    tasks: ClassVar = [_stay]

    def run(self) -> None:
        """Stay until Locust ends this user."""
        self._state = LOCUST_STATE_WAITING
        while True:
            _stay(self)


class EngineParent:
    """Starts a worker's engine, leads it, and takes its reports. Everything runs in greenlets of the worker."""

    def __init__(self, spec: RunSpec, spec_path: Path, worker: int, finished: Callable[[Finished], None]) -> None:
        self._spec = spec
        self._finished = finished
        self._inbox: list[RouteCounts] = []
        self._lanes = 0
        self._epoch_wall_s = time.time()
        self.ready = False
        self.ended = False
        self.last_tick: Tick | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.engine", str(spec_path), str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        gevent.spawn(self._listen)

    def start(self, epoch_ns: int, lanes: int) -> None:
        """Start the run clock at ``epoch_ns`` of the monotonic clock, with ``lanes`` lanes."""
        self._epoch_wall_s = time.time() + (epoch_ns - time.monotonic_ns()) / 1e9
        self.resize(lanes)
        self._say(Start(epoch_ns))

    def resize(self, lanes: int) -> None:
        """Run ``lanes`` lanes."""
        if lanes != self._lanes:
            self._lanes = lanes
            self._say(SetLanes(lanes))

    def follow(self, lanes: Callable[[], int]) -> None:
        """Tell the engine, for ever, how many lanes there are, and that its worker lives."""
        last_word = 0.0
        while not self.ended:
            self.resize(lanes())
            if time.monotonic() - last_word > _WORD_EVERY_S:
                last_word = time.monotonic()
                self._say(Alive())
            gevent.sleep(POLL_S)

    def stop(self, within_s: float) -> None:
        """Have the engine end, and wait up to ``within_s`` for its last counts."""
        self._say(Stop())
        deadline = time.monotonic() + within_s
        while not self.ended and time.monotonic() < deadline:
            gevent.sleep(0.01)

    def merge_into(self, environment: Environment) -> None:
        """Add the counts that came since the last call to Locust's figures."""
        counts, self._inbox = self._inbox, []
        for one in counts:
            _merge(environment, one, self._epoch_wall_s)

    def _say(self, command: Command) -> None:
        stdin = self._process.stdin
        try:
            if stdin is not None and not self.ended:
                stdin.write(line(command))
                stdin.flush()
        except (OSError, ValueError):
            return  # the engine is gone; the end of its output says so to the listener

    def _listen(self) -> None:
        for text in _lines(self._process.stdout.fileno()):  # type: ignore[union-attr]
            match reports.decode(text):
                case Ready():
                    self.ready = True
                case Progress(tick, counts):
                    self.last_tick = tick
                    self._inbox += counts
                case Finished() as report:
                    self.ended = True
                    self._finished(report)
        if not self.ended:
            self.ended = True
            self._finished(Finished("worker lost", "the engine ended without a word"))


def _lines(fd: int) -> Iterable[bytes]:
    rest = b""
    while piece := nb_read(fd, 1 << 16):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _merge(environment: Environment, counts: RouteCounts, epoch_wall_s: float) -> None:
    stats = environment.stats
    entry = StatsEntry(stats, counts.route, counts.method)
    entry.num_requests = counts.requests
    entry.num_failures = counts.failures
    entry.total_response_time = counts.total_ms
    entry.min_response_time = counts.min_ms
    entry.max_response_time = counts.max_ms
    entry.total_content_length = counts.bytes_in
    entry.response_times = counts.histogram
    entry.num_reqs_per_sec = _on_the_wall(counts.per_second, epoch_wall_s)
    entry.num_fail_per_sec = _on_the_wall(counts.failures_per_second, epoch_wall_s)
    entry.last_request_timestamp = float(max(entry.num_reqs_per_sec, default=0))
    stats.get(counts.route, counts.method).extend(entry)
    stats.total.extend(entry)
    for text, occurrences in counts.errors.items():
        key = StatsError.create_key(counts.method, counts.route, text)
        error = stats.errors.setdefault(key, StatsError(counts.method, counts.route, text))
        error.occurrences += occurrences
        error.last_seen = time.time()
        error.first_seen = error.first_seen or error.last_seen


def _on_the_wall(per_second: dict[int, int], epoch_wall_s: float) -> dict[int, int]:
    found: dict[int, int] = {}
    for second, number in per_second.items():
        wall = int(second + epoch_wall_s)
        found[wall] = found.get(wall, 0) + number
    return found


def as_report(tick: Tick | None) -> dict[str, Any]:
    """What a worker tells the master of its engine beside Locust's own figures."""
    if tick is None:
        return {}
    return {
        "worker": tick.worker,
        "due": tick.due,
        "sent": tick.sent,
        "in_flight": tick.in_flight,
        "lag_ms": tick.loop_lag_ns / 1e6,
        "cpu": tick.cpu,
        "lost": tick.lost,
    }
