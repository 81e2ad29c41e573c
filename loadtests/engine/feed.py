"""Where calls come from: from the plan as recorded (open and causal), or session after session (closed)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.index import SessionIndex
from loadtests.engine.lanes import Lanes, shift_ns
from loadtests.engine.loops import Loops
from replay.plan.bindings import needed

LOOKAHEAD_NS = 100_000_000
_ROWS_A_STEP = 64
_NEVER = 1 << 62

type Put = Callable[[int, Row, Lane], None]
"""Has a row played by a lane at a time of the run clock."""


class Feed(Protocol):
    """Puts rows on the agenda shortly before they are due."""

    next_session: int
    """The first session that a lane which joins now will play."""
    ordered: int | None
    """Calls of this worker that the schedule held so far at the ordered scale; None where no schedule is fixed."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""

    def fill(self, now: int) -> bool:
        """Put what is due within the next tenth of a second; True where there is more of it."""

    def put_until(self, now: int) -> int:
        """The time of the schedule, at most ``now``, up to which every row has been put."""

    def ended(self, call: Call, end_ns: int) -> None:
        """``call`` has ended."""


class RecordedFeed:
    """The plan's rows at their recorded time; every lane that plays a row gets a call of its own.

    ``ordered`` are the lanes that the run was ordered with, to count by; None where the order itself changes them.
    """

    def __init__(
        self,
        rows: Iterator[Row],
        lanes: Lanes,
        ordered: Lanes | None,
        shift_limit_ns: int,
        stop_at_ns: int,
        put: Put,
    ) -> None:
        self._rows = rows
        self._lanes = lanes
        self._shift_limit_ns = shift_limit_ns
        self._stop_at_ns = stop_at_ns
        self._put = put
        self._ordered_players = ordered.players if ordered is not None else None
        self.ordered = 0 if ordered is not None else None
        self.next_session = 0
        self._row = self._read()

    @property
    def over(self) -> bool:
        """Whether the plan or the schedule is at its end."""
        return self._row is None

    def fill(self, now: int) -> bool:
        """Put the rows of the next tenth of a second."""
        horizon, stop_at_ns = now + LOOKAHEAD_NS, self._stop_at_ns or _NEVER
        surely_held = stop_at_ns - self._shift_limit_ns
        players, ordered, put, row = self._lanes.players, self._ordered_players, self._put, self._row
        next_session, held = self.next_session, 0
        for _ in range(_ROWS_A_STEP):
            if row is None or row.due > horizon:
                break
            session = row.session
            if session >= next_session:
                next_session = session + 1
            if ordered is not None:
                lanes = ordered[row.lane]
                held += len(lanes) if row.due < surely_held else self._held(row, lanes)
            for lane in players[row.lane]:
                if session >= lane.since:
                    due = row.due + shift_ns(session, lane.clone, self._shift_limit_ns) if lane.clone else row.due
                    if due < stop_at_ns:
                        put(due, row, lane)
            row = next(self._rows, None)
            if row is not None and row.due >= stop_at_ns:
                row = None
        self._row = row
        self.next_session = next_session
        if self.ordered is not None:
            self.ordered += held
        return row is not None and row.due <= horizon

    def put_until(self, now: int) -> int:
        """``now``, or when the next row is due, where that is sooner: so it is while the engine is behind."""
        return now if self._row is None else min(now, self._row.due)

    def _held(self, row: Row, players: list[Lane]) -> int:
        shifts = (shift_ns(row.session, lane.clone, self._shift_limit_ns) for lane in players)
        return sum(row.due + shift < self._stop_at_ns for shift in shifts)

    def ended(self, call: Call, end_ns: int) -> None:
        """Nothing depends on it here: the conductor knows who waits."""

    def _read(self) -> Row | None:
        row = next(self._rows, None)
        return None if row is not None and self._stop_at_ns and row.due >= self._stop_at_ns else row


