"""``pools.toml``: tables of rows that exist on staging, and which places of requests their columns fill.

A pool is a CSV file. Its columns are named with the places that hold their values, parents first: an ``order_id``
stands under the ``user_id`` of its row, so that ``/users/{user_id}/orders/{order_id}`` gets that user's order::

    version = 1

    [pools.customers]
    file = "customers.csv"               # beside this file; a header names the columns
    unique = true                        # each clone of a session takes rows of its own

    [pools.customers.columns]
    user_id = ["path/{user_id}", "GET /carts/{int} path/2", "json/user_id"]
    order_id = ["path/{order_id}"]

A place is written as the forecast of ``replay plan`` prints it, behind ``METHOD /template`` (a glob) where it is
meant at some routes alone: ``path/2``, ``query/q``, ``form/sku``, ``json/sku``, ``header/x-tenant``, ``cookie/uid``.
``path/{user_id}`` is the parameter of that name in every template.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from replay.errors import InputError, ReplayError
from replay.plan.filters import names_route

POOLS_VERSION = 1
_PLACE = re.compile(
    r"(?:(?P<route>\S+ /\S*) )?(?P<place>(?:path/(?:[0-9]{1,3}|\{[^{}/]+\}))|(?:query|form|json|header|cookie)/.+)"
)
_STEPS = frozenset({".", ".."})
_PARAMETER = re.compile(r"path/\{([^{}/]+)\}")


class _Pool(msgspec.Struct, forbid_unknown_fields=True):
    file: str
    columns: dict[str, list[str]]
    unique: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    pools: dict[str, _Pool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's values stand: a place, at the routes that a glob names ('' for all)."""

    route: str
    place: str

    def at(self, route: str) -> set[str]:
        """The places at one route, as ``replay.plan.spans`` names them."""
        if self.route and not names_route((self.route,), route):
            return set()
        found = _PARAMETER.fullmatch(self.place)
        if found is None:
            return {self.place}
        wanted = "{" + found[1] + "}"
        segments = route.partition(" ")[2].split("/")
        return {f"path/{number}" for number, segment in enumerate(segments) if segment == wanted}


@dataclass(frozen=True, slots=True)
class Pool:
    """One table of staging's rows."""

    name: str
    path: Path
    is_unique: bool
    columns: tuple[str, ...]
    """Parents first."""
    places: tuple[tuple[Place, ...], ...]
    """Of each column."""
    rows: tuple[tuple[str, ...], ...]
    """The columns' values; '' where a row ends early (a user without an order)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A column of a pool, by number."""

    pool: int
    column: int


def load_pools(path: Path) -> list[Pool]:
    """The pools of a file, with their rows.

    Raises:
        ReplayError: the file cannot be read, or holds what it may not.
        InputError: a table is missing, or is none.
    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise ReplayError(f"{path}: {why}. docs/data.md shows a file of pools.") from None
    if found.version != POOLS_VERSION:
        raise ReplayError(f"{path}: version {found.version}, this version reads {POOLS_VERSION}.")
    return [_pool(path, name, pool) for name, pool in found.pools.items()]


def columns_at(pools: Iterable[Pool], route: str) -> Mapping[str, Bound]:
    """The places of one route that pools fill.

    Raises:
        ReplayError: two columns claim one place.
    """
    found: dict[str, Bound] = {}
    for number, pool in enumerate(pools):
        for column, places in enumerate(pool.places):
            for place in {each for one in places for each in one.at(route)}:
                bound = Bound(number, column)
                if found.setdefault(place, bound) != bound:
                    raise ReplayError(
                        f"pools: two columns claim '{place}' of '{route}', one of them {pool.name}."
                        f"{pool.columns[column]}. Name the routes apart."
                    )
    return found


def _pool(path: Path, name: str, pool: _Pool) -> Pool:
    if not pool.columns:
        raise ReplayError(f"{path}: pools.{name}.columns names none. Write user_id = ['path/{{user_id}}'].")
    places = []
    for column, texts in pool.columns.items():
        found = [_place(path, f"pools.{name}.columns.{column}", text) for text in texts]
        places.append(tuple(found))
    table = path.parent / pool.file
    columns = tuple(pool.columns)
    rows = tuple(_rows(table, columns))
    for number, here in enumerate(places):
        if any(place.place.startswith("path/") for place in here):
            _check_segments(table, columns[number], [row[number] for row in rows])
    return Pool(name, table, pool.unique, columns, tuple(places), rows)


def _check_segments(path: Path, column: str, values: Iterable[str]) -> None:
    """Raise InputError where a value in a path would make it another path, which ``--writes`` may not allow."""
    for number, value in enumerate(values, 1):
        if not _STEPS.isdisjoint(value.replace("\\", "/").split("/")):
            raise InputError(f"{path}, row {number}: its {column} would lead to another path. Take the row out.")


def _place(path: Path, key: str, text: str) -> Place:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ReplayError(
            f"{path}: {key}: '{text[:60]}' is no place. "
            "Write 'json/sku', 'path/{user_id}' or 'GET /users/{int} path/2'."
        )
    route, place = found["route"] or "", found["place"]
    if place.startswith("path/") and place[5:].isdigit() and not route:
        raise ReplayError(f"{path}: {key}: '{place}' needs its route, as 'GET /users/{{int}} {place}'.")
    if place.startswith("header/"):
        place = place.lower()
    return Place(route.removeprefix("* "), place)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise InputError(f"{path}: has no column {', '.join(missing)}. Its first row must name its columns.")
            for number, row in enumerate(reader, 1):
                values = tuple(row[name] or "" for name in columns)
                if not values[0] or any(after and not before for before, after in pairwise(values)):
                    raise InputError(f"{path}, row {number}: a value stands under none. Fill its parents in.")
                yield values
    except OSError as error:
        raise InputError(f"{path}: pool cannot be read ({error.strerror}). Name a CSV file.") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path}: is no CSV in UTF-8, or is damaged. Export it again.") from None
