"""From harvested rows to a folder of pools: which columns stand in one table, parents first, and its files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

from replay.plan.pools import POOLS_VERSION
from replay.plan.probe import Spot
from replay.private_files import write_whole

POOLS_NAME = "pools.toml"
_BARE = re.compile(r"[A-Za-z0-9_-]+")

type HarvestedRow = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """One pool."""

    columns: tuple[str, ...]
    """Parents first."""
    rows: tuple[tuple[str, ...], ...]
    """'' where a row ends early."""

    @property
    def name(self) -> str:
        """Its name: the first column's."""
        return self.columns[0]

    def values(self, column: str) -> int:
        """Different values of a column."""
        at = self.columns.index(column)
        return len({row[at] for row in self.rows} - {""})


def tables(rows: Sequence[HarvestedRow], together: Iterable[Sequence[str]], columns: Sequence[str]) -> list[Table]:
    """The tables that ``rows`` make.

    Two columns are in one table where requests name both, or one object of an answer does, and each value of the
    second has but one of the first: an order its user, an SKU its product.

    Args:
        rows: column to value.
        together: columns that one request names, in order.
        columns: all of them, the most requested first.
    """
    below: dict[str, str] = {}
    parents: dict[str, str] = {}
    by_request = [pair for each in together for pair in pairwise(each)]
    by_object = [(one, other) for at, one in enumerate(columns) for other in columns[at + 1 :]]
    for parent, child in (*by_request, *by_object):
        is_free = parent not in below and child not in parents and _top(parent, parents) != child
        if is_free and _belongs(rows, parent, child):
            below[parent], parents[child] = child, parent
    found = []
    for column in columns:
        if column not in parents:
            chain = [column]
            while chain[-1] in below:
                chain.append(below[chain[-1]])
            if made := _rows(rows, chain):
                found.append(Table(tuple(chain), made))
    return found


def write_pools(
    folder: Path, found: Sequence[Table], spots: Mapping[str, Sequence[Spot]], notes: Mapping[str, object]
) -> None:
    """Write a CSV for each table and ``pools.toml`` into the existing ``folder``, mode 0600.

    Args:
        folder: where.
        found: the tables.
        spots: of each column, the places of requests that it fills.
        notes: of each column, where its values are from.
    """
    lines = [f"version = {POOLS_VERSION}"]
    for table in found:
        name = _key(table.name)
        lines += ["", f"[pools.{name}]", f"file = {json.dumps(f'{table.name}.csv')}", "", f"[pools.{name}.columns]"]
        for column in table.columns:
            places = ", ".join(json.dumps(str(spot), ensure_ascii=False) for spot in spots[column])
            note = " ".join(str(notes[column]).split())
            lines += [f"# {note}", f"{_key(column)} = [{places}]"]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([table.columns, *table.rows])
        write_whole(folder / f"{table.name}.csv", text.getvalue().encode())
    write_whole(folder / POOLS_NAME, ("\n".join(lines) + "\n").encode())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _top(column: str, parents: Mapping[str, str]) -> str:
    while column in parents:
        column = parents[column]
    return column


def _belongs(rows: Iterable[HarvestedRow], parent: str, child: str) -> bool:
    owner: dict[str, str] = {}
    for row in rows:
        if parent in row and child in row and owner.setdefault(row[child], row[parent]) != row[parent]:
            return False
    return bool(owner)


def _rows(rows: Iterable[HarvestedRow], chain: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The rows of a chain of columns, without those that begin others."""
    found: dict[tuple[str, ...], None] = {}
    for row in rows:
        begin = tuple(row[column] for column in takewhile(row.__contains__, chain))
        if begin:
            found[begin] = None
    begun: defaultdict[int, set[tuple[str, ...]]] = defaultdict(set)
    for values in found:
        for size in range(1, len(values)):
            begun[size].add(values[:size])
    return tuple(
        (*values, *[""] * (len(chain) - len(values))) for values in found if values not in begun[len(values)]
    )
