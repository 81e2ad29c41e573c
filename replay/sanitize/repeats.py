"""What was cleaned lately, for recordings whose requests repeat: most lines of a log ask for what others asked for.

A reader that gives the very same ``RawRequest`` for equal requests is told by it. What hangs on the request and on
the response's headers is then cleaned once, and has passed the gate once; status, length, times and connection are
those of each exchange.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from replay.exchange import Body, Pair, RawExchange, RawPair, RawRequest, Request
from replay.sanitize.recent import Recent

_MOST_BYTES = 64 << 20
_ENTRY_BYTES = 3 << 10
"""What an entry takes beside its texts."""
_NO_HEADERS: list[RawPair] = []
_NO_RESPONSE, _EMPTY, _LENGTH_ALONE = range(3)
_LONGEST_BYTES = 8 << 10
"""The texts of what is larger are not held."""


class Parts(msgspec.Struct, frozen=True, gc=False):
    """The clean parts of an exchange that its texts decide; they have passed the gate."""

    route: str
    request: Request
    mapped: list[str]
    headers: list[Pair]
    """Those of the response; [] where there is none."""
    body: Body
    """That of the response; None where there is none. Of one whose length alone is known, the length is another's."""


class _Met(msgspec.Struct, frozen=True):
    request: RawRequest
    """Held, so that no other request gets its identity."""
    answered: list[RawPair]
    parts: Parts
    notes: list[tuple[str, int]]


class Repeats:
    """The parts of exchanges that were met lately: 64 MB at most.

    Args:
        walk: the parts of an exchange; None where it is withheld.
        is_steady: whether what ``walk`` has just made would be the same once more.
        counts: where ``walk`` counts what it did; an exchange that was met before counts as it did.
    """

    def __init__(
        self, walk: Callable[[RawExchange], Parts | None], is_steady: Callable[[], bool], counts: Counter[str]
    ) -> None:
        self._walk, self._is_steady, self._counts = walk, is_steady, counts
        self._met = Recent[tuple[int, int], _Met | None](lambda _: None, _MOST_BYTES)

    def parts(self, raw: RawExchange) -> Parts | None:
        """What ``walk`` gives for the exchange, made once as long as it is in use."""
        response = raw.response
        if response is None:
            key, answered = (id(raw.request), _NO_RESPONSE), _NO_HEADERS
        elif response.body:
            return self._walk(raw)
        else:
            key = (id(raw.request), _LENGTH_ALONE if response.body is None and response.body_bytes else _EMPTY)
            answered = response.headers
        met = self._met[key]
        if met is None or met.request is not raw.request or met.answered != answered:
            return self._made(key, raw, answered)
        for name, count in met.notes:
            self._counts[name] += count
        return met.parts

    def _made(self, key: tuple[int, int], raw: RawExchange, answered: list[RawPair]) -> Parts | None:
        before = dict(self._counts)
        parts = self._walk(raw)
        size_bytes = len(raw.request.path) + sum(
            len(name) + len(value) for name, value in raw.request.headers + answered
        )
        if parts is not None and self._is_steady() and size_bytes <= _LONGEST_BYTES:
            added = [(name, count - before.get(name, 0)) for name, count in self._counts.items()]
            notes = [(name, count) for name, count in added if count > 0]
            self._met.keep(key, _Met(raw.request, answered, parts, notes), _ENTRY_BYTES + 2 * size_bytes)
        return parts
