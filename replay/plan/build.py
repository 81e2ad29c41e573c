"""Builds a plan from captures: one pass over the exchanges, one over the requests taken, in order of ``due``.

The prepared requests wait in a file between the passes. Memory holds about 100 bytes a request taken (times, session,
names as numbers), never a body.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.artefacts import versions
from replay.capture.manifest import CaptureManifest, Origin
from replay.errors import InputError
from replay.exchange import Exchange
from replay.plan.bindings import Bindings
from replay.plan.filters import SAFE_METHODS, Selection
from replay.plan.forecast import Forecast
from replay.plan.lanes import balance, shares
from replay.plan.links.bind import NEEDS_VALUE, Binder
from replay.plan.links.rules import Rules, lookup
from replay.plan.links.who import People
from replay.plan.living import LivingRows, OrderedRows
from replay.plan.order import causal_order
from replay.plan.store import DEFAULT_LANES, PLAN_FORMAT, SCHEMA, PlanManifest, PlanWriter
from replay.plan.unrepeatable import Unrepeatable
from replay.plan.wire import Rewrite, serialise
from replay.private_files import create_private
from replay.repetition import RepetitionCounter

_BATCH = 8192
_WIRES_NAME = ".wires"
_LIVING_NAME = ".living"

type Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Source:
    """One capture to plan from."""

    manifest: CaptureManifest
    exchanges: Iterable[Exchange]


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``replay plan`` was asked for."""

    selection: Selection = field(default_factory=Selection)
    rewrite: Rewrite = field(default_factory=Rewrite)
    lanes: int = DEFAULT_LANES
    rules: Rules = field(default_factory=Rules)
    """What lives; none: every request is sent as it was recorded."""