@dataclass(slots=True)
class _Waiting:
    """A row that waits for answers of its session: the one that it depends on, and those whose values it needs."""

    row: Row
    left: int
    """Answers that are still to come."""
    due: int


@dataclass(slots=True)
class _Visit:
    """A session that a lane is playing."""

    lane: Lane
    position: int = 0
    """Sessions of this loop that the lane has begun."""
    loop: int = 0
    played: int = 0
    """Requests of this loop."""
    open: int = 0
    over: bool = False
    waiting: dict[int, list[_Waiting]] = field(default_factory=dict)
    """By the request whose answer is waited for."""


class ClosedFeed:
    """Sessions back to back, a lane one after the other, with recorded think times.

    A faster target gets more load and a slower one less: this is how a fixed number of people behave, not how
    production's arrivals do.
    """

    next_session = 0
    ordered: int | None = None

    def __init__(
        self,
        index: SessionIndex,
        loops: Loops,
        lanes: Lanes,
        shift_limit_ns: int,
        stop_at_ns: int,
        speed: float,
        put: Put,
    ) -> None:
        self._index = index
        self._loops = loops
        self._lanes = lanes
        self._shift_limit_ns = shift_limit_ns
        self._stop_at_ns = stop_at_ns
        self._speed = speed
        self._put = put
        self._visits: dict[int, _Visit] = {}

    @property
    def over(self) -> bool:
        """Whether every lane has played all its sessions."""
        return bool(self._visits) and all(visit.over or not visit.lane.active for visit in self._visits.values())

    def fill(self, now: int) -> bool:
        """Begin the first session of the lanes that are new."""
        for players in self._lanes.players:
            for lane in players:
                visit = self._visits.get(lane.number)
                if visit is None or visit.lane is not lane:
                    self._visits[lane.number] = visit = _Visit(lane)
                    begin = max(0, now) + shift_ns(lane.number, lane.clone, self._shift_limit_ns)
                    self._next(visit, begin)
        return False

    def put_until(self, now: int) -> int:
        """``now``: sessions follow each other at no planned time."""
        return now

    def ended(self, call: Call, end_ns: int) -> None:
        """Put the rows that waited for it, or begin the lane's next session."""
        visit = self._visits.get(call.lane.number)
        if visit is None or visit.lane is not call.lane:
            return
        for waiting in visit.waiting.pop(call.row.request, ()):
            row = waiting.row
            think_ns = round(row.think / self._speed) if row.depends_on == call.row.request else 0
            waiting.due = max(waiting.due, end_ns + think_ns)
            waiting.left -= 1
            if not waiting.left:
                self._play(visit, waiting.due, row)
        visit.open -= 1
        if not visit.open:
            self._next(visit, end_ns)

    def _next(self, visit: _Visit, begin_ns: int) -> None:
        while visit.lane.active and not visit.open and (not self._stop_at_ns or begin_ns < self._stop_at_ns):
            rows = self._index.session(visit.lane.number, visit.position)
            if rows is None:
                visit.loop += 1
                if not visit.played or visit.loop == self._loops.times:
                    break
                visit.position = visit.played = 0
                continue
            if visit.loop:
                rows = [self._loops.again(row, visit.loop) for row in rows]
            visit.position += 1
            visit.waiting = {}
            here = {row.request for row in rows}
            for row in rows:
                awaited = here.intersection(_awaited(row))
                due = 0 if row.depends_on in here else begin_ns + row.due - rows[0].due
                waiting = _Waiting(row, len(awaited), due)
                for request in awaited:
                    visit.waiting.setdefault(request, []).append(waiting)
                if not awaited:
                    self._play(visit, due, row)
        visit.over = not visit.open

    def _play(self, visit: _Visit, due: int, row: Row) -> None:
        if not self._stop_at_ns or due < self._stop_at_ns:
            visit.open += 1
            visit.played += 1
            self._put(due, row, visit.lane)


def _awaited(row: Row) -> list[int]:
    return [row.depends_on, *(needed(row.bindings) if row.bindings is not None else ())]
