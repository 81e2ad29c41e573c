"""The class by which an answer is compared with the recorded one."""

from __future__ import annotations

import numpy as np
import pytest

from replay.statuses import status_class


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (204, 2), (302, 3), (304, 2), (404, 4), (599, 5)])
def test_not_modified_is_a_success_whether_one_or_many_are_asked(status: int, expected: int) -> None:
    assert status_class(status) == expected
    assert status_class(np.array([status, 200], np.int32)).tolist() == [expected, 2]
