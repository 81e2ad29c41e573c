"""Which exchanges of a capture a plan takes: by method, host, route and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from replay.exchange import Exchange

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing on the target (RFC 9110 §9.2.1); TRACE is never replayed."""

NEVER_REPLAYED = frozenset({"CONNECT", "TRACE"})

type Filter = Callable[[Exchange], str]
"""Returns '' where the exchange is taken, else the reason why it is left out."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What ``replay plan`` was asked to take; an empty tuple means everything."""

    methods: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Globs over the captured host."""
    routes: tuple[str, ...] = ()
    """Globs over ``METHOD /path``, or over the path alone."""
    without_routes: tuple[str, ...] = ()
    from_ns: int = 0
    until_ns: int | None = None

    def __call__(self, exchange: Exchange) -> str:
        """'' where the exchange is taken, else the reason."""
        request = exchange.request
        if request.method in NEVER_REPLAYED:
            return "method that is never replayed"
        if not request.path.startswith("/") and request.path != "*":
            return "no path in origin form"
        if exchange.started < self.from_ns or (self.until_ns is not None and exchange.started >= self.until_ns):
            return "outside the chosen time"
        if self.methods and request.method not in self.methods:
            return "method not chosen"
        if self.hosts and not any(fnmatchcase(request.host, host) for host in self.hosts):
            return "host not chosen"
        if self.routes and not names_route(self.routes, exchange.route):
            return "route not chosen"
        if names_route(self.without_routes, exchange.route):
            return "route excluded"
        return ""


def names_route(patterns: tuple[str, ...], route: str) -> bool:
    """True where a pattern names the route: a glob over ``METHOD /path``, or over the path where it has no method."""
    path = route.partition(" ")[2]
    return any(fnmatchcase(path if pattern.startswith("/") else route, _literal(pattern)) for pattern in patterns)


def _literal(pattern: str) -> str:
    """The pattern with ``[`` taken literally: routes hold braces, and only ``*`` and ``?`` are wild."""
    return pattern.replace("[", "[[]")
