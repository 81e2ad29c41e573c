"""A process behind the proxy: reads its settings, says that it is ready, and takes frames until the pipe ends.

``python -m MODULE FD FOLDER`` reads its settings as one JSON object from stdin, answers with lines on stdout
(``Ready``, or ``Failed`` with the reason) and works until the pipe ``FD`` ends. Where the launcher did not live that
long it removes ``FOLDER``, the proxy's. Raw values exist in the memory of this process and of the proxy
only: it dumps no core, cannot be traced, and says of an error only its type and place.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from replay.capture.process import forbid_dumps, place
from replay.capture.wire import Failed, Frame, FrameReader, Ready, Word, line
from replay.errors import EXIT_BUG, ReplayError

TICK_S = 1.0
_READ_BYTES = 1 << 20


class Taker(Protocol):
    """What becomes of the frames."""

    def take(self, frame: Frame) -> None:
        """Take one frame of the addon."""

    def tick(self, now_s: float) -> None:
        """Called once a second, however busy the pipe is."""

    def drop(self, reason: str) -> None:
        """Count an exchange that was lost on its way."""

    def close(self, now_s: float) -> int:
        """The pipe has ended, or an error ends the work; returns the exit code of an end without error."""


def work(taker_of: Callable[[bytes], Taker], name: str) -> int:
    """Work for a launcher with what ``taker_of`` makes of the settings; returns an exit code of ``replay.errors``."""
    forbid_dumps()
    os.umask(0o077)
    launcher = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the pipe ends this process, after all traffic has
    try:
        taker = taker_of(sys.stdin.buffer.read())
        say(Ready())
        try:
            serve(int(sys.argv[1]), taker)
        finally:
            if os.getppid() != launcher:  # it was killed, and the proxy has ended: nobody else removes it
                shutil.rmtree(sys.argv[2], ignore_errors=True)
            code = taker.close(time.monotonic())
    except ReplayError as error:
        say(Failed(str(error), error.exit_code))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - its message may quote what a person sent
        say(Failed(f"a bug in the {name} ({place(error)}). Please report it with this line.", EXIT_BUG))
        return EXIT_BUG
    return code


def serve(fd: int, taker: Taker, clock: Callable[[], float] = time.monotonic) -> None:
    """Feed the taker from the pipe until it ends, and let it tick once a second however busy the pipe is."""
    reader = FrameReader()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    next_tick = clock() + TICK_S
    while True:
        if poll.poll(max(0.0, next_tick - clock()) * 1000):
            content = os.read(fd, _READ_BYTES)
            if not content:
                break
            for frame in reader.feed(content):
                taker.take(frame)
                if clock() >= next_tick:
                    taker.tick(clock())
                    next_tick = clock() + TICK_S
        if clock() >= next_tick:
            taker.tick(clock())
            next_tick = clock() + TICK_S
    if reader.partial_bytes:
        taker.drop("broken-off")


def say(word: Word) -> None:
    """One line to the launcher."""
    with suppress(OSError):
        os.write(1, line(word))
