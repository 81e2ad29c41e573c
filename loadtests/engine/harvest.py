"""``python -m loadtests.engine.harvest SPEC``: asks staging for rows of its own, slowly, and says what it showed.

The work comes on standard input (``Work``), a ``Harvest`` goes out. Only GET requests of the plan are sent, as they
are, with harvested values where they hold ids, or with the query of a page of the same list. What an errand brings is
tried at a route that asks for such rows; where staging does not know them, they are dropped.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from loadtests.engine.admission import Admitted
from loadtests.engine.answers import Answer
from loadtests.engine.calls import Row
from loadtests.engine.living import text_of_answer
from loadtests.engine.preflight import INTERVAL_S, Prober, picked, served
from replay.plan.harvest.rows import pages, rows_of
from replay.plan.harvest.work import MOST_ROWS, Errand, Gathered, Harvest, Trial, Work
from replay.plan.links.answered import Answer as Places
from replay.plan.spans import Patch, patched, spans
from replay.statuses import status_class

_TRIES = 3
_MOST_WAITING = 2_000
"""Requests of an errand that are still to be sent."""

type Ask = Callable[[Row, bytes], Awaitable[Answer | None]]
"""Sends a row's request as these bytes, and waits for the answer."""


@dataclass(frozen=True, slots=True)
class _Job:
    row: Row
    wire: bytes
    known: Mapping[str, str]
    """What it asks for, by column."""


@dataclass(slots=True)
class _Errand:
    order: Errand
    rows: Sequence[Row]
    takes: dict[str, str]
    waiting: deque[_Job] = field(default_factory=deque)
    met: set[bytes] = field(default_factory=set)
    """The request lines that were put in line."""
    shown: set[int] = field(default_factory=set)
    """The rows that its answers showed, as hashes."""
    names: frozenset[str] = frozenset()
    """Parameters that its recorded queries name."""
    requests: int = 0
    answered: int = 0
    tried: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def put(self, row: Row, wire: bytes, known: Mapping[str, str]) -> None:
        """Have a request sent, unless it was before."""
        line = wire[: wire.index(b"\r\n")]
        if line not in self.met and len(self.waiting) < _MOST_WAITING:
            self.met.add(line)
            self.waiting.append(_Job(row, wire, known))


