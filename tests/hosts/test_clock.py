"""An offset between two clocks is within what the shortest round trip bounds it to."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from replay.hosts.clock import Clock, Offset, local_ns, write_offset

DELAYS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**9))


@given(st.integers(-(10**15), 10**15), st.lists(DELAYS, min_size=1, max_size=100))
def test_the_true_offset_is_within_the_error_whichever_way_the_delay_fell(
    truth_ns: int, delays: list[tuple[int, int, int]]
) -> None:
    clock, now_ns = Clock(), 10**16
    for there_ns, held_ns, back_ns in delays:
        received_ns = now_ns + there_ns + truth_ns
        end_ns = now_ns + there_ns + held_ns + back_ns
        clock.add(now_ns, received_ns, received_ns + held_ns, end_ns)
        now_ns = end_ns

    assert abs(clock.offset.offset_ns - truth_ns) <= clock.offset.error_ns
    assert clock.offset.error_ns == min((there + back + 1) // 2 for there, _, back in delays[-64:])


def test_the_wall_clocks_are_compared_too() -> None:
    clock = Clock()
    clock.add(100, 160, 160, 120, wall_ns=5_000, our_wall_ns=4_010)

    assert clock.offset == Offset(offset_ns=50, error_ns=10, wall_ns=1_000)


def test_a_time_of_the_master_is_one_of_ours(tmp_path: Path) -> None:
    assert local_ns(tmp_path, 1_000) == 1_000

    write_offset(tmp_path, Offset(offset_ns=-500, error_ns=3))

    assert local_ns(tmp_path, 1_000) == 1_500
