"""What the engine handles: a row of the plan, a lane that plays it, and the call that comes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from loadtests.hooks import Request


class Row(msgspec.Struct, frozen=True, gc=False):
    """One request of the plan, as it stands in memory for a moment. Times are nanoseconds of the run clock."""

    due: int
    request: int
    session: int
    lane: int
    depends_on: int
    think: int
    route: int
    """Index into the run's routes."""
    method: int
    """Index into the run's methods."""
    target: int
    """Index of the pool that it goes to."""
    expected: int
    bound: bool
    """Needs a value of an earlier answer."""
    wire: bytes
    """The planned bytes; b"" where they are not exactly one request, which is then refused."""


class Lane:
    """A hundredth of production, or a clone of one: ``number = clone × plan lanes + plan lane``."""

    __slots__ = ("active", "clone", "number", "since")

    def __init__(self, number: int, clone: int, since: int) -> None:
        self.number = number
        self.clone = clone
        self.since = since
        """The first session that it plays."""
        self.active = True


class Call:
    """One request on its way: what the plan wants, and what became of it. Times are those of the run clock."""

    __slots__ = (
        "attempt",
        "connection",
        "due",
        "first_byte",
        "intended",
        "lane",
        "ready",
        "request",
        "reused",
        "row",
        "sent",
        "trace",
        "waiters",
        "wire",
    )

    def __init__(self, row: Row, lane: Lane, due: int, trace: int, wire: bytes) -> None:
        self.row = row
        self.lane = lane
        self.due = due
        self.trace = trace
        self.wire = wire
        self.intended = 0
        self.ready = 0
        self.sent = 0
        self.first_byte = 0
        self.attempt = 1
        self.connection = 0
        self.reused = False
        self.request: Request
        """As a hooks file saw it; set only where there is one."""
        self.waiters: list[Call] | None = None
        """Calls of the session that wait for this one's end."""
