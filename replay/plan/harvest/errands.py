"""From what staging lacks to what is asked of it: the columns of pools to be, and the requests that may show rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from replay.plan.harvest.sources import Source
from replay.plan.harvest.work import Errand, Trial, Work
from replay.plan.probe import Missing, Spot, suspects
from replay.plan.store import PlanManifest
from replay.sanitize.vocabulary import is_password_name

_ASKED_A_ROUTE = 10
_TRIED_A_ROUTE = 3
_ENOUGH = 2
"""Times as many values as the plan needs: orders must be spread over users as they were."""
_KIND = re.compile(r"/?\{[^{}]*\}")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")

type Columns = dict[str, list[Spot]]
"""The places of requests that each column of a pool fills."""
type Askable = Callable[[Mapping[str, int]], Mapping[str, list[int]]]
"""Requests of the plan that can be asked alone: so many of each route."""


def columns_of(found: Iterable[Missing], manifest: PlanManifest) -> Columns:
    """What pools can cure: a column for each missing domain, with its places in all requests of the plan.

    Passwords and what else logins say are accounts' (``--identities``), no rows of a pool.
    """
    columns: Columns = {}
    for one in found:
        if not one.domain or "pool" not in one.ways or is_password_name(one.domain):
            continue
        everywhere = (spot for route in manifest.routes for spot in suspects(route, manifest.forecast))
        spots = dict.fromkeys(
            spot
            for spot in (*one.spots, *(spot for spot in everywhere if spot.domain == one.domain))
            if spot.route not in manifest.logins.requests and not spot.place.endswith("/")
        )
        if spots:
            name = _NO_NAME.sub("_", _KIND.sub("", one.domain)).strip("_") or "id"
            columns[name if name not in columns else f"{name}_{len(columns) + 1}"] = list(spots)
    return columns


def answering(manifest: PlanManifest) -> list[str]:
    """The routes whose answers may be harvested."""
    return [route for route in manifest.routes if route.startswith("GET ")]


def together(columns: Columns) -> list[list[str]]:
    """The columns that the requests of one route name, in order."""
    at_route: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for column, spots in columns.items():
        for spot in spots:
            at_route[spot.route].setdefault(column, spot.place)
    return [
        sorted(places, key=lambda column: (not places[column].startswith("path/"), places[column]))
        for places in at_route.values()
        if len(places) > 1
    ]


def work_of(
    columns: Columns,
    sources: Sequence[Source],
    needed: Mapping[str, int],
    manifest: PlanManifest,
    askable: Askable,
) -> Work:
    """What is to be asked: routes that need no row themselves come first.

    Args:
        columns: what is missing.
        sources: the places of answers that show it.
        needed: how many values of each column the plan needs.
        manifest: the plan's.
        askable: picks the plan's requests.
    """
    needs: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for column, spots in columns.items():
        for spot in spots:
            needs[spot.route][spot.place] = column
    takes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    # What a route is asked for it shows as well: that is nothing new.
    used = [each for each in sources if each.column not in needs.get(each.route, {}).values()]
    for source in used:
        takes[source.route][source.place] = source.column
    trials = [route for route in answering(manifest) if route in needs]
    requests = askable(dict.fromkeys(trials, _TRIED_A_ROUTE) | dict.fromkeys(takes, _ASKED_A_ROUTE))
    return Work(
        errands=[
            Errand(route, requests[route], takes[route], needs.get(route, {}))
            for route in sorted(takes, key=lambda route: len(needs.get(route, {})))
            if requests.get(route)
        ],
        trials=[
            Trial(requests[route], needs[route])
            for route in sorted(trials, key=lambda route: len(needs[route]))
            if requests.get(route)
        ],
        wanted={column: _ENOUGH * count for column, count in needed.items()},
        doubtful=[f"{source.route} {source.column}" for source in used if not source.is_sure],
    )
