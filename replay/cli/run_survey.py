"""What a run would send: counted over the plan's columns, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from replay.plan.bindings import beside, columns_of, decode, needed, resolved
from replay.plan.store import Plan
from replay.safety import SAFE_METHODS, may_send

type _Numbers = np.ndarray[Any, Any]

PROBES_A_ROUTE = 3
_SENT, _NO_TARGET, _NO_WRITE, _NEEDS_WRITE, _NEEDS_HOST = range(5)
REASONS = (
    "",
    "no --target for the host",
    "a write without --writes",
    "needs a value of an unsent write",
    "needs a value of a host without --target",
)
"""Why a request of the plan is not sent; '' where it is."""
_LOOKED_AT = 64
_DENSE = 16
"""Up to so many possible numbers a row, counting in place is quicker than sorting."""


@dataclass(slots=True)
class Survey:
    """Counts of a plan's requests under a run's targets and writes."""

    routes: dict[str, int] = field(default_factory=dict)
    """Requests that are sent, by route."""
    hosts: dict[str, int] = field(default_factory=dict)
    """Requests that are sent, by host."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Requests of the plan that are not sent, by reason."""
    probes: list[int] = field(default_factory=list)
    """The rows that the preflight sends: three a route that are safe, had an answer, need none of an earlier one, and
    ask for different things."""
    takes: dict[str, str] = field(default_factory=dict)
    """Column of the accounts' file that requests which are sent take → the route of the first."""

    @property
    def requests(self) -> int:
        """Requests that are sent, at production ×1."""
        return sum(self.routes.values())


@dataclass(frozen=True, slots=True)
class Part:
    """A batch of a plan under a run's targets and writes. Arrays have an element a row."""

    columns: dict[str, pa.Array]
    named: list[tuple[str, ...]]
    """Host, method and route of each group of rows."""
    group_of: _Numbers
    needs: _Numbers
    """Which rows need a live value."""
    reasons: _Numbers
    """Why a row is not sent: positions in ``REASONS``."""
    takes: dict[str, str]
    """Column of the accounts' file that rows which are sent take → the route of the first."""


def survey(
    plan: Plan,
    hosts: Collection[str],
    writes: Collection[str],
    replaced: Set[str] = frozenset(),
    known: Set[str] = frozenset(),
) -> Survey:
    """Count ``plan`` for a run that sends only to ``hosts``, and only safe methods and ``writes``.

    The run gives every request the headers ``replaced`` (lower case) itself; its accounts have the columns ``known``.
    """
    found = Survey()
    probed: dict[str, int] = {}
    for part in parts(plan, hosts, writes, replaced, known):
        found.takes = part.takes | found.takes
        request = _values(part.columns["request"], np.int64)
        by_reason = np.bincount(part.group_of * len(REASONS) + part.reasons, minlength=len(part.named) * len(REASONS))
        counts = by_reason.reshape(-1, len(REASONS)).tolist()
        for number, ((host, method, route), (sent, *unsent)) in enumerate(zip(part.named, counts, strict=True)):
            for reason, count in zip(REASONS[1:], unsent, strict=True):
                if count:
                    _add(found.left_out, reason, count)
            if not sent:
                continue
            _add(found.routes, route, sent)
            _add(found.hosts, host, sent)
            wanted = PROBES_A_ROUTE - probed.get(route, 0)
            if wanted and method in SAFE_METHODS:
                rows = _askable(part, number, wanted)
                probed[route] = probed.get(route, 0) + len(rows)
                found.probes += request[rows].tolist()
    return found


def askable(
    plan: Plan, hosts: Collection[str], replaced: Set[str], known: Set[str], wanted: Mapping[str, int]
) -> dict[str, list[int]]:
    """Requests of the plan that can be asked alone, by route: of each route of ``wanted`` so many that are unlike.

    As ``Survey.probes``: safe, with an answer, and in need of none of an earlier one.
    """
    found: dict[str, list[int]] = {}
    for part in parts(plan, hosts, frozenset(), replaced, known):
        request = _values(part.columns["request"], np.int64)
        for number, (_, method, route) in enumerate(part.named):
            if route in wanted and method in SAFE_METHODS:
                here = found.setdefault(route, [])
                here += request[_askable(part, number, wanted[route] - len(here))].tolist()
    return found


