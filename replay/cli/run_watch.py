"""Watches a run to its end, and says how it ended."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from replay.cli.run_processes import Locust
from replay.errors import EXIT_REFUSED, RefusedError
from replay.journal import EngineEnd, EngineTick, JournalReader, journal_path

_GRACE_S = 1.0
_FINISH_S = 10.0
_SILENCE_S = 20.0
_START_S = 300.0
_WORST_FIRST = ("recorder", "breaker", "worker lost", "interrupted", "complete")


@dataclass(slots=True)
class Watch:
    """What the engines' journals said so far."""

    folder: Path
    workers: int
    ticks: list[EngineTick] = field(default_factory=list)
    ends: dict[int, EngineEnd] = field(default_factory=dict)
    interrupted: bool = False
    problem: str = ""
    """Why Locust or an engine was lost; '' where none was."""
    _readers: list[JournalReader] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._readers = [JournalReader(journal_path(self.folder, worker)) for worker in range(self.workers)]

    def read(self) -> list[EngineTick]:
        """Read on in the journals and return the new ticks."""
        new = []
        for reader in self._readers:
            for entry in reader.new():
                if isinstance(entry, EngineTick):
                    new.append(entry)
                else:
                    self.ends[entry.worker] = entry
        self.ticks += new
        return new

    @property
    def over(self) -> bool:
        """Whether every engine has ended, or one has not completed."""
        return len(self.ends) == self.workers or any(end.ended != "complete" for end in self.ends.values())

    @property
    def lost_workers(self) -> int:
        """Engines that left no end record."""
        return self.workers - len(self.ends)

    @property
    def ended(self) -> str:
        """How the run ended, as ``RunManifest.ended``: the worst of what the engines say."""
        if self.interrupted:
            return "interrupted"
        said = {end.ended for end in self.ends.values()}
        if self.lost_workers or self.problem:
            said.add("worker lost")
        return next((word for word in _WORST_FIRST if word in said), "worker lost")

    @property
    def reason(self) -> str:
        """One line on why the run ended as it did; '' where it completed."""
        if self.interrupted:
            return "interrupted"
        reasons = [end.reason for end in self.ends.values() if end.ended == self.ended and end.reason]
        return self.problem or next(iter(reasons), "")


def watch(locust: Locust, folder: Path, workers: int, longest_s: float, start_s: float = _START_S) -> Watch:
    """Follow the run until it is over, show its progress, and end Locust's processes.

    A run of which nothing is heard within ``start_s``, or that has not ended ``longest_s`` after its first word, is
    ended and lost.

    Raises:
        RefusedError: a process of Locust refused the target.
    """
    seen = Watch(folder, workers)
    line = ProgressLine()
    try:
        with _sigterm_interrupts():
            _follow(locust, seen, line, longest_s, start_s)
    except KeyboardInterrupt:
        seen.interrupted = True
    finally:
        with _deaf():
            line.close()
            locust.end()
            seen.read()
    refused = [child for child in locust.children if child.process.returncode == EXIT_REFUSED]
    if refused and not seen.interrupted:
        raise RefusedError("Locust was given a host that is not the target of this run. Nothing was sent to it.")
    return seen


def _follow(locust: Locust, seen: Watch, line: ProgressLine, longest_s: float, start_s: float) -> None:
    heard_at: dict[int, float] = {}
    must_begin, must_end = time.monotonic() + start_s, math.inf
    while True:
        new, now = seen.read(), time.monotonic()
        line.show(new)
        if new and not heard_at:
            must_end = now + longest_s
        heard_at |= dict.fromkeys((tick.tick.worker for tick in new), now)
        silent = [worker for worker, at in heard_at.items() if worker not in seen.ends and now - at > _SILENCE_S]
        if silent:
            seen.problem = f"the engine of worker {silent[0]} has said nothing for {_SILENCE_S:.0f} s"
            return
        if locust.problem:
            seen.problem = locust.problem
            return
        if seen.over:
            locust.wait(_FINISH_S if len(seen.ends) == seen.workers else _GRACE_S)
            return
        if now > must_end or (now > must_begin and not heard_at):
            seen.problem = f"no engine began within {start_s:.0f} s"
            if heard_at:
                seen.problem = f"an engine had not ended {longest_s:.0f} s after the run's start, long after its end"
            return
        gone = locust.ended()
        if gone:
            locust.wait(_GRACE_S)  # an end record may be on its way, and the rest may be ending too
            seen.read()
            if len(seen.ends) < seen.workers:
                codes = ", ".join(f"{child.name} ended with code {child.process.returncode}" for child in gone)
                seen.problem = f"Locust's {codes}; its log is in the run's folder"
            return
        time.sleep(0.1)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf() -> Iterator[None]:
    """While the children are being ended, a second Ctrl-C must not leave one behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class ProgressLine:
    """One line on a terminal, rewritten every second; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._second: dict[int, list[EngineTick]] = {}

    def show(self, ticks: list[EngineTick]) -> None:
        """Show the latest of ``ticks``."""
        if not ticks or not self._shown:
            return
        second = max(tick.tick.second for tick in ticks)
        now = [tick for tick in ticks if tick.tick.second == second]
        sent = sum(tick.tick.sent for tick in now)
        lag_ms = max(tick.tick.loop_lag_ns for tick in now) / 1e6
        errors, failed = sum(tick.errors for tick in now), sum(tick.failed for tick in now)
        in_flight = sum(tick.tick.in_flight for tick in now)
        sys.stderr.write(
            f"\r\x1b[2K  {second:>5} s  {sent:>7,} requests/s  {in_flight:>5,} in flight  "
            f"{errors:>5,} without answer  {failed:>5,} of another status  generator lag ≤ {lag_ms:.1f} ms"
        )
        sys.stderr.flush()

    def close(self) -> None:
        """Go to a new line."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
