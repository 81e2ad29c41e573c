"""Playing a plan more than once: each time its requests and sessions are new ones, a period later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import msgspec

from loadtests.engine.calls import Row
from replay.plan.bindings import later


@dataclass(frozen=True, slots=True)
class Loops:
    """How often a plan is played, and what one time is long."""

    times: int
    """0, in closed replay: until the schedule's end."""
    period_ns: int
    """On the run clock."""
    requests: int
    sessions: int

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows``, which can be iterated again and again, as often as they are played."""
        return chain(rows, (self.again(row, number) for number in range(1, self.times) for row in rows))

    def again(self, row: Row, number: int) -> Row:
        """``row`` when the plan is played for the ``number``-th time after the first."""
        requests = number * self.requests
        bindings = row.bindings
        if bindings is not None:
            bindings = later(bindings, requests, number * self.period_ns)
        return msgspec.structs.replace(
            row,
            due=row.due + number * self.period_ns,
            request=row.request + requests,
            session=row.session + number * self.sessions,
            depends_on=row.depends_on + requests if row.depends_on >= 0 else -1,
            bindings=bindings,
        )
