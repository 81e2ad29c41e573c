"""Rules: which places of answers issue what which places of requests carry. Found in a capture, edited by people."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

RULES_FORMAT = "rules/1"
MIN_CONFIDENCE = 0.7


class Link(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_": "from", "read": "at", "written": "into"}
):
    """A value of an answer that later requests of the session carry."""

    from_: str
    """The route whose answer issues it."""
    read: str
    """Where it stands in that answer."""
    to: list[str]
    """The routes whose requests carry it."""
    written: str
    """Where it stands in those requests."""
    confidence: float = 1.0
    evidence: str = ""


class Cookie(msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_": "from"}):
    """A cookie that answers set and later requests send: it follows the server's own rules."""

    name: str
    from_: list[str] = []
    """The routes whose answers set it; none: any."""
    evidence: str = ""


class Fresh(msgspec.Struct, frozen=True, omit_defaults=True, rename={"written": "into"}):
    """A value that the client made up and that must be made anew at replay."""

    to: list[str]
    written: str
    sort: str
    """``uuid``, ``random``, ``time`` or ``unique``; ``same``: one that a rule makes anew elsewhere in the session."""
    confidence: float = 1.0
    evidence: str = ""


class Login(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests that say who somebody is: with ``replay run --identities`` they name the account given to them."""

    to: list[str]
    fields: dict[str, str]
    """Place → column of the accounts' file; ``a:b`` are two columns joined by a colon, as HTTP Basic has them."""
    evidence: str = ""


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that a plan lets live."""

    format: str = RULES_FORMAT
    link: list[Link] = []
    cookie: list[Cookie] = []
    fresh: list[Fresh] = []
    login: list[Login] = []
    doubtful: list[Fresh] = []
    """What may be made anew, less surely: a file holds it as comments, and nothing applies it."""


type Place = tuple[str, str]
"""A route and a place of it."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The rules by where they apply."""

    producers: dict[str, frozenset[str]] = field(default_factory=dict)
    """Route → places of its answers that issue something."""
    consumers: dict[Place, frozenset[Place]] = field(default_factory=dict)
    """Route and place of a request → routes and places of answers."""
    consuming: frozenset[str] = frozenset()
    cookies: dict[str, frozenset[str]] = field(default_factory=dict)
    """Cookie → routes that set it; none: any."""
    fresh: dict[Place, str] = field(default_factory=dict)
    logins: dict[Place, str] = field(default_factory=dict)
    """Route and place of a request → column of the accounts' file."""


def lookup(rules: Rules) -> Lookup:
    """The rules as the plan applies them."""
    producers: defaultdict[str, set[str]] = defaultdict(set)
    consumers: defaultdict[Place, set[Place]] = defaultdict(set)
    for link in rules.link:
        producers[link.from_].add(link.read)
        for route in link.to:
            consumers[route, link.written].add((link.from_, link.read))
    fresh = {(route, each.written): each.sort for each in rules.fresh for route in each.to}
    logins = {
        (route, place): column for each in rules.login for route in each.to for place, column in each.fields.items()
    }
    return Lookup(
        {route: frozenset(places) for route, places in producers.items()},
        {place: frozenset(found) for place, found in consumers.items()},
        frozenset(route for route, _ in [*consumers, *fresh, *logins]),
        {each.name: frozenset(each.from_) for each in rules.cookie},
        fresh,
        logins,
    )