def _askable(part: Part, group: int, wanted: int) -> list[int]:
    status = _values(part.columns["expected_status"], np.int32)
    may_be = (part.group_of == group) & (part.reasons == _SENT) & (status > 0) & ~part.needs
    return _unlike(part.columns["wire"], np.flatnonzero(may_be), wanted)


def parts(
    plan: Plan,
    hosts: Collection[str],
    writes: Collection[str],
    replaced: Set[str],
    known: Set[str] = frozenset(),
) -> Iterator[Part]:
    """The batches of ``plan`` as ``survey`` looks at them."""
    unsent: dict[int, int] = {}
    for batch in plan.batches():
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        names = [columns[name].dictionary.to_pylist() for name in ("host", "method", "route")]
        shape = tuple(len(each) for each in names)
        # One number for host, method and route: counting numbers is much faster than sorting triples.
        codes = np.ravel_multi_index(tuple(_indices(columns[name]) for name in ("host", "method", "route")), shape)
        found_codes, group_of = _grouped(codes)
        groups = np.stack(np.unravel_index(found_codes, shape), axis=1)
        named = [tuple(names[column][index] for column, index in enumerate(group)) for group in groups.tolist()]
        by_group = [
            _NO_TARGET if host not in hosts else _SENT if may_send(method, route, writes) else _NO_WRITE
            for host, method, route in named
        ]
        reasons = np.array(by_group, np.int64)[group_of]
        takes: dict[str, str] = {}
        needs = _living(columns, replaced, reasons, unsent, known, takes)
        yield Part(columns, named, group_of, needs, reasons, takes)


def _grouped(codes: _Numbers) -> tuple[_Numbers, _Numbers]:
    """The numbers that ``codes`` holds, in order; and which of them each code is."""
    if not len(codes) or int(codes.max()) > _DENSE * len(codes):
        return np.unique(codes, return_inverse=True)
    counts = np.bincount(codes)
    present = np.flatnonzero(counts)
    place = np.zeros(len(counts), np.int64)
    place[present] = np.arange(len(present))
    return present, place[codes]


def _unlike(wires: pa.Array, rows: np.ndarray[Any, Any], wanted: int) -> list[int]:
    """Rows that ask for different things, as far as there are any: one id that is there says little."""
    unlike: dict[bytes, int] = {}
    others: list[int] = []
    for row in rows[:_LOOKED_AT].tolist():
        line = wires[row].as_py().partition(b"\r\n")[0]
        if unlike.setdefault(line, row) != row:
            others.append(row)
        if len(unlike) == wanted:
            break
    return sorted([*unlike.values(), *others][:wanted])


def _living(
    columns: Mapping[str, pa.Array],
    replaced: Set[str],
    reasons: _Numbers,
    unsent: dict[int, int],
    known: Set[str],
    takes: dict[str, str],
) -> _Numbers:
    """Which rows need a live value; ``reasons`` gets those of rows that need that of an unsent request.

    ``unsent`` are the living requests before these that are not sent, and why; those of these are added. ``takes``
    gets the columns of accounts that rows which are sent take, whether or not they are ``known``.
    """
    column, request = columns["bindings"], _values(columns["request"], np.int64)
    needs = np.zeros(len(column), bool)
    if column.null_count == len(column):
        return needs
    for row, cell in enumerate(column.to_pylist()):
        if cell is not None:
            bindings = decode(cell)
            if replaced:
                bindings = beside(bindings, columns["wire"][row].as_py(), replaced)
            requests = needed(bindings)
            wanted: frozenset[str] = frozenset().union(*map(columns_of, bindings.fill))
            needs[row] = bool(requests) or not wanted.isdisjoint(known)
            if reasons[row] == _SENT and resolved(bindings, unsent) is None:
                cause = next(unsent[each] for each in requests if each in unsent)
                reasons[row] = {_NO_TARGET: _NEEDS_HOST, _NO_WRITE: _NEEDS_WRITE}.get(cause, cause)
            if reasons[row] != _SENT:
                unsent[int(request[row])] = int(reasons[row])
            elif wanted:
                takes |= dict.fromkeys(sorted(wanted - takes.keys()), columns["route"][row].as_py())
    return needs


def _add(counts: dict[str, int], key: str, count: int) -> None:
    counts[key] = counts.get(key, 0) + count


def _values(column: pa.Array, kind: type[np.generic]) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = np.frombuffer(column.buffers()[1], kind)
    return values[column.offset : column.offset + len(column)]


def _indices(column: pa.DictionaryArray) -> np.ndarray[Any, Any]:
    return _values(column.indices, np.int32)
