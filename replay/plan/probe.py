"""What a few probes of staging say of the plan's data: which sorts of values staging lacks, and which way cures each.

A *domain* here is one sort of value: a parameter of a template (``product_id``), or the name of a query parameter,
form field or member. It is missing where a route that holds it did not answer as recorded. A domain that another
route's probes all found is blamed only where the route holds no other.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from replay.exchange import Exchange
from replay.plan.filters import SAFE_METHODS
from replay.plan.spans import spans
from replay.plan.store import RouteForecast
from replay.plan.wire import Rewrite, serialise
from replay.runspec import Probed
from replay.statuses import status_class

type Way = Literal["keep", "pool", "pseudonymise", "link", "log in", "look"]
"""How to cure what is missing; ``look``: the answer is no sign of missing data."""

_KINDS = frozenset({"int", "uuid", "date", "decimal", "ip", "email", "jwt", "hex", "slug", "token", "text", "rest"})
_MISSING = frozenset({400, 404, 409, 410, 412, 422})
_SHARED_BY = 3
_MOST_VALUES = 20_000
_MOST_SESSIONS = 10_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOTHING = Rewrite()


@dataclass(frozen=True, slots=True)
class Spot:
    """A place at a route."""

    route: str
    place: str

    @property
    def domain(self) -> str:
        """The domain of its values: ``product_id``, or ``users/{int}`` where the template names but a kind."""
        where, _, name = self.place.partition("/")
        if where != "path":
            return name
        segments = self.route.partition(" ")[2].split("/")
        number = int(name)
        segment = segments[number] if number < len(segments) else ""
        if segment.strip("{}") not in _KINDS:
            return segment.strip("{}")
        return f"{segments[number - 1]}/{segment}"

    def __str__(self) -> str:
        return f"{self.route} {self.place}"


@dataclass(slots=True)
class Sighting:
    """What the capture knows of one domain. Values are held as hashes."""

    sessions: dict[int, set[int]] = field(default_factory=dict)
    """Sessions (the first few) by value."""
    requests: int = 0
    issued: int = 0
    """Requests whose value an earlier answer to a write of the same session held."""

    @property
    def is_shared(self) -> bool:
        """Whether sessions share its values, half of them or at least two: they are no person's own."""
        shared = sum(len(seen) >= _SHARED_BY for seen in self.sessions.values())
        return shared > 0 and 2 * shared >= min(len(self.sessions), 4)


class Evidence:
    """Follows a capture and notes what it knows of the values at some spots. Memory is bounded."""

    def __init__(self, spots: Iterable[Spot]) -> None:
        self._wanted: defaultdict[str, set[str]] = defaultdict(set)
        for spot in spots:
            self._wanted[spot.route].add(spot.place)
        self._issued: OrderedDict[str, set[int]] = OrderedDict()
        self.domains: defaultdict[str, Sighting] = defaultdict(Sighting)

    def add(self, exchange: Exchange) -> None:
        """Note one exchange; in order of the answers, as a capture holds them."""
        wanted = self._wanted.get(exchange.route)
        if wanted:
            issued = self._issued.get(exchange.session, set())
            for span in spans(serialise(exchange.request, _NOTHING)):
                if span.place in wanted:
                    value = hash(span.text)
                    seen = self.domains[Spot(exchange.route, span.place).domain]
                    seen.requests += 1
                    seen.issued += value in issued
                    sessions = seen.sessions.get(value)
                    if sessions is None and len(seen.sessions) < _MOST_VALUES:
                        sessions = seen.sessions[value] = set()
                    if sessions is not None and len(sessions) < _SHARED_BY:
                        sessions.add(hash(exchange.session))
        if exchange.request.method not in SAFE_METHODS and exchange.response is not None:
            texts = [value for name, value in exchange.response.headers if name.lower() == "location"]
            if isinstance(exchange.response.body, str):
                texts.append(exchange.response.body)
            known = self._issued.setdefault(exchange.session, set())
            self._issued.move_to_end(exchange.session)
            for text in texts:
                known.update(hash(token) for token in _TOKEN.findall(text)[: _MOST_VALUES - len(known)])
            if len(self._issued) > _MOST_SESSIONS:
                self._issued.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """A domain that staging lacks, or a route that says nothing of its data."""

    domain: str
    spots: tuple[Spot, ...]
    requests: int
    """Planned requests on its routes."""
    hits: int
    probes: int
    """0: it stands in writes alone, which no probe sends."""
    seen: str
    """What came, for what had been recorded."""
    ways: tuple[Way, ...] = ()
    """The best first."""


