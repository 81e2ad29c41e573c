"""From recordings to a proposal, in two passes: the first learns the routes, the second what is at their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_bytes

from replay.exchange import RawExchange
from replay.learn.observe import METHODS, Clients, observe
from replay.learn.proposal import Proposal, propose, routes_of, writable
from replay.learn.templates import Learned, PathTrie

K = 20
"""Clients that must share a value before it may be written down."""
_NO_ROUTE = frozenset({400, 404, 405, 410, 414})
"""Answers to paths that the service does not have; they say nothing of its routes."""

type Exchanges = Callable[[], Iterable[RawExchange]]
"""Opens the recordings anew for each pass."""


def learn(exchanges: Exchanges, k: int = K, session_by: str = "auto", source: str = "a recording") -> Proposal:
    """The policy that the exchanges suggest.

    Memory is bounded (see ``tally`` and ``templates``) whatever is read; no value leaves it that fewer than ``k``
    clients sent, that a veto speaks against, or that goes by a secret's or a person's name.
    """
    learned = writable(learn_templates(exchanges(), k, session_by), k)
    return propose(observe(exchanges(), routes_of(learned), k, session_by), learned, source)


class Paths:
    """The paths of the exchanges that were taken so far, from which the routes are learned."""

    def __init__(self, k: int, session_by: str = "auto") -> None:
        self._clients = Clients(session_by, token_bytes(32))
        self._trie = PathTrie(k)

    def take(self, raw: RawExchange) -> None:
        """Note the path of one exchange, where the service has it."""
        client = self._clients.of(raw)
        is_served = raw.response is None or raw.response.status not in _NO_ROUTE
        if raw.request.method.upper() in METHODS and is_served:
            self._trie.add(raw.request.method.upper(), raw.request.path.decode("utf-8", "replace"), client)

    def templates(self) -> list[Learned]:
        """The route templates."""
        return list(self._trie.templates())


def learn_templates(exchanges: Iterable[RawExchange], k: int, session_by: str = "auto") -> list[Learned]:
    """The route templates of the exchanges."""
    paths = Paths(k, session_by)
    for raw in exchanges:
        paths.take(raw)
    return paths.templates()
