"""How often the reads of some traffic repeat each other: what caches of the service live on.

Counted by linear counting (Whang, Vander-Zanden and Taylor, 1990): each address sets one bit of a megabyte, and the
bits that stay empty tell how many there were. The error is below 0.1 % up to ten million addresses.
"""

from __future__ import annotations

import math
from hashlib import blake2b

import msgspec

from replay.exchange import Exchange
from replay.plan.filters import SAFE_METHODS

_BITS = 1 << 23


class Repetition(msgspec.Struct, frozen=True):
    """Reads (GET, HEAD, OPTIONS), and about how many different ones they were."""

    reads: int
    addresses: int
    """Different hosts, paths and queries."""
    keyed: int
    """Reads of routes with a parameter."""
    keys: int
    """Different hosts and paths of those."""

    def times(self, factor: float) -> Repetition:
        """The same reads repeated by clones."""
        return Repetition(round(self.reads * factor), self.addresses, round(self.keyed * factor), self.keys)


class RepetitionCounter:
    """Follows traffic in 2 MiB, however long it is."""

    def __init__(self) -> None:
        self._addresses, self._keys = _Different(), _Different()
        self._reads = self._keyed = 0

    def add(self, exchange: Exchange) -> None:
        """Count one exchange."""
        request = exchange.request
        if request.method not in SAFE_METHODS:
            return
        self._reads += 1
        address = f"{request.host} {request.path}"
        self._addresses.add(address)
        if "{" in exchange.route:
            self._keyed += 1
            self._keys.add(address.partition("?")[0])

    def found(self) -> Repetition:
        """What was counted so far."""
        return Repetition(self._reads, self._addresses.number(), self._keyed, self._keys.number())


class _Different:
    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._set = 0

    def add(self, text: str) -> None:
        digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=4).digest()
        bit = int.from_bytes(digest) % _BITS
        mask = 1 << (bit & 7)
        if not self._bits[bit >> 3] & mask:
            self._bits[bit >> 3] |= mask
            self._set += 1

    def number(self) -> int:
        return round(-_BITS * math.log1p(-min(self._set, _BITS - 1) / _BITS))
