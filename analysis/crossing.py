"""Where a course that rises with the load passes a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.histogram import Floats


def passing_load(loads: Sequence[float], course: Floats, limit: float, *, is_share: bool) -> float | None:
    """The load at which a rising ``course`` passes ``limit``: 0 before its first step, None where it never does.

    Between two steps a latency is a straight line in its logarithm, a share is one in itself.
    """
    over = [i for i, value in enumerate(course) if value > limit]
    if not over:
        return None
    i = over[0]
    if i == 0:
        return 0.0
    if not math.isfinite(course[i]):
        return loads[i - 1]
    if is_share:
        part = (limit - course[i - 1]) / (course[i] - course[i - 1])
    else:
        part = math.log(limit / course[i - 1]) / math.log(course[i] / course[i - 1])
    return float(loads[i - 1] + part * (loads[i] - loads[i - 1]))
