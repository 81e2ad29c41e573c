"""Whether the load was the ordered one throughout."""

from __future__ import annotations

from collections.abc import Iterable

from replay.journal import EngineTick
from replay.runspec import SECOND_NS


def load_changes(ticks: Iterable[EngineTick], workers: int, lanes: int, until_ns: int) -> dict[int, int]:
    """The seconds at whose end another number of lanes ran than before, starting from the ordered ``lanes``.

    Seconds that not every worker told of, and those after ``until_ns``, when engines end one by one, are left out.
    """
    told: dict[int, dict[int, int]] = {}
    for entry in ticks:
        told.setdefault(entry.tick.second, {})[entry.tick.worker] = entry.lanes
    changes = {}
    for second, by_worker in sorted(told.items()):
        running = sum(by_worker.values())
        if len(by_worker) == workers and (second + 1) * SECOND_NS <= until_ns and running != lanes:
            changes[second] = lanes = running
    return changes
