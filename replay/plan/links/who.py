"""Who a recorded session is: the people that logged in, by number, and what the session says of itself elsewhere.

Pseudonyms keep equality, so one that logs in again, in another session, is the same person, and an e-mail address in
a path is that of the login. A session that signed up logs in with what it signed up with: its fields are its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from replay.plan.links.places import general, last_name
from replay.plan.links.rules import Place
from replay.plan.links.sent import Leaf
from replay.plan.links.values import bits, key_of
from replay.plan.store import LoginUse
from replay.sanitize.vocabulary import is_password_name

TELLING_BITS = 20.0
"""A value of fewer is replaced in the login alone: ``anna`` in another place may be another word."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value that somebody said of themselves."""

    person: int
    column: str


@dataclass(slots=True)
class Who:
    """What one session said of itself so far."""

    said: dict[str, Said] = field(default_factory=dict)
    """By value."""
    chosen: set[str] = field(default_factory=set)
    """Passwords that it set itself: it signed up, or changed one."""
    latest: int = -1
    """The person that logged in last."""

    def elsewhere(self, value: str) -> Said | None:
        """Who and what ``value`` names where it stands in no login."""
        return self.said.get(key_of(value)) if self.said and is_telling(value) else None

    def choose(self, leaves: Iterable[Leaf]) -> None:
        """Remember the passwords of an accepted request that is no login."""
        for leaf in leaves:
            if is_password_name(last_name(leaf.place)) and (key := key_of(leaf.value)) not in self.said:
                self.chosen.add(key)


class People:
    """Numbers the people of a plan's captures and reads their logins; memory is that of their names."""

    def __init__(self, logins: Mapping[Place, str]) -> None:
        self._logins = logins
        self._numbers: dict[str, int] = {}
        self._requests: Counter[str] = Counter()
        self._columns: set[str] = set()

    def used(self) -> LoginUse:
        """What the plan says of them."""
        return LoginUse(len(self._numbers), dict(self._requests.most_common()), sorted(self._columns))

    def login(self, route: str, leaves: Iterable[Leaf], who: Who, own: Collection[str]) -> dict[str, Said]:
        """Place → what the account says there, of a login; empty where it is none, or the session's own.

        ``own`` are the keys of values that are made anew for each clone: who signed up with one is nobody of staging.
        """
        found: dict[str, Said] = {}
        if not self._logins:
            return found
        named = [
            (leaf, column)
            for leaf in leaves
            if leaf.is_writable and leaf.value and (column := self._logins.get((route, general(leaf.place))))
        ]
        pairs = [pair for leaf, columns in named for pair in split(columns, leaf.value)]
        users = [value for column, value in pairs if not is_password_name(column)]
        chosen = {key_of(value) for column, value in pairs if is_password_name(column)} & who.chosen
        if not named or any(key_of(value) in own for value in users):
            return found
        if chosen and not any(key_of(value) in who.said for value in users):
            return found
        person = self._person(users[0] if users else "", pairs[0][1], who)
        self._requests[route] += 1
        self._columns.update(column for column, _ in pairs)
        for column, value in pairs:
            if key_of(value) not in chosen:
                who.said[key_of(value)] = Said(person, column)
        for leaf, columns in named:
            if chosen.isdisjoint(key_of(value) for _, value in split(columns, leaf.value)):
                found[leaf.place] = Said(person, columns)
        return found

    def _person(self, user: str, secret: str, who: Who) -> int:
        if user or who.latest < 0:
            who.latest = self._numbers.setdefault(key_of(user or secret), len(self._numbers))
        return who.latest


def split(columns: str, value: str) -> list[tuple[str, str]]:
    """The columns that a field takes, each with its part of ``value``."""
    names = columns.split(":")
    return list(zip(names, value.split(":", len(names) - 1), strict=False))


def is_telling(value: str) -> bool:
    """Whether the same value in two places of a session is no coincidence."""
    return bits(value) >= TELLING_BITS
