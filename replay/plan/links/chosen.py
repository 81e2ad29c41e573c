"""What was seen of the values that clients made up, place by place: the grounds on which they are made anew.

A value is the client's own where no answer of its session had issued it before. Headers and cookies are looked at for
all routes together, since a client's library sends them alike everywhere; other places for each route.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from replay.exchange import Exchange
from replay.plan.filters import SAFE_METHODS
from replay.plan.links.places import last_name
from replay.plan.links.rules import Place
from replay.plan.links.values import is_strong, is_uuid, key_of
from replay.plan.moments import moment_s
from replay.routes import word_set
from replay.sanitize.dates import REFERENCE

EVERY_ROUTE = ""
NOW_S = 300
"""So far from the moment of sending may a time be that means now: clocks of clients differ."""
_MAX_PLACES = 20_000
_MAX_FIRSTS = 20_000
_MAX_OWNERS = 2_000_000
_SAMPLED = 64
_SEVERAL = -1
_CREATED = 201
_UNIQUE_NAMES = word_set(
    """
    email emailaddress mail username login loginname user nickname handle screenname phone phonenumber mobile
    mobilenumber
    """
)


@dataclass(slots=True)
class Chosen:
    """The values at one place."""

    requests: int = 0
    own: int = 0
    """Requests whose value no answer had issued."""
    now: int = 0
    """Requests whose value was the time of sending."""
    firsts: int = 0
    """Values that their session first sent here."""
    uuids: int = 0
    """Of ``firsts``; so are the following."""
    strong: int = 0
    accepted: int = 0
    """The write that sent it was answered 2xx or 3xx."""
    created: int = 0
    """The write that sent it was answered 201."""
    sampled: set[int] = field(default_factory=set)
    """Hashes of up to 64 values."""
    routes: Counter[str] = field(default_factory=Counter)
    followers: Counter[Place] = field(default_factory=Counter)
    """Where else in their session the values stood that were first sent here."""


class Choices:
    """Follows the requests of a capture in order. Memory is bounded by the constants above.

    Args:
        zero_s: when the capture began, in seconds since 1970; in a sanitised one REFERENCE.
    """

    def __init__(self, zero_s: float = REFERENCE.timestamp()) -> None:
        self._zero_s = zero_s
        self._owners: dict[int, int] = {}
        """Hash of a value → the session that sent it, −1 for several."""
        self.places: defaultdict[Place, Chosen] = defaultdict(Chosen)

    def saw(
        self, exchange: Exchange, place: str, value: str, session: int, firsts: dict[str, Place], *, is_own: bool
    ) -> None:
        """A request of ``session`` carried ``value`` at ``place``. ``firsts`` remembers where the session first sent
        which value of its own."""
        at = (EVERY_ROUTE if place.startswith(("header/", "cookie/")) else exchange.route, place)
        if at not in self.places and len(self.places) >= _MAX_PLACES:
            return
        chosen = self.places[at]
        chosen.requests += 1
        chosen.own += is_own
        chosen.routes[exchange.route] += 1
        moment = moment_s(value) if 10 <= len(value) <= 40 else None
        chosen.now += moment is not None and abs(moment - self._zero_s - exchange.started / 1e9) <= NOW_S
        if not is_own:
            return
        key = key_of(value)
        first = firsts.get(key)
        is_write = exchange.request.method not in SAFE_METHODS
        # Whether a name is free is asked before it is taken.
        was_asked = is_write and first is not None and first[0].startswith("GET ") and is_unique_name(place)
        if first is not None and not was_asked:
            if first != at:
                self.places[first].followers[at] += 1
        elif len(firsts) < _MAX_FIRSTS and (is_strong(value) or last_name(place)):
            firsts[key] = at
            self._first(chosen, exchange, value, key, session)

    def alone(self, chosen: Chosen) -> float:
        """The share of the values that one session alone sent."""
        owners = [self._owners.get(each, _SEVERAL) for each in chosen.sampled]
        return sum(owner != _SEVERAL for owner in owners) / max(1, len(owners))

    def _first(self, chosen: Chosen, exchange: Exchange, value: str, key: str, session: int) -> None:
        chosen.firsts += 1
        chosen.uuids += is_uuid(value)
        chosen.strong += is_strong(value)
        if exchange.request.method not in SAFE_METHODS:
            chosen.accepted += 200 <= exchange.status < 400
            chosen.created += exchange.status == _CREATED
        mark = hash(key)
        if len(chosen.sampled) < _SAMPLED:
            chosen.sampled.add(mark)
        owner = self._owners.get(mark)
        if owner is None:
            if len(self._owners) < _MAX_OWNERS:
                self._owners[mark] = session
        elif owner != session:
            self._owners[mark] = _SEVERAL


def bare_name(place: str) -> str:
    """The name nearest to a place's value, in lower case, without what parts its words."""
    name = last_name(place)
    return name if name == "_" else "".join(c for c in name.lower() if c not in "-_.")


def is_unique_name(place: str) -> bool:
    """Whether a place is named as what no two accounts share: an address, a name to log in by, a number."""
    return bare_name(place) in _UNIQUE_NAMES
