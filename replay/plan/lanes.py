"""Spreads whole sessions over lanes so that every lane carries the same number of requests."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

type Ints = NDArray[np.int64]


def balance(requests_per_session: Ints, lanes: int) -> NDArray[np.int32]:
    """The lane of each session: the longest sessions first, each to the lane with the fewest requests so far.

    The fullest lane carries at most 4/3 of what the best possible spread would give it (Graham 1969, LPT rule).
    Deterministic: ties go to the earlier session and the lower lane.
    """
    lane_of = np.zeros(requests_per_session.size, dtype=np.int32)
    loads = [(0, lane) for lane in range(lanes)]
    for session in np.argsort(-requests_per_session, kind="stable"):
        load, lane = heapq.heappop(loads)
        lane_of[session] = lane
        heapq.heappush(loads, (load + int(requests_per_session[session]), lane))
    return lane_of


def shares(lane_of_session: NDArray[np.int32], requests_per_session: Ints, lanes: int) -> list[float]:
    """Each lane's share of all requests; they sum to 1 (to 0 where there is none)."""
    counts = np.bincount(lane_of_session, weights=requests_per_session, minlength=lanes)
    total = counts.sum()
    return [float(round(count / total, 6)) if total else 0.0 for count in counts]
