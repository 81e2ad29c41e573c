"""Which places of which recorded answers show the values that requests carry: the list that names a shop's products.

A capture is read twice: for the values that requests carried at the spots of each column, and for the answers that
held them, of the same session or of any. How many of a column's values a place showed, and whether its names speak
of the same thing, tell a source from a coincidence of small numbers; what is left of doubt, one try of a harvested
row at staging takes away (``loadtests.engine.harvest``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from replay.exchange import Exchange
from replay.plan.links.answered import Answer, issued
from replay.plan.links.places import general, last_name, plain
from replay.plan.links.values import bits, is_candidate, is_strong
from replay.plan.probe import Spot
from replay.plan.spans import spans
from replay.plan.wire import Rewrite, serialise
from replay.routes import word_set

MAX_EXCHANGES = 100_000
"""Read for sources; what they show holds for the rest."""
_MOST_VALUES = 20_000
_MOST_PLACES = 5_000
_MOST_SOURCES = 4
"""Of one column."""
_LEAST_HITS = 3
_TELLING_BITS = 24.0
_LEAST_SHARE = 0.02
_LEAST_SHARE_OF_KIN = 0.1
_LEAST_SHARE_OF_OTHERS = 0.5
_AS_SENT = Rewrite()
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SEGMENT = re.compile(r"html/link\[([^\]?]*)[^\]]*\]\|url/path/(\d+)")
_SAY_NOTHING = word_set(
    """
    id ids uuid guid key ref reference number no code slug value name href url uri link links self data item items
    result results list rows row content record records entry entries page pages all body node nodes edges api
    """
)


@dataclass(frozen=True, slots=True)
class Source:
    """A place of a route's answers that shows values of a column."""

    route: str
    place: str
    """As a rule writes it: ``json/items/*/id``."""
    column: str
    share: float
    """Of the column's recorded values, how many it showed."""
    is_sure: bool
    """Its names say so, or the values are too long to agree by chance."""


@dataclass(slots=True)
class _Seen:
    """A place of answers."""

    values: int = 0
    hits: int = 0
    telling: int = 0
    columns: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The values of each column that it showed, as hashes."""


class SourceFinder:
    """Follows a capture twice. Memory is bounded by the constants above; values are held as hashes.

    Args:
        columns: the spots of requests, and the column of a pool that fills each.
        routes: those whose answers may be harvested.
    """

    def __init__(self, columns: Mapping[Spot, str], routes: Collection[str]) -> None:
        self._routes = frozenset(routes)
        self._spots: defaultdict[str, list[Spot]] = defaultdict(list)
        self._at_route: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for spot, column in columns.items():
            self._spots[column].append(spot)
            self._at_route[spot.route][spot.place] = column
        self.asked: dict[str, set[int]] = {column: set() for column in self._spots}
        """The values that requests carried, as hashes, by column."""
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._owners: defaultdict[int, list[str]] = defaultdict(list)

    def ask(self, exchange: Exchange) -> None:
        """Note what a request carried: the first time that the capture is read."""
        columns = self._at_route.get(exchange.route)
        if not columns:
            return
        for span in spans(serialise(exchange.request, _AS_SENT)):
            column = columns.get(span.place)
            if column is not None and is_candidate(span.text) and len(self.asked[column]) < _MOST_VALUES:
                self.asked[column].add(hash(span.text))

    def answer(self, exchange: Exchange) -> None:
        """Note what an answer showed: the second time."""
        response = exchange.response
        if exchange.route not in self._routes or response is None or exchange.status // 100 != 2:
            return
        if not isinstance(response.body, str):
            return
        if not self._owners:
            for column, values in self.asked.items():
                for mark in values:
                    self._owners[mark].append(column)
        for place, value in issued(Answer(response.headers, response.body)):
            if place.startswith(("json", "html/", "xml/")):
                self._note((exchange.route, general(place)), value)

    def _note(self, key: tuple[str, str], value: str) -> None:
        owners = self._owners.get(hash(value), ())
        seen = self._seen.get(key)
        if seen is None:
            if not owners or len(self._seen) >= _MOST_PLACES:
                return
            seen = self._seen[key] = _Seen()
        seen.values += 1
        if owners:
            seen.hits += 1
            seen.telling += _tells(value)
            for column in owners:
                seen.columns[column].add(hash(value))

    def sources(self) -> list[Source]:
        """What was found, the best first; at most four of a column."""
        found = [source for key, seen in self._seen.items() if (source := self._judged(*key, seen)) is not None]
        counts: defaultdict[str, int] = defaultdict(int)
        kept = []
        for source in sorted(found, key=lambda one: (not one.is_sure, -one.share, one.route, one.place)):
            counts[source.column] += 1
            if counts[source.column] <= _MOST_SOURCES:
                kept.append(source)
        return kept

    def _judged(self, route: str, place: str, seen: _Seen) -> Source | None:
        words = _words_of(route, place)
        is_telling = seen.telling >= 0.9 * seen.hits
        best: Source | None = None
        for column, hits in seen.columns.items():
            asked = len(self.asked[column])
            share = len(hits) / asked
            is_kin = self._is_kin(column, place, words)
            least = _LEAST_SHARE if is_telling else _LEAST_SHARE_OF_KIN if is_kin else _LEAST_SHARE_OF_OTHERS
            is_likely = is_telling or is_kin or 2 * seen.hits >= seen.values
            if len(hits) < min(_LEAST_HITS, asked) or share < least or not is_likely:
                continue
            source = Source(route, place, column, share, is_telling or is_kin)
            if best is None or (source.is_sure, source.share) > (best.is_sure, best.share):
                best = source
        return best

    def _is_kin(self, column: str, place: str, words: set[str]) -> bool:
        for spot in self._spots[column]:
            before = spot.route.partition(" ")[2].split("/")
            said = _words(spot.domain)
            if spot.place.startswith("path/"):
                said |= _words(before[int(spot.place[5:]) - 1])
            if said & words or (not said and last_name(place) == spot.domain):
                return True
        return False


def _tells(value: str) -> bool:
    """Whether two places that hold it are of one sort: it is no number that some other table counts up to as well."""
    return is_strong(value) or (bits(value) >= _TELLING_BITS and not value.isdigit())


def _words_of(route: str, place: str) -> set[str]:
    """What the names of a place speak of: the nearest that says something, of the place or of its route."""
    link = _SEGMENT.fullmatch(place)
    if link is not None:
        segments = link[1].split("/")
        number = int(link[2]) - 1
        return _words(segments[number]) if 0 <= number < len(segments) else set()
    if "|url/path/" in place:
        return set()
    names = [name for piece in place.split("|") for name in piece.split("/")[1:]]
    literal = [segment for segment in route.partition(" ")[2].split("/") if segment and not segment.startswith("{")]
    for name in (*reversed(names), *reversed(literal)):
        if words := _words(plain(name)):
            return words
    return set()


def _words(name: str) -> set[str]:
    """The words of a name that say something, in the singular."""
    parts = {part.lower() for part in _PARTS.findall(name)}
    return {part.removesuffix("s") for part in parts - _SAY_NOTHING}
