"""The breaker opens after seconds of failure on end, and not before."""

from __future__ import annotations

import pytest

from loadtests.engine.breaker import BreakerWatch
from replay.runspec import Breaker


def opened_after(seconds: list[tuple[int, int]], rule: Breaker | None = Breaker(0.5, 3)) -> int | None:  # noqa: B008
    watch = BreakerWatch(rule)
    for number, (answers, failures) in enumerate(seconds, 1):
        if watch.second(answers, failures):
            return number
    return None


@pytest.mark.parametrize(
    ("seconds", "after"),
    [
        ([(10, 6)] * 5, 3),
        ([(10, 5)] * 5, None),
        ([(10, 10), (10, 10), (10, 0)] * 4, None),
        ([(10, 10), (2, 0), (10, 10), (0, 0), (10, 10)], 5),
        ([(3, 3)] * 20, 4),
        ([(1, 1), (0, 0)] * 9, 9),
        ([(3, 3), (3, 0)] * 20, None),
        ([(0, 0)] * 20, None),
        ([(1, 1)] * 4, None),
    ],
    ids=[
        "open",
        "half is not more than half",
        "recovers",
        "quiet seconds do not reset",
        "thin seconds together",
        "thin seconds with silence between",
        "half of the thin",
        "silence",
        "too few to say",
    ],
)
def test_the_breaker_counts_seconds_on_end(seconds: list[tuple[int, int]], after: int | None) -> None:
    assert opened_after(seconds) == after


def test_a_breaker_that_is_off_never_opens() -> None:
    assert opened_after([(10, 10)] * 100, None) is None
