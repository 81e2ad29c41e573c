"""What each request waits for: the answer of its session that had ended last before it began in production."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Order:
    """Per request: the row it depends on (−1: none) and the think time since that answer's end, in nanoseconds."""

    depends_on: Ints
    think: Ints


def causal_order(session: Ints, started: Ints, ended: Ints) -> Order:
    """The dependencies of requests given in order of ``started``; ``ended`` < 0 means that no answer came.

    A request that began before any answer of its session had ended depends on nothing: it was sent in parallel, and
    is at replay.
    """
    depends_on = np.full(session.size, -1, dtype=np.int64)
    think = np.zeros(session.size, dtype=np.int64)
    by_session = np.argsort(session, kind="stable")
    current = -1
    pending: list[tuple[int, int]] = []
    last_end, last_row = 0, -1
    for row in by_session.tolist():
        if session[row] != current:
            current, pending, last_end, last_row = int(session[row]), [], 0, -1
        start = int(started[row])
        while pending and pending[0][0] <= start:
            last_end, last_row = heapq.heappop(pending)
        if last_row >= 0:
            depends_on[row] = last_row
            think[row] = start - last_end
        if ended[row] >= 0:
            heapq.heappush(pending, (int(ended[row]), row))
    return Order(depends_on, think)
