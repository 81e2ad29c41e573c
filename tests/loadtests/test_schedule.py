"""Deadlines: never early, in order, and a sooner one can overtake."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from loadtests.engine.schedule import SPIN_NS, LoopAlarm, Pacer, TimerfdAlarm, idle_turn_ns

MS = 1_000_000


def steps_at(
    delays_ms: list[float], pacer_of: type[TimerfdAlarm | LoopAlarm] = TimerfdAlarm
) -> tuple[int, list[int]]:
    """When the steps were taken that were asked for after so many milliseconds each."""
    taken: list[int] = []

    async def run() -> int:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        begin = time.monotonic_ns() + 5 * MS
        asked = iter([*(begin + round(delay * MS) for delay in delays_ms[1:]), None])

        def step(now: int) -> int:
            taken.append(now)
            deadline = next(asked)
            if deadline is None:
                pacer.stop()
                over.set()
                return now
            return deadline

        pacer = Pacer(loop, step)
        pacer.start(begin + round(delays_ms[0] * MS))
        await asyncio.wait_for(over.wait(), 5)
        return begin

    return uvloop.run(run()), taken


def test_no_step_is_taken_before_its_deadline() -> None:
    delays = [number * 0.37 for number in range(200)]
    begin, taken = steps_at(delays)
    late_ns = [now - begin - round(delay * MS) for now, delay in zip(taken, delays, strict=True)]

    assert len(taken) == len(delays)
    assert min(late_ns) >= 0
    assert sorted(late_ns)[len(late_ns) // 2] < 2 * MS


@pytest.mark.parametrize("kind", [TimerfdAlarm, LoopAlarm])
def test_an_alarm_rings_once_for_its_last_deadline(kind: type[TimerfdAlarm | LoopAlarm]) -> None:
    rings: list[int] = []

    async def run() -> int:
        alarm = kind(asyncio.get_running_loop(), lambda: rings.append(time.monotonic_ns()))
        alarm.set(time.monotonic_ns() + 5000 * MS)
        deadline = time.monotonic_ns() + 20 * MS
        alarm.set(deadline)
        await asyncio.sleep(0.1)
        alarm.close()
        return deadline

    deadline = uvloop.run(run())

    assert len(rings) == 1
    assert rings[0] >= deadline - 1 * MS  # the loop's own timers may be early; the pacer looks at the clock


def test_a_sooner_deadline_overtakes_the_one_that_is_awaited() -> None:
    taken: list[int] = []

    async def run() -> int:
        def step(now: int) -> int:
            taken.append(now)
            return now + 5000 * MS

        pacer = Pacer(asyncio.get_running_loop(), step)
        pacer.start(time.monotonic_ns())
        await asyncio.sleep(0.02)
        sooner = time.monotonic_ns() + 20 * MS
        pacer.advance(sooner)
        await asyncio.sleep(0.1)
        pacer.stop()
        return sooner

    sooner = uvloop.run(run())

    assert len(taken) == 2
    assert sooner <= taken[1] < sooner + 60 * MS


@pytest.mark.parametrize(("work_ns", "free"), [(0, True), (SPIN_NS, False)])
def test_turns_without_work_are_free_time_and_others_are_not(work_ns: int, free: bool) -> None:
    async def run() -> float:
        def step(now: int) -> int:
            while time.monotonic_ns() < now + work_ns:
                pass
            return time.monotonic_ns() + (SPIN_NS // 2 if free else 0)

        loop = asyncio.get_running_loop()
        pacer = Pacer(loop, step)
        pacer.idle_turn_ns = await idle_turn_ns(loop)
        begin_ns = time.process_time_ns()
        pacer.start(time.monotonic_ns())
        await asyncio.sleep(0.1)
        pacer.stop()
        return pacer.spun_ns / (time.process_time_ns() - begin_ns)

    share = uvloop.run(run())

    assert share > 0.5 if free else share < 0.1
