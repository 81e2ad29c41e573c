"""Applies rules to the exchanges that a plan takes: which spans to fill, which places of answers to remember."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from replay.exchange import Exchange
from replay.plan.bindings import FRESH, IDENTITY, SAME, Cookies, Fill, Take
from replay.plan.filters import SAFE_METHODS
from replay.plan.links.answered import Answer, issued
from replay.plan.links.logins import may_hold_password
from replay.plan.links.places import general, is_listed
from replay.plan.links.rules import Lookup, Place
from replay.plan.links.sent import Leaf, cookies_at, sent
from replay.plan.links.stitching import Stitcher
from replay.plan.links.values import is_candidate, key_of
from replay.plan.links.who import People, Said, Who
from replay.plan.spans import spans
from replay.plan.times import Shift
from replay.plan.wire import Rewrite, serialise
from replay.sanitize.vocabulary import is_password_name

NEEDS_VALUE = "needs a value from an earlier answer"
_MAX_SESSIONS = 100_000
_MAX_VALUES = 20_000
_NOT_TAKEN = -1
_LATEST_SETS = 8
_MOST_INSTEAD = 4
_AS_SENT = Rewrite()


@dataclass(slots=True)
class _Value:
    """A value that an answer of the session issued."""

    row: int
    """The taken request that it answered; −1: it is not in the plan."""
    place: str
    ended: int
    key: int = -1
    """Its number in the session, once a request carries it."""


class _Set(NamedTuple):
    """An answer that set a cookie."""

    row: int
    """The taken request that it answered."""
    ended: int
    is_write: bool
    is_login: bool


class _Sets:
    """The answers that set a cookie: the first, and the latest 8, of which each request finds those before it."""

    __slots__ = ("_first", "_latest")

    def __init__(self, first: _Set) -> None:
        self._first = first
        self._latest: list[_Set] = []

    def add(self, found: _Set) -> None:
        """An answer has set it again."""
        self._latest.append(found)
        del self._latest[:-_LATEST_SETS]

    def before(self, started: int) -> list[int] | None:
        """The requests whose answers set it last before ``started``, the latest first; None: it was the client's own.

        There are several where a write set it, for that may not be sent: then an earlier cookie will do, unless the
        write was a login. None of them may be in the plan.
        """
        found: list[int] = []
        was_set = False
        for each in (*reversed(self._latest), self._first):
            if each.ended > started:
                continue
            was_set = True
            if each.row != _NOT_TAKEN:
                found.append(each.row)
            if each.is_login or not (each.is_write or each.row == _NOT_TAKEN) or len(found) >= _MOST_INSTEAD:
                break
        return found if was_set else None


@dataclass(slots=True)
class _Session:
    values: dict[tuple[Place, str], _Value] = field(default_factory=dict)
    """By the rule's place and the value."""
    cookies: dict[str, _Sets] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)
    """Key of each value that the client made up and that is made anew."""
    keys: int = 0
    who: Who = field(default_factory=Who)

    def next_key(self) -> int:
        """A key that no value of the session has."""
        self.keys += 1
        return self.keys - 1

    def key_of_own(self, value: str, sort: str) -> int | None:
        """The key of a value that the client made up: the same wherever it stands. None: it was not made up here."""
        key = self.own.get(key_of(value))
        if key is None and sort != SAME:
            key = self.own[key_of(value)] = self.next_key()
        return key


@dataclass(frozen=True, slots=True)
class Bound:
    """A prepared request, and what lives in it. ``of`` and ``takes`` name taken requests."""

    wire: bytes
    fill: list[Fill] = field(default_factory=list)
    cookies: Cookies | None = None
    takes: list[tuple[int, Take]] = field(default_factory=list)
    """What answers to earlier requests must give, seen now that it is needed."""
    places: frozenset[str] = frozenset()
    """The places that are filled, as a forecast names them."""
    missing: bool = False
    """A value comes from an answer to a request that the plan does not hold."""


