"""Domains: places that hold values of one sort, pooled by name and by the values that they share."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from replay.learn.observe import Observation, Spot
from replay.learn.tally import Sight, Tally
from replay.learn.templates import UNNAMED, singular
from replay.learn.values import Guard, guard_of, is_barred, sort_of
from replay.routes import word_set
from replay.sanitize.vocabulary import is_known_name, parts

MOST_DOMAINS = 500
_INSIDE_SHAPE = 0.9
_INSIDE_LIST = 0.5
_INSIDE_WORDS = 0.2
_ONE_SORT = 0.95
_COMMON = 0.5
_LEAST_COMMON = 5
_PART = 0.9
_LONG_DIGITS = 3
_BARE = word_set("id ids uuid code no number nr slug key ref")
_REFERENCES = word_set("id ids sku code no number nr ref slug")
_CONTAINERS = word_set(
    """
    items data results result list content entries records objects values rows hits edges node nodes payload response
    body page embedded included collection
    """
)


@dataclass(frozen=True, slots=True)
class Found:
    """One domain: active where it has a guard and places, else a candidate that stays commented out."""

    name: str
    sort: str
    guard: Guard | None
    spots: tuple[Spot, ...]
    """The places that the guard is proposed for."""
    pool: tuple[Spot, ...]
    """All places, those too where too few values are shared."""
    digits: int
    """Of the longest integer that was held."""
    count: int
    """Values that were seen, repeated ones too."""
    clients: int
    values: int
    """Distinct values that were held."""
    shared: int
    """Distinct values that at least *k* clients share."""


def domains(seen: Observation, is_name_listed: Callable[[str], bool]) -> list[Found]:
    """The domains of what was seen, those with a guard first.

    Args:
        seen: the observation.
        is_name_listed: whether a name beyond the words of interfaces may stand in the file.
    """
    pools: dict[tuple[str, str], dict[Spot, Tally]] = defaultdict(dict)
    for spot, tally in seen.places.items():
        sort, name = _sort(tally), canonical(spot, is_name_listed)
        if sort and name and not is_barred(name):
            pools[name, sort][spot] = tally
    found = [_judged(names[0], sort, pool, seen.k) for names, sort, pool in _joined(pools, seen.k)]
    found.sort(key=lambda domain: (domain.guard is None, -domain.count, domain.name))
    return _named_apart(found[:MOST_DOMAINS])


def canonical(spot: Spot, is_name_listed: Callable[[str], bool]) -> str:
    """The name that a place's values go by: ``product_id`` for ``/products/*/id`` too.

    '' where it has none that may stand in a file: names that few clients sent are data.
    """
    if spot.where == "path" and UNNAMED.fullmatch(spot.name):
        return ""
    named = [step for step in spot.pointer if step != "*"]
    name = named[-1] if named else "" if spot.pointer else spot.name
    words = list(parts(name))
    if not words or not (spot.where == "path" or is_known_name(name) or is_name_listed(name)):
        return ""
    words[-1] = "id" if words[-1] == "ids" else words[-1]
    if len(words) == 1 and words[0] in _BARE:
        parents = [parent for parent in named[:-1] if is_known_name(parent) or is_name_listed(parent)]
        words = [_noun(parents, spot.route), *words]
    if spot.pointer and spot.pointer[-1] == "*":
        words[-1] = singular(words[-1])
    return re.sub(r"[^a-z0-9_]", "", "_".join(filter(None, words)))[:40]


def _noun(parents: list[str], route: str) -> str:
    """What an ``id`` is the id of: the member that it stands in, else the resource of the route."""
    for parent in reversed(parents):
        if parent.lower() not in _CONTAINERS:
            return singular(parts(parent)[-1]) if parts(parent) else ""
    pieces = [piece for piece in route.partition(" ")[2].split("/") if piece and not piece.startswith("{")]
    return singular(parts(pieces[-1])[-1]) if pieces and parts(pieces[-1]) else ""


def _sort(tally: Tally) -> str:
    """The sort of nearly all values that were held; '' where they are mixed, or none was held."""
    sorts: Counter[str] = Counter()
    for value, sight in tally.values.sights.items():
        sorts[sort_of(value)] += sight.count
    if sorts["decimal"] and not sorts["word"]:
        return "decimal"
    if not sorts:
        return ""
    sort, count = sorts.most_common(1)[0]
    return sort if count >= _ONE_SORT * sorts.total() else "word"


type _Pool = tuple[list[str], str, dict[Spot, Tally]]


def _joined(pools: dict[tuple[str, str], dict[Spot, Tally]], k: int) -> list[_Pool]:
    """The pools, joined where names differ and the values are the same: ``product`` and ``sku_id``."""
    found: list[tuple[list[str], str, dict[Spot, Tally], set[str]]] = []
    listed = sorted(pools.items(), key=lambda pool: (-len(pool[1]), pool[0]))
    for (name, sort), pool in listed:
        values = {value for value, sight in pooled(pool.values(), k).items() if len(sight.clients) >= min(2, k)}
        for names, other, spots, theirs in found:
            if other == sort and _is_same(name, names[0], sort, values, theirs):
                names.append(name)
                spots.update(pool)
                theirs |= values
                break
        else:
            found.append(([name], sort, dict(pool), values))
    return [(names, sort, spots) for names, sort, spots, _ in found]


def _is_same(name: str, other: str, sort: str, values: set[str], theirs: set[str]) -> bool:
    both = values & theirs
    if len(both) < _LEAST_COMMON:
        return False
    is_alike = len(both) >= _COMMON * len(values | theirs)
    if sort == "word":
        return is_alike
    # Small integers are alike everywhere: only references are of one domain by values alone.
    if not (parts(name)[-1] in _REFERENCES and parts(other)[-1] in _REFERENCES):
        return False
    is_part = len(both) >= _PART * min(len(values), len(theirs)) and min(map(len, both)) >= _LONG_DIGITS
    return is_alike or is_part


def pooled(tallies: Iterable[Tally], k: int) -> dict[str, Sight]:
    """The sights of each value over several places."""
    found: dict[str, Sight] = {}
    for tally in tallies:
        for value, sight in tally.values.sights.items():
            found[value] = found[value].joined(sight, k) if value in found else sight
    return found


def _judged(name: str, sort: str, pool: dict[Spot, Tally], k: int) -> Found:
    sights = pooled(pool.values(), k)
    shared = {value for value, sight in sights.items() if len(sight.clients) >= k}
    words = set[str]().union(*(_shared_words(tally) for tally in pool.values()))
    guard = guard_of(sort, shared, words, name)
    spots = [spot for spot, tally in pool.items() if guard is not None and _is_inside(guard, shared, tally)]
    clients = set[int]().union(*(tally.clients for tally in pool.values()))
    return Found(
        name=name,
        sort=sort,
        guard=guard if spots else None,
        spots=_ordered(spots),
        pool=_ordered(pool),
        digits=max((len(value.lstrip("-")) for value in sights if sort == "int"), default=0),
        count=sum(tally.count for tally in pool.values()),
        clients=len(clients),
        values=len(sights),
        shared=len(shared),
    )


def _ordered(spots: Iterable[Spot]) -> tuple[Spot, ...]:
    return tuple(sorted(spots, key=lambda spot: (spot.where, spot.route, spot.name, spot.pointer)))


def _shared_words(tally: Tally) -> set[str]:
    single = {value for value in tally.values.shared() if " " not in value}
    return (tally.words.shared() | single) if tally.words.sights else set()


def _is_inside(guard: Guard, shared: set[str], tally: Tally) -> bool:
    """Whether enough of what was seen at a place is shared by many and inside the guard."""
    if guard.name == "words":
        inside = sum(s.count for value, s in tally.values.sights.items() if guard.accepts(value))
        return inside >= _INSIDE_WORDS * tally.count
    needed = _INSIDE_LIST if guard.name in {"enum", "bool"} else _INSIDE_SHAPE
    inside = sum(s.count for value, s in tally.values.sights.items() if value in shared and guard.accepts(value))
    return inside >= needed * tally.count


def _named_apart(found: list[Found]) -> list[Found]:
    """The domains under names that no two of them have."""
    used: Counter[str] = Counter()
    named = []
    for domain in found:
        used[domain.name] += 1
        name = domain.name if used[domain.name] == 1 else f"{domain.name}_{used[domain.name]}"
        named.append(Found(name, *(getattr(domain, field) for field in Found.__slots__ if field != "name")))
    return named
