"""Which requests need a value that only a live answer can give, or a write that is not sent.

A session cookie, a CSRF token or the id of an order just made exists on staging only after staging made it. Such
requests are found in the sanitised capture itself, because pseudonyms keep equality: a value that an earlier answer
of the same session issued and that a later request carries. They are left out and counted.

The rule is deliberately narrow, for a missed case shows as a *miss* in the preflight, and a false one costs coverage:
cookies by name and value; values of ≥ 16 characters with a letter and a digit in them; and, from the answers to
writes, every JSON leaf and the last part of Location.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

import msgspec

from replay.exchange import Body, Exchange
from replay.plan.filters import SAFE_METHODS

NEEDS_VALUE = "needs a value from an earlier answer"
NEEDS_WRITE = "needs an unsent write"

_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{16,}")
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_MAX_VALUES = 20_000
_MAX_SESSIONS = 100_000


@dataclass(slots=True)
class _Session:
    """What the answers of one session issued: value → whether the answer's own request is sent at replay."""

    issued: dict[str, bool] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    """Values that the client used before any answer issued them: its own, not issued."""


class Needs:
    """Follows a capture in the order of its answers and says what each request needs.

    Memory is bounded: the 100,000 sessions last seen, 20,000 values in each.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def reason(self, exchange: Exchange) -> str:
        """'' where the request can be sent as recorded, else why not."""
        session = self._sessions.get(exchange.session)
        if session is None or not session.issued:
            return ""
        needed = [session.issued[value] for value in _carried(exchange) if value in session.issued]
        if not needed:
            return ""
        return NEEDS_VALUE if all(needed) else NEEDS_WRITE

    def answered(self, exchange: Exchange, *, is_sent: bool) -> None:
        """Remember what this exchange carried and issued; ``is_sent`` says whether the plan sends its request."""
        session = self._session(exchange.session)
        for value in _carried(exchange):
            if value not in session.issued and len(session.chosen) < _MAX_VALUES:
                session.chosen.add(value)
        for value in _issued(exchange):
            if value not in session.chosen and len(session.issued) < _MAX_VALUES:
                session.issued.setdefault(value, is_sent)

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session()
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(name)
        return session


def _carried(exchange: Exchange) -> set[str]:
    """The values that the request carries, in the forms in which answers are remembered."""
    request = exchange.request
    values = set(_tokens(unquote_plus(request.path)))
    values.update(part for part in _WORD.findall(request.path.partition("?")[0]) if len(part) > 2)
    for name, value in request.headers:
        match name.lower():
            case "cookie":
                values.update(f"cookie {pair.strip()}" for pair in value.split(";"))
            case "authorization" | "x-csrf-token" | "x-xsrf-token" | "x-csrftoken":
                values.update(_tokens(value))
    if isinstance(request.body, str):
        values.update(_tokens(unquote_plus(request.body)))
        values.update(_leaves(request.body))
    return values


def _issued(exchange: Exchange) -> set[str]:
    """The values that the response issued."""
    if exchange.response is None:
        return set()
    response = exchange.response
    is_write = exchange.request.method not in SAFE_METHODS
    values: set[str] = set()
    for name, value in response.headers:
        match name.lower():
            case "set-cookie":
                values.add(f"cookie {value.partition(';')[0].strip()}")
            case "location":
                values.update(_tokens(value))
                if is_write:
                    # Words of a route are no ids: only what differs from the request's own path can be new.
                    own = set(_WORD.findall(exchange.request.path))
                    values.update(p for p in _WORD.findall(value) if len(p) > 2 and p not in own and _has_digit(p))
    if isinstance(response.body, str):
        values.update(_tokens(response.body))
        if is_write:
            values.update(value for value in _leaves(response.body) if _has_digit(value))
    return values


def _tokens(text: str) -> list[str]:
    return [token for token in _TOKEN.findall(text) if _has_digit(token) and any(c.isalpha() for c in token)]


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


def _leaves(body: Body) -> set[str]:
    """The string and integer leaves of a JSON body that are longer than two characters."""
    if not isinstance(body, str) or not body.lstrip().startswith(("{", "[")):
        return set()
    try:
        root = msgspec.json.decode(body.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return set()
    found: set[str] = set()
    stack: list[object] = [root]
    while stack and len(found) < _MAX_VALUES:
        match stack.pop():
            case dict() as mapping:
                stack.extend(mapping.values())
            case list() as items:
                stack.extend(items)
            case bool() | None:
                continue
            case str() | int() as leaf if len(str(leaf)) > 2:
                found.add(str(leaf))
    return found
