"""What was made lately: a map of bounded size that makes what it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from sys import getsizeof

_ENTRY_BYTES = 100
"""What an entry takes beside its key and value."""
_LARGEST_BYTES = 2_048
"""What is larger (key and value together) is not held."""


class Recent[K: Hashable, V](dict[K, V]):
    """``recent[key]`` is what ``make`` gives for the key; made once as long as it is in use.

    Only what ``keep`` was called for is held, in two generations: when the younger is full it becomes the older, and
    what is asked for again comes back. A hit is a look-up in C.

    Args:
        make: the value of a key; it calls ``keep`` where the value will be the same the next time.
        most_bytes: what both generations take together at most.
    """

    __slots__ = ("_left_bytes", "_make", "_older", "_room_bytes")

    def __init__(self, make: Callable[[K], V], most_bytes: int) -> None:
        super().__init__()
        self._make = make
        self._room_bytes = self._left_bytes = most_bytes // 2
        self._older: dict[K, V] = {}

    def __missing__(self, key: K) -> V:
        if key not in self._older:
            return self._make(key)
        value = self._older[key]
        self.keep(key, value)
        return value

    def keep(self, key: K, value: V, size_bytes: int = 0) -> None:
        """Hold a value that was made; ``size_bytes`` says what both take where they hold other objects."""
        if not size_bytes:
            size_bytes = getsizeof(key) + getsizeof(value)
            if size_bytes > _LARGEST_BYTES:
                return
        self._take(size_bytes + _ENTRY_BYTES)
        self[key] = value

    def keep_all(self, values: dict[K, V]) -> None:
        """``keep`` many small ones."""
        sizes_bytes = sum(map(getsizeof, values)) + sum(map(getsizeof, values.values()))
        self._take(sizes_bytes + _ENTRY_BYTES * len(values))
        self.update(values)

    def _take(self, size_bytes: int) -> None:
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            self._older = self.copy()
            self.clear()
            self._left_bytes = self._room_bytes - size_bytes
