"""Lanes: who plays what, as which clone, and how clones are kept apart."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.engine.lanes import MAX_SHIFT_NS, Lanes, max_shift_ns, share, shift_ns


@given(workers=st.integers(1, 5), users=st.integers(0, 400), plan_lanes=st.integers(1, 120))
def test_the_workers_together_run_each_of_the_lowest_lanes_once(workers: int, users: int, plan_lanes: int) -> None:
    numbers = []
    for worker in range(workers):
        lanes = Lanes(worker, workers, plan_lanes)
        lanes.resize(share(users, worker, workers), 0)
        for plan_lane, players in enumerate(lanes.players):
            for lane in players:
                assert lane.number == lane.clone * plan_lanes + plan_lane
                numbers.append(lane.number)

    assert sorted(numbers) == list(range(users))


def test_the_highest_lanes_leave_first_and_a_lane_that_comes_back_begins_anew() -> None:
    lanes = Lanes(0, 1, 10)
    lanes.resize(10, 0)
    left = lanes.resize(7, 50)
    lanes.resize(8, 90)

    assert [lane.number for lane in left] == [7, 8, 9]
    assert not any(lane.active for lane in left)
    assert [lane.since for lane in lanes.players[7]] == [90]
    assert [lane.since for lane in lanes.players[6]] == [0]


@given(st.integers(0, 10**9), st.integers(0, 10**4), st.integers(0, MAX_SHIFT_NS))
def test_a_shift_stays_within_its_limit_and_the_original_is_not_shifted(session: int, clone: int, limit: int) -> None:
    shift = shift_ns(session, clone, limit)

    assert 0 <= shift <= limit
    assert shift == shift_ns(session, clone, limit)
    assert clone or shift == 0


def test_shifts_are_even_over_their_range() -> None:
    shifts = [shift_ns(session, clone, 1000) for session in range(2000) for clone in (1, 2)]

    assert abs(sum(shifts) / len(shifts) - 500) < 15
    assert len({shift // 100 for shift in shifts}) == 10


def test_a_shift_is_small_beside_the_run() -> None:
    assert max_shift_ns(20_000_000_000) == 1_000_000_000
    assert max_shift_ns(10**13) == MAX_SHIFT_NS


def test_clones_keep_the_bursts_of_minutes_and_break_up_doublets() -> None:
    dice, busy, clones = random.Random(1), (1, 1, 4, 1, 1, 1, 4, 1, 1, 1), 5
    begun = sorted(60 * minute + dice.uniform(0, 60) for minute, times in enumerate(busy) for _ in range(100 * times))
    limit = max_shift_ns(600_000_000_000)
    shifts = {(n, clone): shift_ns(n, clone, limit) / 1e9 for n in range(len(begun)) for clone in range(clones)}

    recorded = Counter(int(at // 60) for at in begun)
    grown = Counter(int((at + shifts[n, clone]) // 60) for n, at in enumerate(begun) for clone in range(clones))
    for minute in range(len(busy)):
        assert grown[minute] / clones == pytest.approx(recorded[minute], rel=0.15, abs=20)
    assert dispersion(grown, len(busy)) == pytest.approx(clones * dispersion(recorded, len(busy)), rel=0.1)
    at_once = sum(shift < 0.05 for (_, clone), shift in shifts.items() if clone)
    assert at_once < 0.02 * len(begun) * (clones - 1)


def dispersion(counts: Counter[int], minutes: int) -> float:
    """Variance over mean of the counts of minutes; it grows with the load where the shape of the bursts stays."""
    values = [counts[minute] for minute in range(minutes)]
    mean = sum(values) / minutes
    return sum((value - mean) ** 2 for value in values) / minutes / mean