class _Names:
    """Strings as numbers in order of first sight, and how often each was seen."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def __call__(self, name: str) -> int:
        self.counts[name] += 1
        return self._number.setdefault(name, len(self._number))

    def all(self) -> list[str]:
        return list(self._number)


class _Taken:
    """The requests taken so far: numbers in memory, prepared bytes in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.fdopen(create_private(path), "wb")
        self.session, self.started, self.ended, self.offset = (array("q", []) for _ in range(4))
        self.route, self.method, self.host, self.status = (array("i", []) for _ in range(4))
        self.sessions, self.routes, self.methods, self.hosts = (_Names() for _ in range(4))

    def add(self, exchange: Exchange, session: str, host: str, wire: bytes) -> None:
        self.session.append(self.sessions(session))
        self.started.append(exchange.started)
        self.ended.append(-1 if exchange.ended is None else exchange.ended)
        self.route.append(self.routes(exchange.route))
        self.method.append(self.methods(exchange.request.method))
        self.host.append(self.hosts(host))
        self.status.append(exchange.status)
        self.offset.append(self._file.tell())
        self._file.write(wire)

    def wires(self, rows: Ints) -> Iterator[list[bytes]]:
        """The prepared bytes of ``rows``, a batch at a time."""
        self.offset.append(self._file.tell())
        self._file.close()
        if not rows.size:
            return
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as wires:
            for first in range(0, rows.size, _BATCH):
                yield [
                    wires[self.offset[row] : self.offset[row + 1]] for row in rows[first : first + _BATCH].tolist()
                ]

    def close(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Tally:
    """What was seen, and what became of it."""

    unrepeatable: Unrepeatable
    people: People
    seen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    forecast: Forecast = field(default_factory=Forecast)
    repetition: RepetitionCounter = field(default_factory=RepetitionCounter)


def build(sources: Sequence[Source], settings: Settings, folder: Path, name: str) -> PlanManifest:
    """Write the plan of ``sources`` into the existing ``folder`` and return its manifest.

    Several captures are laid over each other, each from its own start: proxies that ran side by side.

    Raises:
        InputError: the captures have different route templates, or no request is left to plan.
    """
    _check_templates(sources)
    taken, living = _Taken(folder / _WIRES_NAME), LivingRows(folder / _LIVING_NAME)
    try:
        tally = _Tally(Unrepeatable(settings.rules), People(lookup(settings.rules).logins))
        for index, source in enumerate(sources):
            _take(source, index, settings, taken, living, tally)
        if not taken.session:
            why = ", ".join(f"{reason}: {count}" for reason, count in tally.left_out.most_common()) or "it is empty"
            raise InputError(f"{sources[0].manifest.name}: no request is left to plan ({why}). Widen the filters.")
        return _write([source.manifest for source in sources], settings, folder, name, taken, living, tally)
    finally:
        taken.close()
        living.close()


def _take(source: Source, index: int, settings: Settings, taken: _Taken, living: LivingRows, tally: _Tally) -> None:
    binder = Binder(lookup(settings.rules), settings.rewrite.times, tally.people)
    for exchange in source.exchanges:
        tally.seen += 1
        session = binder.session(exchange)
        reason = settings.selection(exchange)
        if not reason:
            bound = binder.bind(exchange, session, serialise(exchange.request, settings.rewrite))
            reason = NEEDS_VALUE if bound.missing else ""
        row = -1 if reason else len(taken.session)
        sets_cookies = binder.answered(exchange, session, row)
        if reason:
            tally.left_out[reason] += 1
            continue
        host = settings.rewrite.host(exchange.request.host)
        taken.add(exchange, f"{index} {session}", host, bound.wire)
        living.add(row, Bindings(bound.fill, cookies=bound.cookies, sets_cookies=sets_cookies), bound.takes)
        tally.forecast.add(exchange, bound.places)
        tally.repetition.add(exchange)
        tally.unrepeatable.add(exchange, bound)
        if exchange.request.method not in SAFE_METHODS:
            tally.writes[exchange.route] += 1


def _check_templates(sources: Sequence[Source]) -> None:
    first = sources[0].manifest
    for source in sources[1:]:
        if source.manifest.templates != first.templates:
            raise InputError(
                f"{source.manifest.name}: its route templates differ from those of {first.name}, so their routes "
                "cannot be judged together. Capture both with one policy."
            )


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The requests taken, in order of ``due``."""

    rows: Ints
    session: Ints
    due: Ints
    zero_ns: int
    depends_on: Ints
    think: Ints
    lane: NDArray[np.int32]
    lane_shares: list[float]


def _schedule(taken: _Taken, lanes: int) -> _Schedule:
    started = np.array(taken.started, dtype=np.int64)
    rows = np.argsort(started, kind="stable")
    started = started[rows]
    session = _in_order_of_sight(np.array(taken.session, dtype=np.int64)[rows])
    order = causal_order(session, started, np.array(taken.ended, dtype=np.int64)[rows])
    counts = np.bincount(session)
    lane_of = balance(counts, lanes)
    return _Schedule(
        rows=rows,
        session=session,
        due=started - started[0],
        zero_ns=int(started[0]),
        depends_on=order.depends_on,
        think=order.think,
        lane=lane_of[session],
        lane_shares=shares(lane_of, counts, lanes),
    )


def _in_order_of_sight(values: Ints) -> Ints:
    """``values`` renumbered 0, 1, 2 … in order of first appearance."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def _write(
    manifests: Sequence[CaptureManifest],
    settings: Settings,
    folder: Path,
    name: str,
    taken: _Taken,
    living: LivingRows,
    tally: _Tally,
) -> PlanManifest:
    schedule = _schedule(taken, settings.lanes)
    ordered = living.in_order(schedule.rows, schedule.session, schedule.due)
    with PlanWriter(folder) as writer:
        for number, wires in enumerate(taken.wires(schedule.rows)):
            writer.write(_table(taken, ordered, schedule, number * _BATCH, wires))
        manifest = PlanManifest(
            format=PLAN_FORMAT,
            name=name,
            created=datetime.now(UTC).date().isoformat(),
            versions=versions(),
            capture_ids=[each.id for each in manifests],
            capture_names=[each.name for each in manifests],
            policy_hash=manifests[0].policy_hash,
            templates=manifests[0].templates,
            key_id=manifests[0].key_id,
            hash="",
            lanes=settings.lanes,
            lane_shares=schedule.lane_shares,
            duration_ns=int(schedule.due[-1]) + 1,
            zero_ns=schedule.zero_ns,
            requests=schedule.rows.size,
            sessions=int(schedule.session.max()) + 1,
            hosts=dict(taken.hosts.counts.most_common()),
            routes=dict(taken.routes.counts.most_common()),
            writes=dict(tally.writes.most_common()),
            production_requests=tally.seen,
            left_out=dict(tally.left_out.most_common()),
            captured_share=min(each.captured_share for each in manifests),
            origins=_origins(manifests),
            forecast=tally.forecast.routes(),
            unrepeatable=tally.unrepeatable.by_route(),
            living=ordered.count,
            logins=tally.people.used(),
            repetition=tally.repetition.found(),
            shift_days=settings.rewrite.times.days,
        )
        return writer.close(manifest)


def _table(taken: _Taken, living: OrderedRows, schedule: _Schedule, first: int, wires: list[bytes]) -> pa.Table:
    part = slice(first, first + len(wires))
    rows = schedule.rows[part]

    def named(numbers: array[int], names: _Names) -> pa.Array:
        indices = np.frombuffer(numbers, dtype=np.int32)[rows]
        return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(names.all(), pa.string()))

    columns = {
        "request": np.arange(first, first + len(wires), dtype=np.int64),
        "session": schedule.session[part],
        "lane": schedule.lane[part],
        "due": schedule.due[part],
        "depends_on": schedule.depends_on[part],
        "think": schedule.think[part],
        "route": named(taken.route, taken.routes),
        "method": named(taken.method, taken.methods),
        "host": named(taken.host, taken.hosts),
        "wire": pa.array(wires, pa.binary()),
        "bindings": pa.array(living.cells(first, len(wires)), pa.string()),
        "expected_status": np.frombuffer(taken.status, dtype=np.int32)[rows],
    }
    return pa.table(columns, schema=SCHEMA)


def _origins(manifests: Sequence[CaptureManifest]) -> list[Origin]:
    unique: dict[bytes, Origin] = {}
    for manifest in manifests:
        for origin in manifest.origins:
            unique[msgspec.json.encode(origin)] = origin
    return list(unique.values())