class Binder:
    """Follows a capture in the order of its answers; ``bind`` and then ``answered`` for every exchange.

    Memory is bounded: the 100,000 sessions last seen, 20,000 values in each.
    """

    def __init__(self, rules: Lookup, times: Shift, people: People) -> None:
        self._rules = rules
        self._people = people
        self._times = times
        self._stitcher = Stitcher()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._roots = {
            route: frozenset(place.partition("|")[0] for place in places) for route, places in rules.producers.items()
        }

    def session(self, exchange: Exchange) -> str:
        """The session that the exchange belongs to."""
        return self._stitcher.session(exchange)

    def bind(self, exchange: Exchange, session_name: str, wire: bytes) -> Bound:
        """What lives in the request, whose prepared bytes are ``wire``."""
        is_consumer = exchange.route in self._rules.consuming
        may_choose = bool(self._rules.logins) and may_hold_password(exchange)
        session = self._session(session_name) if is_consumer or may_choose else self._sessions.get(session_name)
        if session is None:
            return Bound(wire)
        cookies, missing = None, False
        if session.cookies:
            wire, cookies, missing = self._without_cookies(exchange, session, wire)
        leaves = list(sent(wire)) if is_consumer or may_choose or session.who.said else []
        # Who was refused is refused again, with what was recorded: a right password would not be answered alike.
        was_refused = 400 <= exchange.status < 500
        login = {} if was_refused else self._people.login(exchange.route, leaves, session.who, session.own)
        if may_choose and not login and not was_refused:
            session.who.choose(leaves)
        fill: list[Fill] = []
        takes: list[tuple[int, Take]] = []
        places: set[str] = set()
        filled = 0
        for leaf in leaves:
            if leaf.at < filled or not leaf.is_writable:
                continue
            each = self._own(session, exchange.route, leaf, login)
            found = self._value(session, exchange, leaf) if each is None and not leaf.is_trace else None
            if found is not None and found.row == _NOT_TAKEN:
                missing = True
            elif found is not None:
                if found.key < 0:
                    found.key = session.next_key()
                    takes.append((found.row, Take(found.key, found.place)))
                each = Fill(leaf.at, leaf.size, found.key, of=[found.row], layers=list(leaf.layers))
            if each is not None:
                fill.append(each)
                filled = leaf.at + leaf.size
                if each.source != IDENTITY:  # a run may have no accounts
                    places.add(leaf.span)
        return Bound(wire, fill, cookies, takes, frozenset(places), missing)

    def answered(self, exchange: Exchange, session_name: str, row: int) -> bool:
        """Remember what the answer issued; ``row`` is its taken request, −1 where the plan leaves it out.

        True where the answer set a cookie of the rules.
        """
        response = exchange.response
        if response is None:
            return False
        places = self._rules.producers.get(exchange.route)
        sets_cookies = self._rules.cookies and any(name.lower() == "set-cookie" for name, _ in response.headers)
        if not places and not sets_cookies:
            return False
        session = self._session(session_name)
        ended = exchange.started if exchange.ended is None else exchange.ended
        did_set = False
        if sets_cookies:
            for place, _ in Answer(response.headers, None).roots():
                kind, _, name = place.partition("/")
                routes = self._rules.cookies.get(name)
                if kind == "set-cookie" and routes is not None and (not routes or exchange.route in routes):
                    is_write = exchange.request.method not in SAFE_METHODS
                    found = _Set(row, ended, is_write, is_write and _is_login(exchange))
                    if name in session.cookies:
                        session.cookies[name].add(found)
                    else:
                        session.cookies[name] = _Sets(found)
                    did_set = True
        if places:
            answer = Answer(response.headers, response.body if isinstance(response.body, str) else None)
            for place, value in issued(answer, self._roots[exchange.route]):
                rule = general(place)
                if rule in places and is_candidate(value) and len(session.values) < _MAX_VALUES:
                    self._remember(session, (exchange.route, rule), value, _Value(row, place, ended))
        return did_set

    def _remember(self, session: _Session, producer: Place, value: str, found: _Value) -> None:
        moved = self._times.head(value)
        for each in {value, moved}:
            known = session.values.get((producer, key_of(each)))
            # A value that is issued again is the same value; taken from the plan's request where one is.
            if known is None or (known.row == _NOT_TAKEN and known.key < 0):
                session.values[producer, key_of(each)] = found

    def _own(self, session: _Session, route: str, leaf: Leaf, login: Mapping[str, Said]) -> Fill | None:
        """A value that no answer gave: made anew for each clone, or of the account that the clone was given."""
        sort = self._rules.fresh.get((route, general(leaf.place)))
        key = session.key_of_own(leaf.value, sort) if sort is not None and "|" not in leaf.place else None
        if sort is not None and key is not None:
            return Fill(leaf.at, leaf.size, key, FRESH, sort, layers=list(leaf.layers))
        said = login.get(leaf.place) or session.who.elsewhere(leaf.value)
        if said is None:
            return None
        return Fill(leaf.at, leaf.size, said.person, IDENTITY, said.column, layers=list(leaf.layers))

    def _value(self, session: _Session, exchange: Exchange, leaf: Leaf) -> _Value | None:
        producers = self._rules.consumers.get((exchange.route, general(leaf.place)))
        if not producers or not is_candidate(leaf.value):
            return None
        key = key_of(leaf.value)
        found = [
            (is_listed(producer[1]), value.ended, value)
            for producer in producers
            if (value := session.values.get((producer, key))) is not None and value.ended <= exchange.started
        ]
        taken = [each for each in found if each[2].row != _NOT_TAKEN] or found
        return min(taken, key=lambda each: each[:2])[2] if taken else None

    def _without_cookies(
        self, exchange: Exchange, session: _Session, wire: bytes
    ) -> tuple[bytes, Cookies | None, bool]:
        """The bytes without the cookies that answers had set, and where the jar's go."""
        pairs = cookies_at(wire)
        own: list[str] = []
        names: list[str] = []
        rows: dict[int, list[int]] = {}
        missing = False
        for name, value, _, _ in pairs:
            sets = session.cookies.get(name)
            setters = sets.before(exchange.started) if sets is not None else None
            if setters is None:
                own.append(f"{name}={value}")
            elif not setters:
                missing = True
            else:
                names.append(name)
                rows.setdefault(setters[0], setters[1:])
        if not names:
            return wire, None, missing
        start, end = pairs[0][2], pairs[-1][3]
        of, instead = sorted(rows), {row: before for row, before in rows.items() if before}
        if own:
            kept = "; ".join(own).encode("latin-1")
            return wire[:start] + kept + wire[end:], Cookies(start + len(kept), names, of, instead), missing
        line = wire.rindex(b"\r\n", 0, start) + 2
        line_end = wire.index(b"\r\n", end) + 2
        return wire[:line] + wire[line_end:], Cookies(line, names, of, instead, is_line=True), missing

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session()
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(name)
        return session


def _is_login(exchange: Exchange) -> bool:
    """Whether a request sends a password: its answer's cookie is another's than that of any answer before."""
    places = (span.place for span in spans(serialise(exchange.request, _AS_SENT)))
    return any(is_password_name(place.partition("/")[2]) for place in places if place.startswith(("form/", "json/")))
