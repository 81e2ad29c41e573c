"""Which session an exchange belongs to: a keyed pseudonym of the cookie, the credentials or the connection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from replay.errors import ReplayError
from replay.exchange import RawExchange, RawPair
from replay.sanitize.vocabulary import parts
from replay.sanitize.walkers.cookies import cookies_of, given_of

REMEMBERED = 50_000
"""Connections and cookies that are remembered; the oldest are forgotten first."""


class Sessions:
    """Assigns sessions while exchanges stream by.

    A first visit has no cookie yet: its exchanges belong to the connection, and the cookie that the answer sets, or
    that the connection sends later, joins that session. A cookie that is exchanged at login stays in its session.

    Args:
        by: ``auto``, ``cookie:NAME``, ``authorization`` or ``connection``.
        pseudonym: a short keyed text for a value.
    """

    def __init__(self, by: str, pseudonym: Callable[[str], str]) -> None:
        if by not in {"auto", "authorization", "connection"} and not (by.startswith("cookie:") and by[7:]):
            raise ReplayError(f"session-by '{by[:40]}': unknown. Use auto, cookie:NAME, authorization or connection.")
        self._by = by
        self._pseudonym = pseudonym
        self._by_mark: OrderedDict[str, str] = OrderedDict()
        self._by_connection: OrderedDict[str, str] = OrderedDict()
        self._anonymous: OrderedDict[str, str] = OrderedDict()
        self._of_connection = lru_cache(REMEMBERED)(lambda connection: pseudonym("connection " + connection))

    def of(self, raw: RawExchange) -> str:
        """The session of an exchange."""
        connection = raw.connection
        if self._by == "connection":
            return self._of_connection(connection)
        sent = self._mark(cookies_of(raw.request.headers), raw.request.headers)
        given = self._mark(given_of(raw.response.headers), []) if raw.response is not None else None
        if sent is not None:
            session = self._by_mark.get(sent) or self._adopted(connection) or sent
            _remember(self._by_mark, sent, session)
            _remember(self._by_connection, connection, session)
            self._anonymous.pop(connection, None)
        else:
            session = self._by_connection.get(connection) or self._of_connection(connection)
            if connection not in self._by_connection:
                _remember(self._by_connection, connection, session)
                _remember(self._anonymous, connection, session)
        if given is not None and given != sent:
            _remember(self._by_mark, given, self._by_mark.get(given, session))
            self._anonymous.pop(connection, None)
        return session

    def _adopted(self, connection: str) -> str | None:
        """The session of the connection's earlier exchanges, where none of them said whose it is."""
        return self._anonymous.get(connection)

    def _mark(self, cookies: list[tuple[str, str]], headers: list[RawPair]) -> str | None:
        """The pseudonym of what marks a session: no cookie is remembered as it was."""
        if self._by.startswith("cookie:"):
            wanted = self._by[7:]
            found = next((value for name, value in cookies if name == wanted), None)
            return None if found is None else self._pseudonym(f"cookie {wanted}={found}")
        if self._by == "auto":
            best = max(cookies, key=lambda cookie: session_likeness(cookie[0]), default=None)
            if best is not None and session_likeness(best[0]) > 0:
                return self._pseudonym(f"cookie {best[0]}={best[1]}")
        credentials = next((v.decode("latin-1") for n, v in headers if n.lower() == b"authorization"), None)
        return None if credentials is None else self._pseudonym("authorization " + credentials)


def session_likeness(name: str) -> int:
    """How much a cookie's name looks like a session's; 0: not at all."""
    lower = name.lower()
    if any(mark in lower for mark in ("csrf", "xsrf", "authenticity", "consent", "nonce")):
        return 0
    found = parts(name)
    if lower in {"session", "sessionid", "sid", "connect.sid", "jsessionid", "phpsessid", "asp.net_sessionid"}:
        return 5
    if "sess" in lower:
        return 4
    if "sid" in found or lower.endswith("sid"):
        return 3
    if "auth" in lower:
        return 2
    return 1 if "token" in found or "jwt" in found or "remember" in lower else 0


def _remember(known: OrderedDict[str, str], mark: str, session: str) -> None:
    known[mark] = session
    known.move_to_end(mark)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
