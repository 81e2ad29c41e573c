"""Many tests at once: which of them stand when all are asked together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float], alpha: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected with a family-wise error rate of ``alpha`` (Holm 1979), shape (p_values,)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    passed = p[order] <= alpha / np.arange(p.size, 0, -1)
    stands = np.logical_and.accumulate(passed) if p.size else passed
    return _back(stands, order)


def benjamini_hochberg(p_values: Sequence[float], rate: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected with a false discovery rate of ``rate`` (Benjamini and Hochberg 1995)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    passed = p[order] <= rate * np.arange(1, p.size + 1) / max(p.size, 1)
    last = int(np.max(np.flatnonzero(passed), initial=-1))
    return _back(np.arange(p.size) <= last, order)


def _back(sorted_flags: NDArray[np.bool_], order: NDArray[np.intp]) -> NDArray[np.bool_]:
    flags = np.zeros(order.size, bool)
    flags[order] = sorted_flags
    return flags
