"""The outbox never makes its owner wait, holds a bounded amount, and survives the end of its reader."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from replay.capture.outbox import Outbox


@dataclass
class Pipe:
    reading: int
    writing: int


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield Pipe(reading, writing)
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


async def read_all(fd: int, size: int) -> bytes:
    content = b""
    until = time.monotonic() + 5
    while len(content) < size and time.monotonic() < until:
        try:
            content += os.read(fd, 1 << 16)
        except BlockingIOError:
            await asyncio.sleep(0.001)
    return content


def test_frames_arrive_whole_and_in_order_through_a_pipe_that_is_often_full(pipe: Pipe) -> None:
    frames = [bytes([number % 251]) * (number * 97 % 90_000) for number in range(300)]

    async def scenario() -> bytes:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop())
        assert all(outbox.put(frame) for frame in frames)
        return await read_all(pipe.reading, sum(map(len, frames)))

    assert asyncio.run(scenario()) == b"".join(frames)


def test_what_does_not_fit_is_refused_and_what_must_go_is_taken(pipe: Pipe) -> None:
    async def scenario() -> None:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop(), limit=100)

        assert outbox.put(b"x" * 60)
        assert not outbox.put(b"y" * 60)
        assert outbox.put(b"z" * 60, always=True)
        assert not outbox.put(b"")
        assert outbox.held_bytes == 120
        assert await read_all(pipe.reading, 120) == b"x" * 60 + b"z" * 60
        assert outbox.held_bytes == 0
        assert outbox.put(b"y" * 60)

    asyncio.run(scenario())


def test_a_reader_that_does_not_read_costs_no_time(pipe: Pipe) -> None:
    async def scenario() -> float:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop(), limit=32 << 20)
        slowest = 0.0
        for _ in range(200):
            began = time.perf_counter()
            outbox.put(b"x" * 100_000)
            await asyncio.sleep(0)
            slowest = max(slowest, time.perf_counter() - began)
        assert outbox.held_bytes > 15 << 20
        return slowest

    assert asyncio.run(scenario()) < 0.5


def test_when_the_reader_dies_everything_held_is_forgotten_and_counted(pipe: Pipe) -> None:
    async def scenario() -> None:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop())
        os.close(pipe.reading)
        assert outbox.put(b"a")
        assert outbox.put(b"b")
        await asyncio.sleep(0.05)

        assert (outbox.broken, outbox.forgotten, outbox.held_bytes) == (True, 2, 0)
        assert not outbox.put(b"c", always=True)

    asyncio.run(scenario())


def test_closing_hands_over_what_is_held_and_ends_the_pipe(pipe: Pipe) -> None:
    async def scenario() -> None:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop())
        outbox.put(b"x" * 60_000)
        outbox.close(1.0)

    asyncio.run(scenario())
    os.set_blocking(pipe.reading, True)

    assert len(os.read(pipe.reading, 1 << 16)) == 60_000
    assert os.read(pipe.reading, 1) == b""


def test_closing_waits_no_longer_than_it_is_told_to(pipe: Pipe) -> None:
    async def scenario() -> Outbox:
        outbox = Outbox(pipe.writing, asyncio.get_running_loop())
        for _ in range(3):
            outbox.put(b"x" * (1 << 20))
        outbox.close(0.05)
        return outbox

    began = time.monotonic()
    outbox = asyncio.run(scenario())

    assert time.monotonic() - began < 2
    assert outbox.forgotten == 3
