"""Sessions that are one: a token that one session was given and that another begins with.

The sanitiser tells sessions apart by a cookie, by credentials or by the connection. A bearer token that came in the
body of an answer, on another connection or after a refresh, begins a session there that is none.
"""

from __future__ import annotations

from collections import OrderedDict

from replay.exchange import Exchange
from replay.plan.links.answered import Answer, issued
from replay.plan.links.values import is_strong, key_of

REMEMBERED = 100_000
_TOKEN_PARTS = ("token", "jwt", "bearer", "session", "key", "ticket")


class Stitcher:
    """Names sessions while a capture streams by, in the order of its answers.

    Memory is bounded: the 100,000 tokens and the 100,000 sessions last seen.
    """

    def __init__(self) -> None:
        self._issued: OrderedDict[str, str] = OrderedDict()
        self._known: OrderedDict[str, str] = OrderedDict()

    def session(self, exchange: Exchange) -> str:
        """The session that the exchange belongs to."""
        found = self._known.get(exchange.session)
        if found is None:
            found = self._session_of_token(exchange) or exchange.session
        _remember(self._known, exchange.session, found)
        for token in _tokens(exchange):
            _remember(self._issued, token, found)
        return found

    def _session_of_token(self, exchange: Exchange) -> str | None:
        for name, value in exchange.request.headers:
            if name.lower() == "authorization":
                return self._issued.get(key_of(value.rpartition(" ")[2]))
        return None


def _tokens(exchange: Exchange) -> list[str]:
    """The tokens that the answer gave."""
    response = exchange.response
    if response is None or not isinstance(response.body, str) or len(response.body) > 1 << 16:
        return []
    body = response.body.lower()
    if not any(part in body for part in _TOKEN_PARTS):
        return []
    answer = Answer(response.headers, response.body)
    if not answer.is_json:
        return []
    found = []
    for place, value in issued(answer):
        name = place.rpartition("/")[2].lower()
        if "|" not in place and is_strong(value) and any(part in name for part in _TOKEN_PARTS):
            found.append(key_of(value))
    return found


def _remember(known: OrderedDict[str, str], key: str, value: str) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
