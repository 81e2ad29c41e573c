"""What a run would send: counted over the plan's columns, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from replay.plan.bindings import beside, decode, needed
from replay.plan.store import Plan
from replay.safety import SAFE_METHODS, may_send

type _Numbers = np.ndarray[Any, Any]

PROBES_A_ROUTE = 3
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

    @property
    def requests(self) -> int:
        """Requests that are sent, at production ×1."""
        return sum(self.routes.values())


def survey(plan: Plan, hosts: Collection[str], writes: Collection[str], replaced: Set[str] = frozenset()) -> Survey:
    """Count ``plan`` for a run that sends only to ``hosts``, and only safe methods and ``writes``.

    The run gives every request the headers ``replaced`` (lower case) itself.
    """
    found = Survey()
    probed: dict[str, int] = {}
    unsent: set[int] = set()
    for batch in plan.batches():
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        names = [columns[name].dictionary.to_pylist() for name in ("host", "method", "route")]
        shape = tuple(len(each) for each in names)
        # One number for host, method and route: counting numbers is much faster than sorting triples.
        codes = np.ravel_multi_index(tuple(_indices(columns[name]) for name in ("host", "method", "route")), shape)
        found_codes, group_of, counts = _grouped(codes)
        groups = np.stack(np.unravel_index(found_codes, shape), axis=1)
        status, request = _values(columns["expected_status"], np.int32), _values(columns["request"], np.int64)
        named = [tuple(names[column][index] for column, index in enumerate(group)) for group in groups.tolist()]
        sends = np.array([host in hosts and may_send(method, route, writes) for host, method, route in named])
        needs, starves = _living(columns, replaced, sends[group_of], unsent)
        starved = np.bincount(group_of[starves], minlength=len(named)).tolist()
        for number, ((host, method, route), whole) in enumerate(zip(named, counts.tolist(), strict=True)):
            count = whole - starved[number]
            if starved[number]:
                _add(found.left_out, "needs a value of an unsent write", starved[number])
            if host not in hosts:
                _add(found.left_out, "no --target for the host", count)
            elif not may_send(method, route, writes):
                _add(found.left_out, "a write without --writes", count)
            else:
                _add(found.routes, route, count)
                _add(found.hosts, host, count)
                wanted = PROBES_A_ROUTE - probed.get(route, 0)
                if wanted and method in SAFE_METHODS:
                    candidates = np.flatnonzero((group_of == number) & (status > 0) & ~needs)
                    rows = _unlike(columns["wire"], candidates, wanted)
                    probed[route] = probed.get(route, 0) + len(rows)
                    found.probes += request[rows].tolist()
    return found


def _grouped(codes: _Numbers) -> tuple[_Numbers, _Numbers, _Numbers]:
    """The numbers that ``codes`` holds, in order; which of them each code is; and how often each is there."""
    if not len(codes) or int(codes.max()) > _DENSE * len(codes):
        return np.unique(codes, return_inverse=True, return_counts=True)
    counts = np.bincount(codes)
    present = np.flatnonzero(counts)
    place = np.zeros(len(counts), np.int64)
    place[present] = np.arange(len(present))
    return present, place[codes], counts[present]


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
    columns: Mapping[str, pa.Array], replaced: Set[str], sends: _Numbers, unsent: set[int]
) -> tuple[_Numbers, _Numbers]:
    """Which rows need an earlier answer, and which of those would be sent but need that of an unsent request.

    ``unsent`` are the living requests before these that are not sent; those of these are added.
    """
    column, request = columns["bindings"], _values(columns["request"], np.int64)
    needs, starves = np.zeros(len(column), bool), np.zeros(len(column), bool)
    if column.null_count == len(column):
        return needs, starves
    for row, cell in enumerate(column.to_pylist()):
        if cell is not None:
            bindings = decode(cell)
            if replaced:
                bindings = beside(bindings, columns["wire"][row].as_py(), replaced)
            requests = needed(bindings)
            needs[row] = bool(requests)
            starves[row] = sends[row] and not unsent.isdisjoint(requests)
            if starves[row] or not sends[row]:
                unsent.add(int(request[row]))
    return needs, starves


def _add(counts: dict[str, int], key: str, count: int) -> None:
    counts[key] = counts.get(key, 0) + count


def _values(column: pa.Array, kind: type[np.generic]) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = np.frombuffer(column.buffers()[1], kind)
    return values[column.offset : column.offset + len(column)]


def _indices(column: pa.DictionaryArray) -> np.ndarray[Any, Any]:
    return _values(column.indices, np.int32)
