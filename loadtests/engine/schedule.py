"""Absolute deadlines on the monotonic clock: never early, and no drift, because nothing is ever slept relatively.

uvloop's own timers count whole milliseconds and may fire 0.66 ms early. Here a ``timerfd`` wakes the loop, some 60 to
110 µs late as the kernel does; so it is set a little before the deadline, and the loop turns without sleeping for the
rest of the time.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SPIN_NS = 200_000
"""Deadlines nearer than this are awaited by turning the loop."""
_EARLY_NS = 150_000
"""How long before a deadline the alarm is set: what the kernel is late by, mostly."""
_MEASURED_TURNS = 2_000
_BUSY = 10
"""A turn that takes so many times as long as an idle one held work: an answer takes some fifteen times as long."""


class Alarm(Protocol):
    """Wakes the loop once, not before an absolute time of the monotonic clock."""

    def set(self, deadline_ns: int) -> None:
        """Wake at ``deadline_ns``; replaces the deadline set before."""

    def close(self) -> None:
        """Never wake again."""


class TimerfdAlarm:
    """An alarm of the Linux kernel."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._fd = _timerfd_create()
        loop.add_reader(self._fd, self._ring)

    def set(self, deadline_ns: int) -> None:
        """Wake at ``deadline_ns``."""
        _timerfd_set(self._fd, max(1, deadline_ns))

    def close(self) -> None:
        """Never wake again."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew since it rang
        self._wake()


class LoopAlarm:
    """An alarm of the event loop, for systems without timerfd. May ring early; the pacer looks at the clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline_ns: int) -> None:
        """Wake at about ``deadline_ns``."""
        self.close()
        delay_ns = deadline_ns - time.monotonic_ns()
        self._handle = self._loop.call_later(max(0.001, delay_ns / 1e9), self._wake)

    def close(self) -> None:
        """Never wake again."""
        if self._handle is not None:
            self._handle.cancel()


def alarm(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> Alarm:
    """The best alarm of this system."""
    return TimerfdAlarm(loop, wake) if platform.system() == "Linux" else LoopAlarm(loop, wake)


class Pacer:
    """Calls ``step`` at the deadlines that it asks for.

    ``step(now_ns)`` does what is due and returns the next deadline; both are times of the monotonic clock. It is
    never called before a deadline that it returned.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, step: Callable[[int], int]) -> None:
        self._loop = loop
        self._step = step
        self._alarm = alarm(loop, self._ring)
        self._deadline = 0
        self._running = False
        self._spinning = False
        self.idle_turn_ns = 800
        """What a turn without anything to do takes (``idle_turn_ns``); as on a core of 2024, where not measured."""
        self.worst_lag_ns = 0
        """Largest delay of a turn since it was last reset."""
        self.spun_ns = 0
        """Time spent on turning without anything to do: processor time that was free."""

    def start(self, deadline_ns: int) -> None:
        """Take the first step at ``deadline_ns``."""
        self._running = True
        self._deadline = deadline_ns
        self._alarm.set(deadline_ns - _EARLY_NS)

    def advance(self, deadline_ns: int) -> None:
        """Take the next step at ``deadline_ns`` already, where that is sooner."""
        if self._running and deadline_ns < self._deadline:
            self._deadline = deadline_ns
            self._alarm.set(deadline_ns - _EARLY_NS)

    def stop(self) -> None:
        """Take no further step."""
        if self._running:
            self._running = False
            self._alarm.close()

    def _ring(self) -> None:
        if not self._spinning:
            self._turn()

    def _turn(self) -> None:
        now = time.monotonic_ns()
        if self._running and now >= self._deadline:
            self.worst_lag_ns = max(self.worst_lag_ns, now - self._deadline)
            self._deadline = self._step(now)
        self._await()

    def _await(self) -> None:
        if not self._running:
            return
        now = time.monotonic_ns()
        if self._deadline - now > SPIN_NS:
            self._alarm.set(self._deadline - _EARLY_NS)
        else:
            self._spinning = True
            self._loop.call_soon(self._spin, now)

    def _spin(self, since_ns: int) -> None:
        self._spinning = False
        # A whole turn of the loop that took so little held no work for anyone.
        passed = time.monotonic_ns() - since_ns
        if passed < _BUSY * self.idle_turn_ns:
            self.spun_ns += passed
        self._turn()


async def idle_turn_ns(loop: asyncio.AbstractEventLoop) -> int:
    """What a turn of ``loop`` without anything to do takes here: the median of 2,000 of them, a few milliseconds."""
    took: list[int] = []
    over = loop.create_future()

    def turn(since_ns: int) -> None:
        took.append(time.monotonic_ns() - since_ns)
        if len(took) < _MEASURED_TURNS:
            loop.call_soon(turn, time.monotonic_ns())
        else:
            over.set_result(None)

    loop.call_soon(turn, time.monotonic_ns())
    await over
    return sorted(took)[_MEASURED_TURNS // 2]


def run_delay_ns() -> int:
    """How long this thread has been ready to run and had no core (Linux: /proc schedstat); 0 where not known."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


if sys.version_info >= (3, 13):

    def _timerfd_create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def _timerfd_set(fd: int, deadline_ns: int) -> None:
        os.timerfd_settime_ns(fd, flags=os.TFD_TIMER_ABSTIME, initial=deadline_ns)

else:
    _LIBC = ctypes.CDLL(None, use_errno=True)

    class _Timespec(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    class _Setting(ctypes.Structure):
        _fields_ = (("interval", _Timespec), ("value", _Timespec))

    def _timerfd_create() -> int:
        fd = int(_LIBC.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        return fd

    def _timerfd_set(fd: int, deadline_ns: int) -> None:
        setting = _Setting(_Timespec(0, 0), _Timespec(*divmod(deadline_ns, 1_000_000_000)))
        if _LIBC.timerfd_settime(fd, 1, ctypes.byref(setting), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
