"""The load at which a rising course passes a limit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.crossing import passing_load

LOADS = [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("course", "limit", "is_share", "load"),
    [
        ([10.0, 20.0, 80.0], 100.0, False, None),
        ([10.0, 20.0, 80.0], 5.0, False, 0.0),
        ([10.0, 20.0, 80.0], 40.0, False, 3.0),  # half way from 20 to 80 in logarithms
        ([10.0, 20.0, 80.0], 20.0, False, 2.0),  # met where it is reached, no further
        ([10.0, math.inf, math.inf], 40.0, False, 1.0),
        ([0.0, 0.01, 0.03], 0.02, True, 3.0),
        ([0.0, 0.0, 0.0], 0.0, True, None),
    ],
)
def test_a_limit_is_passed_at(course: list[float], limit: float, is_share: bool, load: float | None) -> None:
    found = passing_load(LOADS, np.array(course), limit, is_share=is_share)

    assert found == (None if load is None else pytest.approx(load))
