"""What one engine counts, second by second."""

from __future__ import annotations

import pytest

from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.seconds import Seconds
from replay.runspec import SECOND_NS, Breaker


def seconds(slower_than_ns: int = 0) -> Seconds:
    return Seconds(0, Breaker(0.5, 1, slower_than_ns), lambda: 0, lambda: 0)


def ended(
    of: Seconds, status: int, error: str = "", *, expected: int = 200, took_ns: int = 0, times: int = 6
) -> None:
    row = Row(0, 0, 0, 0, -1, 0, 0, 0, 0, expected, False, b"")
    for _ in range(times):
        of.ended(Call(row, Lane(0, 0, 0), 0, 0, b""), status, error, took_ns)


@pytest.mark.parametrize(
    ("status", "error", "expected", "took_ns", "breaks"),
    [
        pytest.param(0, "connect", 200, 0, True, id="refused by the target"),
        pytest.param(503, "", 200, 0, True, id="server error"),
        pytest.param(503, "", 503, 0, False, id="the server error that production had"),
        pytest.param(404, "", 200, 0, False, id="another answer than recorded"),
        pytest.param(200, "", 200, 2 * SECOND_NS, True, id="too slow"),
        pytest.param(0, "refused", 200, 0, False, id="never sent, by the interlock"),
        pytest.param(0, "unresolved", 200, 0, False, id="never sent, a value was missing"),
        pytest.param(0, "hook", 200, 0, False, id="never sent, the hooks file failed"),
        pytest.param(0, "stopped", 200, 0, False, id="stopped"),
    ],
)
def test_only_what_the_target_does_opens_the_breaker(
    status: int, error: str, expected: int, took_ns: int, breaks: bool
) -> None:
    one = seconds(SECOND_NS)
    ended(one, status, error, expected=expected, took_ns=took_ns)

    assert bool(one.broken()) == breaks


def test_a_tick_tells_of_its_second_and_the_next_begins_empty() -> None:
    one = seconds()
    ended(one, 0, "timeout", times=2)
    ended(one, 404, times=3)
    assert not one.over(SECOND_NS - 1)
    assert one.over(SECOND_NS)
    first = one.close(SECOND_NS, due=7, sent=5, in_flight=4, lanes=100, loop_lag_ns=9)
    second = one.close(2 * SECOND_NS, due=10, sent=8, in_flight=0, lanes=100, loop_lag_ns=0)

    assert (first.tick.second, first.tick.due, first.tick.sent, first.tick.in_flight) == (0, 7, 5, 4)
    assert (first.errors, first.failed, first.lanes, first.tick.loop_lag_ns) == (2, 3, 100, 9)
    assert (second.tick.second, second.tick.due, second.tick.sent, second.errors, second.failed) == (1, 3, 3, 0, 0)
