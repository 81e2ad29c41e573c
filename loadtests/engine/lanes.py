"""Lanes: which of production's sessions this worker plays now, and as which clones.

Worker *i* of *W* owns the lanes ≡ *i* mod *W* and runs those below the run's number of users. Lane *k* plays the
sessions of plan lane *k* mod ``lanes`` as clone *k* div ``lanes``. A lane that joins plays only sessions that begin
from then on.
"""

from __future__ import annotations

import math

from loadtests.engine.calls import Lane
from replay.runspec import RunSpec

_MASK = (1 << 64) - 1
MAX_SHIFT_NS = 5_000_000_000
"""Clones are shifted by up to this, and by no more than a twentieth of the run: enough to break up doublets, too
little to smooth the bursts of minutes that make a day's load."""


class Lanes:
    """The lanes that one worker runs."""

    def __init__(self, worker: int, workers: int, plan_lanes: int) -> None:
        self._worker = worker
        self._workers = workers
        self._plan_lanes = plan_lanes
        self._running: list[Lane] = []
        self.players: list[list[Lane]] = [[] for _ in range(plan_lanes)]
        """By plan lane, the lanes that play it here."""

    def __len__(self) -> int:
        return len(self._running)

    def resize(self, count: int, first_session: int) -> list[Lane]:
        """Run the lowest ``count`` lanes and return those that left; new ones begin with ``first_session``."""
        left = self._running[count:]
        del self._running[count:]
        for lane in left:
            lane.active = False
        for position in range(len(self._running), count):
            number = self._worker + position * self._workers
            self._running.append(Lane(number, number // self._plan_lanes, first_session))
        self.players = [[] for _ in range(self._plan_lanes)]
        for lane in self._running:
            self.players[lane.number % self._plan_lanes].append(lane)
        return left


def share(users: int, worker: int, workers: int) -> int:
    """How many of the run's lanes 0 … ``users`` - 1 belong to ``worker``.

    Locust spreads its users over workers in an order of its own; only their total says which lanes are to run.
    """
    return (users + workers - 1 - worker) // workers


def most_sent(spec: RunSpec, worker: int) -> float:
    """How many requests of a second ``worker`` may send, so that all workers together keep to the run's ceiling."""
    return share(int(spec.max_rate_per_s), worker, spec.workers) if spec.max_rate_per_s else math.inf


def max_shift_ns(schedule_ns: int) -> int:
    """The largest shift of a clone in a run of this length."""
    return min(MAX_SHIFT_NS, schedule_ns // 20)


def shift_ns(session: int, clone: int, limit_ns: int) -> int:
    """How much later clone ``clone`` of ``session`` runs: 0 for the original, else even over 0 … ``limit_ns``.

    Deterministic, the same in every worker and run (SplitMix64, Steele et al. 2014).
    """
    if not clone:
        return 0
    x = (session * 0x9E3779B97F4A7C15 + clone * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((x ^ (x >> 31)) * limit_ns) >> 64