@dataclass(slots=True)
class _Tried:
    probes: int = 0
    hits: int = 0
    seen: Counter[tuple[int, str, int]] = field(default_factory=Counter)


def suspects(route: str, forecast: Mapping[str, RouteForecast]) -> list[Spot]:
    """The places of a route that decide what is looked up: its pseudonyms, else its parameters."""
    known = forecast.get(route)
    if known is not None and known.unmatched and known.places:
        return [Spot(route, place) for place in known.places if place != "body"]
    segments = route.partition(" ")[2].split("/")
    return [Spot(route, f"path/{n}") for n, segment in enumerate(segments) if segment.startswith("{")]


def missing(
    probed: Sequence[Probed], routes: Mapping[str, int], forecast: Mapping[str, RouteForecast]
) -> list[Missing]:
    """The domains that staging lacks, by what came back, the most requested first; without their cures.

    Args:
        probed: what came back.
        routes: planned requests by route.
        forecast: what of each route may be missing.
    """
    tried = _by_route(probed)
    well = {
        spot.domain for route, one in tried.items() if one.hits == one.probes for spot in suspects(route, forecast)
    }
    found: dict[str, Missing] = {}
    for route, one in tried.items():
        if one.hits == one.probes:
            continue
        status, error, expected = one.seen.most_common(1)[0][0]
        is_data = status in _MISSING
        here = suspects(route, forecast) if is_data else []
        blamed = [spot for spot in here if spot.domain not in well] or here
        ways: tuple[Way, ...] = () if blamed else ("log in",) if _wants_login(status) else ("look",)
        seen = f"{status or error} for {expected}"
        for name, spots in _grouped(blamed).items() if blamed else [("", [Spot(route, "")])]:
            before = found.get(name or route)
            made = Missing(name, tuple(spots), routes.get(route, 0), one.hits, one.probes, seen, ways)
            found[name or route] = made if before is None else _joined(before, made)
    for route, known in forecast.items():
        if route not in tried and known.unmatched and route in routes:
            for name, spots in _grouped(suspects(route, forecast)).items():
                made = Missing(name, tuple(spots), routes[route], 0, 0, "a write is not tried")
                found[name] = made if name not in found else _joined(found[name], made)
    return sorted(found.values(), key=lambda one: -one.requests)


def ways_of(seen: Sighting | None, *, is_kept: bool, has_key: bool) -> tuple[Way, ...]:
    """How to cure a missing domain, the best way first.

    Args:
        seen: what the capture knows of its values.
        is_kept: whether the policy keeps them, so that staging lacks production's very values.
        has_key: whether the capture's key is one that still exists.
    """
    if seen is not None and seen.requests and 2 * seen.issued >= seen.requests:
        return ("link",)
    map_: tuple[Way, ...] = ("pseudonymise",) if has_key else ()
    if is_kept:
        return ("pool",)
    if seen is not None and seen.is_shared:
        return ("keep", *map_, "pool")
    return (*map_, "pool")


def _by_route(probed: Iterable[Probed]) -> dict[str, _Tried]:
    found: dict[str, _Tried] = {}
    for one in probed:
        tried = found.setdefault(one.route, _Tried())
        tried.probes += 1
        if status_class(one.status) == status_class(one.expected):
            tried.hits += 1
        else:
            tried.seen[one.status, one.error, one.expected] += 1
    return found


def _wants_login(status: int) -> bool:
    return status in {401, 403} or 300 <= status < 400


def _grouped(spots: Iterable[Spot]) -> dict[str, list[Spot]]:
    found: dict[str, list[Spot]] = {}
    for spot in spots:
        found.setdefault(spot.domain, []).append(spot)
    return found


def _joined(one: Missing, other: Missing) -> Missing:
    return Missing(
        one.domain,
        one.spots + other.spots,
        one.requests + other.requests,
        one.hits + other.hits,
        one.probes + other.probes,
        one.seen if one.probes else other.seen,
        one.ways or other.ways,
    )
