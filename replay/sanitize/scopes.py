"""The rules of a policy for JSON, compiled: what is done at a place is found out once, and not for every value there.

A *scope* is how far the pointers of the rules have been met on the way down a document, so there are as many scopes
as the policy tells places apart, however many documents there are. A *member* is what is done with whatever stands
under one name in a scope. Where no rule can speak any more there is one scope for all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from replay.sanitize.policy import Place
from replay.sanitize.vocabulary import LONGEST_NAME

if TYPE_CHECKING:
    from replay.sanitize.walk import Name, Walk

_MOST_MEMBERS = 10_000

type Keeps = Callable[[str], bool]
type Rules = tuple[tuple[Place, tuple[str, ...]], ...]
"""Each rule that may still speak, with the part of its pointer that is to come."""


class Member(msgspec.Struct, frozen=True, eq=False):
    """What is done at one place."""

    name: Name
    """The name that says what the value is; that of the array for its elements."""
    rule: Place | None
    """The rule that speaks here, a drop before any keep."""
    keeps: Keeps | None
    """Whether a value may pass, where a keep rule speaks and no secret's name forbids it."""
    below: Scope
    is_dropped: bool
    clean: str
    """The name as it is written."""
    text: Callable[[str], str]
    """From a string to what is written."""
    is_plain_number: bool
    """An integer here is mapped as any other."""


class Scope(dict[str, Member]):
    """The members of an object, by name; they are compiled as they are met."""

    __slots__ = ("_elements", "_is_secret", "_rules", "_scopes", "_told_apart")

    def __init__(self, scopes: Scopes, rules: Rules, *, is_secret: bool) -> None:
        super().__init__()
        self._scopes = scopes
        self._rules = rules
        self._is_secret = is_secret
        self._told_apart = {rest[0] for _, rest in rules if rest}
        self._elements: dict[tuple[str, str], Member] = {}

    def __missing__(self, name: str) -> Member:
        found = self._compiled(self._scopes.walk.name(name), name)
        if len(name) <= LONGEST_NAME:
            self._scopes.count_member()
            self[name] = found
        return found

    def element(self, array: Member, at: int) -> Member:
        """The member for an element of the array, in whose place this scope is."""
        if not self._rules:
            return array
        step = str(at) if str(at) in self._told_apart else "*"
        key = array.name.raw, step
        found = self._elements.get(key)
        if found is None:
            found = self._compiled(array.name, step)
            if len(array.name.raw) <= LONGEST_NAME:
                self._scopes.count_member()
                self._elements[key] = found
        return found

    def _compiled(self, name: Name, step: str) -> Member:
        if not self._rules:
            return member(self._scopes.walk, name, None, None, self)
        rules = _stepped(self._rules, step)
        is_secret = self._is_secret or name.is_secret
        rule = _speaking(rules, step)
        keeps = None
        if rule is not None and rule.domain is not None and not is_secret:
            keeps = partial(self._scopes.walk.keeps, rule.domain)
        return member(self._scopes.walk, name, rule, keeps, self._scopes.scope(rules, is_secret=is_secret))


class Scopes:
    """The scopes of one walk, and the way into them."""

    def __init__(self, walk: Walk, places: tuple[Place, ...]) -> None:
        self.walk = walk
        self._rules: Rules = tuple((place, place.pointer) for place in places if place.where == "json")
        self.is_by_route = any(place.route for place, _ in self._rules)
        """Whether some rule speaks at one route alone, so that a document's image depends on the route."""
        self._roots: dict[str, Member] = {}
        self._scopes: dict[tuple[Rules, bool], Scope] = {}
        self._members = 0

    def root(self, route: str) -> Member:
        """What is done with a whole document at a route."""
        route = route if self.is_by_route else ""
        found = self._roots.get(route)
        if found is None:
            rules = tuple((place, rest) for place, rest in self._rules if place.route in {"", route})
            found = member(self.walk, self.walk.name(""), None, None, self.scope(rules, is_secret=False))
            self.count_member()
            self._roots[route] = found
        return found

    def at(self, route: str, pointer: tuple[str, ...]) -> Member:
        """What is done with what a pointer leads to at a route; a number in it is an element of an array."""
        found = self.root(route)
        for step in pointer:
            found = found.below.element(found, int(step)) if step.isdigit() else found.below[step]
        return found

    def scope(self, rules: Rules, *, is_secret: bool) -> Scope:
        """The scope of rules that were met so far, below a secret's name or not."""
        key = rules, is_secret and bool(rules)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = Scope(self, rules, is_secret=is_secret)
        return found

    def count_member(self) -> None:
        """Note another member; where there are too many, all are forgotten and compiled anew as they are met."""
        self._members += 1
        if self._members > _MOST_MEMBERS:
            self._members = 0
            self._scopes = {}
            self._roots = {}


def member(walk: Walk, name: Name, rule: Place | None, keeps: Keeps | None, below: Scope) -> Member:
    """A member whose values pass where ``keeps`` says so, and else become what their name asks for."""
    text = walk.text_map(name)
    return Member(
        name=name,
        rule=rule,
        keeps=keeps,
        below=below,
        is_dropped=rule is not None and rule.domain is None,
        clean=name.clean,
        text=text if keeps is None else lambda value: value if keeps(value) else text(value),
        is_plain_number=keeps is None and not name.is_time and not name.is_random,
    )


def _stepped(rules: Rules, step: str) -> Rules:
    """The rules after one more step; ``**`` is any number of steps, ``*`` is one."""
    found: dict[tuple[Place, tuple[str, ...]], None] = {}
    for place, rest in rules:
        while rest and rest[0] == "**":
            found[place, rest] = None
            rest = rest[1:]
        if rest and rest[0] in {"*", step}:
            found[place, rest[1:]] = None
    return tuple(found)


def _speaking(rules: Rules, step: str) -> Place | None:
    """The rule whose pointer ends here: a drop before any keep, then one that names the step before any other."""
    here = [place for place, rest in rules if all(each == "**" for each in rest)]
    return min(here, key=lambda place: (place.domain is not None, place.name != step), default=None)
