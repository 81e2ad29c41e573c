"""Second by second: what one engine was asked for and did, how it felt, and whether the target fails for long."""

from __future__ import annotations

import time
from collections.abc import Callable

from loadtests.engine.breaker import BreakerWatch
from loadtests.engine.calls import Call
from loadtests.engine.schedule import run_delay_ns
from replay.journal import EngineTick
from replay.runs import Tick
from replay.runspec import SECOND_NS, Breaker
from replay.statuses import status_class

_NOBODY_S_ANSWER = frozenset({"stopped", "refused", "unresolved", "hook"})
"""Ends of calls that say nothing about the target: it was never asked, or not let finish."""


class Seconds:
    """Counts the present second and closes it with a tick.

    Args:
        worker: number of the engine.
        breaker: when too many failed answers end the run.
        spun_ns: time so far in which the engine turned without anything to do.
        lost: samples lost so far.
    """

    def __init__(
        self, worker: int, breaker: Breaker | None, spun_ns: Callable[[], int], lost: Callable[[], int]
    ) -> None:
        self._worker = worker
        self._breaker = BreakerWatch(breaker)
        self._slower_than_ns = breaker.slower_than_ns if breaker is not None else 0
        self._spun_ns = spun_ns
        self._lost = lost
        self.second = 0
        """Number of the present second."""
        self._due_before = self._sent_before = 0
        self.begin()

    def begin(self) -> None:
        """Count from this moment on."""
        self._answers = self._failures = self._errors = self._missed = 0
        self._wall_ns, self._cpu_ns = time.monotonic_ns(), time.process_time_ns()
        self._free_ns, self._lost_before = self._spun_ns() - run_delay_ns(), self._lost()

    def ended(self, call: Call, status: int, error: str, end_ns: int) -> None:
        """Count the end of ``call``."""
        if error in _NOBODY_S_ANSWER:
            self._errors += error != "stopped"
            return
        self._answers += 1
        if error:
            self._errors += 1
            self._failures += 1
            return
        expected = call.row.expected
        slow = 0 < self._slower_than_ns < end_ns - call.intended
        if slow or status != expected:
            self._failures += slow or status >= 500 > expected
            self._missed += expected > 0 and status_class(status) != status_class(expected)

    def over(self, now: int) -> bool:
        """Whether the present second is over at ``now`` of the run clock."""
        return now >= (self.second + 1) * SECOND_NS

    def broken(self) -> str:
        """Why the run must end after this second; '' where it may go on. To be asked once a second."""
        return self._breaker.second(self._answers, self._failures)

    def close(self, now: int, due: int, sent: int, in_flight: int, lanes: int, loop_lag_ns: int) -> EngineTick:
        """The tick of the present second; the next one begins. ``due`` and ``sent`` are the run's calls so far."""
        errors, missed = self._errors, self._missed
        wall_ns, cpu_ns, free_ns, lost = self._wall_ns, self._cpu_ns, self._free_ns, self._lost_before
        self.begin()
        # The last tick may be a few microseconds long; its figures must not look like a busy second's.
        wall_ns = max(SECOND_NS // 2, self._wall_ns - wall_ns)
        busy_ns = self._cpu_ns - cpu_ns - (self._free_ns - free_ns)
        tick = Tick(
            worker=self._worker,
            second=self.second,
            due=due - self._due_before,
            sent=sent - self._sent_before,
            in_flight=in_flight,
            cpu=round(min(1.0, max(0.0, busy_ns / wall_ns)), 4),
            loop_lag_ns=loop_lag_ns,
            lost=self._lost_before - lost,
        )
        self._due_before, self._sent_before = due, sent
        self.second = max(self.second + 1, now // SECOND_NS)
        return EngineTick(tick, errors=errors, failed=missed, lanes=lanes)
