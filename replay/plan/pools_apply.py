"""A plan whose recorded entities are rows of staging: from one plan to another, in two passes over its requests.

The first pass meets every entity, the second writes rows in their places. Memory holds the entities, never a request.
A place that a live value fills stays as it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from replay.errors import InputError
from replay.plan.bindings import POOL, Bindings, Fill, decode, encode
from replay.plan.pools import Bound, Pool, columns_at
from replay.plan.pools_forest import NONE, Forest, TooFewError, assign
from replay.plan.spans import Patch, Span, patched, spans
from replay.plan.store import SCHEMA, Plan, PlanManifest, PlanWriter, PoolUse, RouteForecast

_NO_BINDINGS = Bindings()


@dataclass(frozen=True, slots=True)
class _Met:
    """A span that a pool fills."""

    span: Span
    bound: Bound


def apply_pools(plan: Plan, pools: Sequence[Pool], clones: int, folder: Path) -> PlanManifest:
    """Write ``plan`` with the rows of ``pools`` in it into the existing ``folder`` and return its manifest.

    Args:
        plan: the plan as it was recorded.
        pools: the tables of staging's rows.
        clones: how often a session may be played at a time: unique pools need as many rows for every entity.

    Raises:
        InputError: a pool has too few rows, or a value under two parents.
        ReplayError: two columns claim one place.
    """
    applied = _Applied(plan, pools, clones)
    applied.meet()
    applied.assign()
    return applied.write(folder)


class _Applied:
    def __init__(self, plan: Plan, pools: Sequence[Pool], clones: int) -> None:
        self._plan = plan
        self._pools = pools
        self._clones = clones
        self._recorded = [Forest(len(pool.columns)) for pool in pools]
        self._rows = [_supply(pool) for pool in pools]
        self._at_route: dict[str, Mapping[str, Bound]] = {}
        self._requests = [0] * len(pools)
        self._written: list[list[list[list[str]]]] = []
        """Of each pool, column and entity: what the first, second … clone sends."""

    def meet(self) -> None:
        """Meet every entity of the plan."""
        for batch in self._plan.batches():
            routes, wires = batch.column("route").to_pylist(), batch.column("wire").to_pylist()
            for route, wire, cell in zip(routes, wires, batch.column("bindings").to_pylist(), strict=True):
                met = self._met(route, wire, _bindings(cell))
                for pool in {each.bound.pool for each in met}:
                    self._requests[pool] += 1
                    self._relate(self._recorded[pool], [each for each in met if each.bound.pool == pool])

    def assign(self) -> None:
        """Give every entity its rows."""
        for pool, recorded, rows in zip(self._pools, self._recorded, self._rows, strict=True):
            try:
                assigned = assign(recorded, rows, self._clones if pool.is_unique else 1)
            except TooFewError as few:
                raise self._too_few(pool, few) from None
            self._written.append(
                [
                    [[values[row] for row in taken] for taken in level]
                    for level, values in zip(assigned, map(rows.values, range(rows.levels)), strict=True)
                ]
            )

    def write(self, folder: Path) -> PlanManifest:
        """The plan with the rows in it."""
        with PlanWriter(folder) as writer:
            for batch in self._plan.batches():
                writer.write(self._rewritten(batch))
            manifest = msgspec.structs.replace(
                self._plan.manifest,
                pools={
                    pool.name: PoolUse(
                        rows=len(pool.rows),
                        entities={column: len(recorded.parents[level]) for level, column in enumerate(pool.columns)},
                        requests=requests,
                        unique=pool.is_unique,
                        conflicts=recorded.conflicts,
                    )
                    for pool, recorded, requests in zip(self._pools, self._recorded, self._requests, strict=True)
                },
                clones=self._clones if any(pool.is_unique for pool in self._pools) else 0,
                forecast={route: self._forecast(route, one) for route, one in self._plan.manifest.forecast.items()},
            )
            return writer.close(manifest)

    def _met(self, route: str, wire: bytes, bindings: Bindings) -> list[_Met]:
        columns = self._at_route.get(route)
        if columns is None:
            columns = self._at_route[route] = columns_at(self._pools, route)
        if not columns:
            return []
        live = [(fill.at, fill.at + fill.size) for fill in bindings.fill]
        return [
            _Met(span, columns[span.place])
            for span in spans(wire)
            if span.place in columns
            and span.text
            and not any(start < span.offset + span.length and span.offset < end for start, end in live)
        ]

    def _relate(self, recorded: Forest, met: Sequence[_Met]) -> None:
        """Note the entities of one request, each under the nearest of the column above: before it, or else behind."""
        numbers: list[dict[int, int]] = [{} for _ in range(recorded.levels)]
        for level in range(recorded.levels):
            above = sorted(numbers[level - 1]) if level else []
            for each in met:
                if each.bound.column == level:
                    parent = NONE
                    if above:
                        parent = numbers[level - 1][above[max(0, bisect_right(above, each.span.offset) - 1)]]
                    numbers[level][each.span.offset] = recorded.add(level, each.span.text, parent)

    def _too_few(self, pool: Pool, few: TooFewError) -> InputError:
        column = pool.columns[few.level]
        under = f" under one {pool.columns[few.level - 1]}" if few.level else ""
        times = f" ({self._clones} clones, each with rows of its own)" if pool.is_unique and self._clones > 1 else ""
        return InputError(
            f"{pool.path}: {few.needed:,} {column}{under} are needed{times}, there are {few.there:,}. "
            "Add rows, plan fewer clones, or leave routes out; rows are never used twice."
        )

    def _rewritten(self, batch: pa.RecordBatch) -> pa.Table:
        routes, wires = batch.column("route").to_pylist(), batch.column("wire").to_pylist()
        cells = batch.column("bindings").to_pylist()
        for at, (route, wire, cell) in enumerate(zip(routes, wires, cells, strict=True)):
            bindings = _bindings(cell)
            met = self._met(route, wire, bindings)
            if met:
                wires[at], cells[at] = self._request(wire, bindings, met)
        table = pa.Table.from_batches([batch])
        table = table.set_column(table.schema.get_field_index("wire"), "wire", pa.array(wires, pa.binary()))
        table = table.set_column(table.schema.get_field_index("bindings"), "bindings", pa.array(cells, pa.string()))
        return table.cast(SCHEMA)

    def _request(self, wire: bytes, bindings: Bindings, met: Sequence[_Met]) -> tuple[bytes, str | None]:
        patches, own = [], []
        for each in met:
            values = self._values(each)
            patch = Patch(each.span.offset, each.span.length, each.span.written(values[0]))
            patches.append(patch)
            if len(values) > 1:
                own.append((patch, each, [each.span.written(value).decode() for value in values[1:]]))
        made = patched(wire, patches)
        moved = Moved(wire, made, patches)
        fills = [msgspec.structs.replace(fill, at=moved(fill.at)) for fill in bindings.fill]
        fills += [
            Fill(moved(patch.at), len(patch.content), 0, POOL, self._name(each.bound), values=values)
            for patch, each, values in own
        ]
        cookies = bindings.cookies
        if cookies is not None:
            cookies = msgspec.structs.replace(cookies, at=moved(cookies.at))
        found = msgspec.structs.replace(bindings, fill=sorted(fills, key=lambda fill: fill.at), cookies=cookies)
        return made, None if found == _NO_BINDINGS else encode(found).decode()

    def _values(self, met: _Met) -> list[str]:
        pool, column = met.bound.pool, met.bound.column
        return self._written[pool][column][self._recorded[pool].numbers[column][met.span.text]]

    def _name(self, bound: Bound) -> str:
        pool = self._pools[bound.pool]
        return f"{pool.name}.{pool.columns[bound.column]}"

    def _forecast(self, route: str, one: RouteForecast) -> RouteForecast:
        columns = self._at_route.get(route, {})
        if not one.unmatched or not one.places.keys() <= columns.keys():
            return one
        return msgspec.structs.replace(one, unmatched=0, pooled=one.pooled + one.unmatched)


class Moved:
    """Where an offset of a request is once other bytes stand in it."""

    def __init__(self, wire: bytes, made: bytes, patches: Sequence[Patch]) -> None:
        self._body_at = wire.index(b"\r\n\r\n") + 4
        self._ends = [patch.at + patch.size for patch in patches]
        self._grown = [0]
        for patch in patches:
            self._grown.append(self._grown[-1] + len(patch.content) - patch.size)
        self._length = len(made) - len(wire) - self._grown[-1]
        """What Content-Length, the last line of the head, grew by."""

    def __call__(self, at: int) -> int:
        return at + self._grown[bisect_right(self._ends, at)] + (self._length if at >= self._body_at else 0)


def _supply(pool: Pool) -> Forest:
    rows = Forest(len(pool.columns))
    for number, row in enumerate(pool.rows, 1):
        parent = NONE
        for level, value in enumerate(row):
            if not value:
                break
            before = rows.conflicts
            parent = rows.add(level, value, parent)
            if rows.conflicts > before:
                raise InputError(
                    f"{pool.path}, row {number}: its {pool.columns[level]} stood under another "
                    f"{pool.columns[level - 1]} before. Give it a pool of its own."
                )
    return rows


def _bindings(cell: str | None) -> Bindings:
    return decode(cell) if cell else _NO_BINDINGS
