"""Finds the requests that log somebody in, by the names of their fields: values are pseudonyms, names are not.

A login is a form or a JSON body with one field that names a user and one that holds a password, or a client's id and
secret (RFC 6749 §2.3.1, §4.3, §4.4), or HTTP Basic (RFC 7617). What signs somebody up holds these too: it is known
by its route, by a second password or by what else it asks for, and is none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from replay.exchange import Exchange
from replay.plan.links.places import general, last_name, plain
from replay.plan.links.rules import Login
from replay.plan.links.sent import Leaf, sent
from replay.plan.wire import Rewrite, serialise
from replay.routes import word_set
from replay.sanitize.vocabulary import is_password_name, is_secret_name, parts

BASIC = "header/authorization|base64"
_AS_SENT = Rewrite()
_MAY_HOLD_PASSWORD = re.compile(r"(?i)pass|pwd|pw\b|secret")
_USER_NAMES = ("username", "email", "mail", "userid", "user", "login", "identifier", "account", "phone", "name")
"""What a field that names a user is called, the surest first."""
_SIGN_UP_WORDS = word_set("signup register registration registrations enroll enrol join reset forgot invite recover")
_PEOPLE = word_set("users accounts customers members profiles people registrations")
_PERSONAL = word_set(
    """
    firstname lastname fullname givenname familyname displayname surname forename birthday birthdate dob gender
    address street city zip zipcode postcode phone mobile
    """
)


@dataclass(slots=True)
class _Seen:
    """What the requests of one route showed."""

    fields: dict[str, str] = field(default_factory=dict)
    """Place → column."""
    logins: int = 0
    accepted: int = 0
    """Logins that were answered with 2xx or 3xx."""
    sessions: set[str] = field(default_factory=set)


class LoginFinder:
    """Follows a capture; memory holds the names of fields by route."""

    def __init__(self) -> None:
        self._routes: defaultdict[str, _Seen] = defaultdict(_Seen)
        self._requests: Counter[str] = Counter()

    def observe(self, exchange: Exchange, session: str) -> None:
        """Take the next exchange."""
        self._requests[exchange.route] += 1
        fields = login_fields(exchange)
        if not fields:
            return
        seen = self._routes[exchange.route]
        seen.fields.update(fields)
        seen.logins += 1
        seen.accepted += 200 <= exchange.status < 400
        if len(seen.sessions) < 10_000:
            seen.sessions.add(session)

    def logins(self) -> list[Login]:
        """The logins that somebody came through with; routes that take the same fields together."""
        together: defaultdict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
        for route, seen in self._routes.items():
            if seen.accepted:
                together[tuple(seen.fields.items())].append(route)
        return [Login(sorted(routes), dict(fields), self._evidence(routes)) for fields, routes in together.items()]

    def _evidence(self, routes: Iterable[str]) -> str:
        seen = [self._routes[route] for route in routes]
        logins, accepted = sum(each.logins for each in seen), sum(each.accepted for each in seen)
        sessions = len(set().union(*(each.sessions for each in seen)))
        requests = sum(self._requests[route] for route in routes)
        return (
            f"{logins:,} of {requests:,} requests in {sessions:,} sessions hold these fields, {accepted:,} accepted"
        )


def may_hold_password(exchange: Exchange) -> bool:
    """Whether the request's body has a word that passwords' fields are named by; most have none."""
    body = exchange.request.body
    return isinstance(body, str) and _MAY_HOLD_PASSWORD.search(body) is not None


def login_fields(exchange: Exchange) -> dict[str, str]:
    """Place → column of a request that logs somebody in; empty where it is none."""
    request = exchange.request
    is_basic = any(n.lower() == "authorization" and v[:6].lower() == "basic " for n, v in request.headers)
    may_be = may_hold_password(exchange)
    if not is_basic and not may_be:
        return {}
    leaves = [leaf for leaf in sent(serialise(request, _AS_SENT)) if leaf.is_writable]
    found = _of_user(exchange.route, leaves) | _of_client(leaves) if may_be else {}
    if is_basic and any(leaf.place == BASIC for leaf in leaves):
        is_token = any(last_name(leaf.place) == "grant_type" for leaf in leaves)
        found[BASIC] = "client_id:client_secret" if is_token else "username:password"
    return found


def _fields(leaves: Iterable[Leaf]) -> dict[str, str]:
    """Place → name, of the fields of forms and JSON."""
    return {
        (place := general(leaf.place)): plain(place.rpartition("/")[2])
        for leaf in leaves
        if "|" not in leaf.place and leaf.place.startswith(("form/", "json/"))
    }


def _of_user(route: str, leaves: Iterable[Leaf]) -> dict[str, str]:
    fields = {place: name for place, name in _fields(leaves).items() if parts(name)[:1] != ("client",)}
    passwords = [place for place, name in fields.items() if is_password_name(name)]
    users = sorted(
        (rank, place) for place, name in fields.items() if (rank := _rank_of_user(name)) < len(_USER_NAMES)
    )
    if len(passwords) != 1 or not users or _signs_up(route, fields.values(), users[0][0]):
        return {}
    return {place: _column(fields[place]) for place in (users[0][1], passwords[0])}


def _of_client(leaves: Iterable[Leaf]) -> dict[str, str]:
    fields = {tuple(parts(name)): (place, name) for place, name in _fields(leaves).items()}
    client, secret = fields.get(("client", "id")), fields.get(("client", "secret"))
    return dict([client, secret]) if client and secret else {}


def _column(name: str) -> str:
    """What the column of a field is called: ``user[email]``, as some frameworks write it, is ``email``."""
    return name.rstrip("]").rpartition("[")[2].replace(":", "_")


def _rank_of_user(name: str) -> int:
    """How surely a field of this name names a user; the least is the surest."""
    found = tuple(parts(name))
    joined = "".join(found)
    if is_secret_name(name):
        return len(_USER_NAMES)
    for rank, known in enumerate(_USER_NAMES):
        if joined == known or (known in found and known != "name"):
            return rank
    return len(_USER_NAMES)


def _signs_up(route: str, names: Iterable[str], rank: int) -> bool:
    """Whether the request makes an account; ``rank`` is that of its user's field."""
    segments = [part for part in route.partition(" ")[2].lower().split("/") if part and part[0] != "{"]
    words = {"".join(parts(segment)) for segment in segments} | {each for s in segments for each in parts(s)}
    if words & _SIGN_UP_WORDS or (segments and segments[-1] in _PEOPLE):
        return True
    others = {"".join(parts(name)) for name in names if _rank_of_user(name) != rank}
    return bool(others & _PERSONAL) or ("name" in others and rank < _USER_NAMES.index("name"))
