"""The calls that are to come, by the time at which they are due."""

from __future__ import annotations

import heapq
from collections import deque

from loadtests.engine.calls import Call


class Agenda:
    """Calls in order of ``due``; of two that are due at once, the one that was put first comes first.

    Most are put in order and wait in a queue, which costs the same however long it is. The others (clones, which are
    shifted, and closed replay) wait in a heap.
    """

    def __init__(self) -> None:
        self._queue: deque[Call] = deque()
        self._heap: list[tuple[int, int, Call]] = []

    def __len__(self) -> int:
        return len(self._queue) + len(self._heap)

    def put(self, call: Call) -> None:
        """Add ``call``; its trace must be higher than those of the calls before."""
        queue = self._queue
        if not queue or call.due >= queue[-1].due:
            queue.append(call)
        else:
            heapq.heappush(self._heap, (call.due, call.trace, call))

    def take(self, now: int) -> Call | None:
        """Remove and return the next call that is due at ``now``; None where there is none."""
        queue, heap = self._queue, self._heap
        if heap and (not queue or heap[0] < (queue[0].due, queue[0].trace)):
            return heapq.heappop(heap)[2] if heap[0][0] <= now else None
        return queue.popleft() if queue and queue[0].due <= now else None

    def next_due(self, otherwise: int) -> int:
        """When the next call is due, or ``otherwise`` where that is sooner."""
        if self._queue:
            otherwise = min(otherwise, self._queue[0].due)
        return min(otherwise, self._heap[0][0]) if self._heap else otherwise

    def clear(self) -> None:
        """Forget all calls."""
        self._queue.clear()
        self._heap.clear()
