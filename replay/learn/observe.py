"""What is seen at each place: the sanitiser's own walkers, asked by a walk that watches instead of deciding.

So whatever a keep rule could reach is seen, by the name, pointer and route that the rule would go by, and nothing is
seen that a rule could not reach. Raw values are held in memory only, in counters of bounded size.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from replay.exchange import RawExchange
from replay.learn.tally import MOST_CLIENTS, Tally, Values
from replay.learn.values import is_barred
from replay.routes import Routes, word_set
from replay.sanitize.dates import Clock
from replay.sanitize.keys import Key
from replay.sanitize.leaves import Leaves
from replay.sanitize.policy import Domain, Place, Policy, load_policy
from replay.sanitize.pseudonyms import Pseudonyms
from replay.sanitize.scopes import Member, Scope, Scopes, member
from replay.sanitize.sessions import Sessions
from replay.sanitize.vocabulary import is_known_name
from replay.sanitize.walk import Name, Walk
from replay.sanitize.walkers import graphql, header_names
from replay.sanitize.walkers.bodies import Bodies
from replay.sanitize.walkers.cookies import Cookies
from replay.sanitize.walkers.headers import Headers
from replay.sanitize.walkers.json_text import JsonText
from replay.sanitize.walkers.urls import Urls

METHODS = word_set("GET HEAD POST PUT PATCH DELETE OPTIONS QUERY")
MOST_PLACES = 5_000
MOST_NAMES = 5_000
MOST_HELD = 200_000
"""Values of all places together; places that come later are counted without them."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,47}")
_NESTED = frozenset('{[":/?=&%@')
_TYPED_IN = frozenset({"query", "form"})
_CONNECTION = "c"
_WATCHED = Domain("", "", lambda _value: True)
_READ_HEADERS = frozenset(
    {
        *("accept", "accept-language", "user-agent", "server", "range", "cookie", "set-cookie", "host"),
        *("content-type", "content-disposition", "link", "refresh"),
        *(header_names.DROPPED | header_names.DATES | header_names.URLS | header_names.TAGS | header_names.MEDIA),
        *(header_names.AUTHORIZATION | header_names.NAME_LISTS | header_names.NUMBERS),
        *header_names.TOKENS,
    }
)
"""Headers that are read by what they mean; a keep rule has no business there."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place at one route, as a keep rule names it."""

    where: str
    route: str
    """``METHOD /template``; '' for a template's parameter."""
    name: str
    pointer: tuple[str, ...] = ()
    """Of JSON: steps, ``*`` for an index of an array or a name that is data."""


class Clients:
    """Whose exchange it is: session cookie, else credentials, else connection. The numbers say nothing of them."""

    def __init__(self, session_by: str, key: bytes) -> None:
        self._key = key
        self._sessions = Sessions(session_by, self._hashed)
        self.seen: set[int] = set()
        self.by_connection: set[int] = set()

    def of(self, raw: RawExchange) -> int:
        """The client's number."""
        mark = self._sessions.of(raw)
        number = int(mark[1:], 16)
        if len(self.seen) < MOST_CLIENTS:
            self.seen.add(number)
            if mark[0] == _CONNECTION:
                self.by_connection.add(number)
        return number

    def _hashed(self, mark: str) -> str:
        kind = _CONNECTION if mark.startswith("connection ") else "m"
        return kind + hashlib.blake2b(mark.encode("utf-8", "replace"), digest_size=7, key=self._key).hexdigest()


