"""A load that was not the ordered one is on record."""

from __future__ import annotations

from replay.cli.run_load import load_changes
from replay.journal import EngineTick
from replay.runs import Tick


def ticks(worker: int, lanes: list[int]) -> list[EngineTick]:
    return [
        EngineTick(Tick(worker, second, due=0, sent=0, in_flight=0, cpu=0.0, loop_lag_ns=0), lanes=running)
        for second, running in enumerate(lanes)
    ]


def test_a_steady_load_leaves_no_change() -> None:
    assert load_changes(ticks(0, [50] * 5) + ticks(1, [50] * 5), 2, 100, 5 * 10**9) == {}


def test_every_change_is_recorded_once_over_all_workers() -> None:
    both = ticks(0, [50, 50, 100, 100, 50]) + ticks(1, [50, 50, 99, 100, 50])

    assert load_changes(both, 2, 100, 5 * 10**9) == {2: 199, 3: 200, 4: 100}


def test_a_load_that_was_never_the_ordered_one_is_a_change() -> None:
    assert load_changes(ticks(0, [80, 80]), 1, 100, 2 * 10**9) == {0: 80}


def test_seconds_in_which_engines_end_are_no_change() -> None:
    assert load_changes(ticks(0, [50, 50, 0]) + ticks(1, [50, 50]), 2, 100, 10**10) == {}
    assert load_changes(ticks(0, [100, 0]), 1, 100, 1_900_000_000) == {}
