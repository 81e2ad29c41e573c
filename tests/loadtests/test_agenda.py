"""Calls by the time at which they are due."""

from __future__ import annotations

import random

import pytest

from loadtests.engine.agenda import Agenda
from loadtests.engine.calls import Call, Lane, Row

ROW = Row(0, 0, 0, 0, -1, 0, 0, 0, 0, 200, False, b"")


@pytest.mark.parametrize("seed", range(10))
def test_calls_come_in_order_of_due_and_then_as_they_were_put(seed: int) -> None:
    dice, agenda, lane = random.Random(seed), Agenda(), Lane(0, 0, 0)
    waiting: list[tuple[int, int]] = []
    now = 0
    for trace in range(2000):
        due = now + dice.choice([0, 50, 50, 500]) + dice.randrange(20)
        agenda.put(Call(ROW, lane, due, trace, b""))
        waiting.append((due, trace))
        if dice.random() < 0.3:
            now += dice.randrange(60)
            assert agenda.next_due(10**9) == min(waiting)[0]
            while (call := agenda.take(now)) is not None:
                assert (call.due, call.trace) == min(waiting)
                waiting.remove((call.due, call.trace))
            assert all(due > now for due, _ in waiting)
    assert len(agenda) == len(waiting)
    agenda.clear()
    assert agenda.take(10**9) is None
    assert agenda.next_due(7) == 7
