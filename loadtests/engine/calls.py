"""What the engine handles: a row of the plan, a lane that plays it, and the call that comes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from loadtests.engine.living import State
    from loadtests.hooks import Request
    from replay.plan.bindings import Bindings

MAX_KEPT_BYTES = 4 << 20
"""What is kept of an answer that somebody wants to see, to the next piece of the network."""


# Rows and calls are made by the thousand a second and are never part of a cycle: the collector need not see them.
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
    bindings: Bindings | None
    """What it needs of earlier answers and what its own must give; None for most."""
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


class Call(msgspec.Struct, gc=False, eq=False):
    """One request on its way: what the plan wants, and what became of it. Times are those of the run clock."""

    row: Row
    lane: Lane
    due: int
    trace: int
    wire: bytes
    key: int = 0
    """Which call of a run: request and clone in one number, which is cheaper than a tuple."""
    intended: int = 0
    ready: int = 0
    sent: int = 0
    first_byte: int = 0
    attempt: int = 1
    connection: int = 0
    reused: bool = False
    is_over: bool = False
    """It has ended: whatever comes for it now is late."""
    living: State | None = None
    """What lives of its session, where the row has bindings."""
    head: bytes = b""
    """What came of the answer until its head was whole."""
    kept: bytearray | None = None
    """The bytes of the answer, where they are wanted."""
    request: Request | None = None
    """As a hooks file saw it, where the file wants to see its answer too."""
    waiters: list[Call] | None = None
    """Calls of the session that wait for this one's end."""