class Observation:
    """What was seen in the exchanges that were taken so far.

    Args:
        routes: the routes by which places are told apart.
        k: how many clients decide; more are not told apart in a value's counter.
        session_by: what makes a client, as for a capture.
    """

    def __init__(self, routes: Routes, k: int, session_by: str = "auto") -> None:
        key = secrets.token_bytes(32)
        self.k = k
        self.clients = Clients(session_by, key)
        self.exchanges = 0
        self.places: dict[Spot, Tally] = {}
        self.names = Values(k, MOST_NAMES)
        """Names that are no words of interfaces."""
        self.headers = Values(k, MOST_NAMES)
        self.hosts = Values(k)
        self.barred: set[str] = set()
        """Names whose values were not looked at; only how many there are is told."""
        self._held = 0
        self._client = 0
        self._routes = routes
        policy = replace(load_policy("builtin:strict"), routes=routes)
        self._walk = walk = _Watching(policy, _leaves(Key(key, "ephemeral")), self)
        self._urls = Urls(walk)
        documents = JsonText(walk)
        walk.leaves.url = self._urls.reference
        walk.leaves.document = documents.nested
        walk.leaves.query = lambda text: graphql.mapped(walk, text) if graphql.is_graphql(text) else None
        self._headers = Headers(walk, self._urls, Cookies(walk, self._urls))
        self._bodies = Bodies(walk, self._urls, documents)

    def take(self, raw: RawExchange) -> None:
        """Look at one exchange."""
        request = raw.request
        method = request.method.upper()
        if method not in METHODS:
            return
        self.exchanges += 1
        self._client = self.clients.of(raw)
        self.hosts.add(request.host.lower().rpartition("@")[2][:80], self._client)
        target = request.path.decode("utf-8", "replace")
        found = self._urls.match(method, target)
        self._walk.begin(f"{method} {found.path or '/'}")
        for segment in found.segments:
            if segment.parameter:
                self.note(Spot("path", "", segment.parameter), segment.parameter, segment.raw)
        self._urls.target(target, found)
        sent = self._bodies.clean(request.headers, request.body, request.body_bytes)
        self._headers.clean(request.headers, sent.content_type)
        if raw.response is not None:
            got = self._bodies.clean(raw.response.headers, raw.response.body, raw.response.body_bytes)
            self._headers.clean(raw.response.headers, got.content_type)

    def note(self, spot: Spot, name: str, value: str) -> None:
        """Count a value at a place, unless its name (or that of what it lies in) bars it."""
        if is_barred(name) or any(map(is_barred, spot.pointer)):
            if len(self.barred) < MOST_NAMES:
                self.barred.add(name)
            return
        tally = self.places.get(spot)
        if tally is None:
            if len(self.places) >= MOST_PLACES:
                return
            room = max(0, min(1_000, MOST_HELD - self._held))
            tally = self.places[spot] = Tally(Values(self.k, room), Values(self.k, room))
        held = len(tally.values.sights) + len(tally.words.sights)
        tally.add(value, self._client, with_words=spot.where in _TYPED_IN)
        self._held += len(tally.values.sights) + len(tally.words.sights) - held

    def note_name(self, name: str) -> None:
        """Count a name that is no word of interfaces."""
        if _NAME.fullmatch(name):
            self.names.add(name, self._client)

    def note_header(self, name: str) -> None:
        """Count the name of a header that the sanitiser does not know."""
        if _NAME.fullmatch(name):
            self.headers.add(name, self._client)


class _Watching(Walk):
    """A walk that notes each value it is asked about. What it gives back is thrown away."""

    def __init__(self, policy: Policy, leaves: Leaves, seen: Observation) -> None:
        super().__init__(policy, leaves, Counter())
        self.scopes = _Looking(self)
        self._seen = seen
        self._known: dict[str, Name] = {}

    def name(self, raw: str) -> Name:
        found = self._known.get(raw)
        if found is None:
            found = super().name(raw)
            self.names.clear()  # the walkers look there first, and would not ask again
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            self._known[raw] = found
        if not is_known_name(raw):
            self._seen.note_name(raw)
            self.leaves.note_ruled()  # as where a rule speaks: what was seen once is asked again
        return found

    def place(self, where: str, name: str) -> Place:
        if where == "header" and name not in _READ_HEADERS:
            if not is_known_name(name) and name not in header_names.OPAQUE:
                self._seen.note_header(name)
            self.leaves.note_ruled()
        return Place(where, self.route, name, (), "", _WATCHED)

    def may_keep(self, place: Place, name: str, value: str) -> bool:
        if place.where == "header" and place.name in _READ_HEADERS:
            return False
        steps = tuple(map(_step, place.pointer))
        last = steps[-1] if steps else place.name
        self._seen.note(Spot(place.where, place.route, last, steps), name, value)
        self.leaves.note_ruled()
        # What is short and plain has nothing inside to look at.
        return place.where != "header" and len(value) <= 40 and not _NESTED.intersection(value)


class _Looking(Scopes):
    """Asks the walk about every value of a document, by its pointer."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk, ())

    def root(self, route: str) -> Member:
        return self.looked_at(self.walk.name(""), route, ())

    def looked_at(self, name: Name, route: str, pointer: tuple[str, ...]) -> Member:
        """The member at a pointer; nothing is remembered of it."""
        walk = self.walk
        place = Place("json", route, pointer[-1] if pointer else "", pointer, "", _WATCHED)
        keeps = partial(walk.may_keep, place, name.raw)
        return member(walk, name, place, keeps, _LookingScope(self, route, pointer))


class _LookingScope(Scope):
    def __init__(self, scopes: _Looking, route: str, pointer: tuple[str, ...]) -> None:
        super().__init__(scopes, (), is_secret=False)
        self._at = partial(scopes.looked_at, route=route)
        self._walk = scopes.walk
        self._pointer = pointer

    def __missing__(self, name: str) -> Member:
        return self._at(self._walk.name(name), pointer=(*self._pointer, name))

    def element(self, array: Member, at: int) -> Member:
        return self._at(array.name, pointer=(*self._pointer, str(at)))


def _step(piece: str) -> str:
    return piece if _NAME.fullmatch(piece) and sum(c.isdigit() for c in piece) <= 3 else "*"


def _leaves(key: Key) -> Leaves:
    pseudonyms = Pseudonyms(key)
    return Leaves(pseudonyms, Clock(0, pseudonyms.number))


def observe(exchanges: Iterable[RawExchange], routes: Routes, k: int, session_by: str = "auto") -> Observation:
    """What is seen in the exchanges."""
    seen = Observation(routes, k, session_by)
    for raw in exchanges:
        seen.take(raw)
    return seen