class Harvester:
    """Sends what is to be asked, one request after the other.

    Args:
        rows: of the plan, by number.
    """

    def __init__(self, work: Work, rows: Mapping[int, Row], ask: Ask) -> None:
        self._work = work
        self._ask = ask
        self._errands = [_errand(each, _answered_well(each.requests, rows)) for each in work.errands]
        self._trials = [(each, of) for each in work.trials if (of := _answered_well(each.requests, rows))]
        self._rows: dict[tuple[tuple[str, str], ...], _Errand] = {}
        """Each row, and the errand that brought it first."""
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        self._sent = 0

    async def harvest(self) -> Harvest:
        """Everything that was found, when it is enough, when nothing is left to ask, or when enough was sent."""
        while self._sent < self._work.most:
            ready = [each for each in self._errands if each.waiting and self._is_wanted(each)]
            for errand in ready:
                if self._sent < self._work.most:
                    await self._run(errand, errand.waiting.popleft())
            if not ready:
                break
        gathered = [
            Gathered(each.requests, each.answered, each.tried, each.passed, each.dropped) for each in self._errands
        ]
        return Harvest([dict(row) for row in self._kept()], gathered, self._sent)

    def _is_wanted(self, errand: _Errand) -> bool:
        return any(len(self._values[column]) < self._work.wanted[column] for column in errand.takes.values())

    async def _run(self, errand: _Errand, job: _Job) -> None:
        errand.requests += 1
        answer = await self._answer(job.row, job.wire)
        if answer is None:
            return
        errand.answered += 1
        found = rows_of(answer, errand.takes, job.known)
        await self._try(errand, found)
        before = len(errand.shown)
        for row in found:
            key = tuple(sorted((column, row[column]) for column in row if column not in errand.dropped))
            errand.shown.add(hash(key))
            self._keep(errand, key)
        if len(errand.shown) == before:
            return  # a calendar has a next page for ever
        target = job.wire.split(b" ", 2)[1].decode("latin-1")
        for page in pages(answer, target, errand.names):
            method, _, rest = job.wire.split(b" ", 2)
            errand.put(job.row, b" ".join((method, page.encode("latin-1"), rest)), job.known)

    async def _answer(self, row: Row, wire: bytes) -> Places | None:
        """The answer to a request, where it has the recorded status class."""
        self._sent += 1
        answer = await self._ask(row, wire)
        if answer is None or status_class(answer.status) != status_class(row.expected) or not answer.is_whole:
            return None
        return Places(list(answer.headers), text_of_answer(answer.headers, answer.body))

    async def _try(self, errand: _Errand, found: Sequence[Mapping[str, str]]) -> None:
        """Ask for some of the first rows, column by column; drop a column of which staging knows too few."""
        for column in sorted(set(errand.takes.values()) - errand.tried.keys()):
            rows = _spread([row for row in found if column in row])
            trial = next((one for one in self._trials if _suits(one[0], column, rows)), None)
            if trial is None or not rows or self._sent + len(rows) > self._work.most:
                continue
            passed = 0
            for row in rows:
                wire = _filled(trial[1][0].wire, trial[0].needs, row)
                passed += await self._answer(trial[1][0], wire) is not None
            errand.tried[column], errand.passed[column] = len(rows), passed
            if passed < (len(rows) if self._is_doubtful(errand, column) else len(rows) / 2):
                errand.dropped.append(column)
                errand.takes = {place: each for place, each in errand.takes.items() if each != column}

    def _keep(self, errand: _Errand, key: tuple[tuple[str, str], ...]) -> None:
        """Keep a new row, and put it in line wherever something can be asked for with it."""
        row = dict(key)
        if key in self._rows or row.keys().isdisjoint(errand.order.takes.values()) or len(self._rows) >= MOST_ROWS:
            return
        self._rows[key] = errand
        for column, value in key:
            self._values[column].add(value)
        for other in self._errands:
            needs = other.order.needs
            if needs and other.rows and row.keys() >= set(needs.values()):
                base = other.rows[0]
                other.put(base, _filled(base.wire, needs, row), {column: row[column] for column in needs.values()})

    def _is_doubtful(self, errand: _Errand, column: str) -> bool:
        return f"{errand.order.route} {column}" in self._work.doubtful

    def _kept(self) -> Iterable[tuple[tuple[str, str], ...]]:
        """The rows, without columns that staging does not know, or that nobody is sure of."""
        kept = (
            tuple(
                (column, value)
                for column, value in row
                if column not in errand.dropped and (column in errand.tried or not self._is_doubtful(errand, column))
            )
            for row, errand in self._rows.items()
        )
        return dict.fromkeys(row for row in kept if row)


def _errand(order: Errand, rows: Sequence[Row]) -> _Errand:
    found = _Errand(order, rows, dict(order.takes))
    queries = (row.wire.split(b" ", 2)[1].decode("latin-1").partition("?")[2] for row in rows)
    found.names = frozenset(piece.partition("=")[0] for query in queries for piece in query.split("&") if piece)
    if not order.needs:
        for row in rows:
            found.put(row, row.wire, {})
    return found


def _answered_well(requests: Iterable[int], rows: Mapping[int, Row]) -> list[Row]:
    return [
        rows[each] for each in requests if each in rows and status_class(rows[each].expected) == 2 and rows[each].wire
    ]


def _suits(trial: Trial, column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    columns = set(trial.needs.values())
    return column in columns and all(row.keys() >= columns for row in rows)


def _spread(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The first, the middle and the last."""
    return list(rows) if len(rows) <= _TRIES else [rows[0], rows[len(rows) // 2], rows[-1]]


def _filled(wire: bytes, needs: Mapping[str, str], row: Mapping[str, str]) -> bytes:
    return patched(
        wire,
        [
            Patch(span.offset, span.length, span.written(row[needs[span.place]]))
            for span in spans(wire)
            if span.place in needs
        ],
    )


async def _run(order: Admitted, work: Work, output: BinaryIO) -> None:
    prober = Prober(order, asyncio.get_running_loop())
    wanted = {request for each in work.errands for request in each.requests}
    wanted.update(request for each in work.trials for request in each.requests)
    rows = {row.request: row for row in picked(prober.reader, wanted)}
    count = 0

    async def ask(row: Row, wire: bytes) -> Answer | None:
        nonlocal count
        count += 1
        started = time.monotonic()
        answer = await prober.asked(row, wire, count)
        await asyncio.sleep(max(0.0, started + INTERVAL_S - time.monotonic()))
        return answer

    output.write(msgspec.json.encode(await Harvester(work, rows, ask).harvest()))
    await prober.close()


if __name__ == "__main__":
    sys.exit(served(Work, _run))
