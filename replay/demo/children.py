"""Child processes that are all gone when the block ends, however it ends.

Each child leads a session of its own, so that Ctrl-C reaches this process alone, which then ends them in order.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import Self

import psutil

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Children:
    """Starts and ends child processes. Within its ``with`` block SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt.

    At the end of the block every child that still runs is asked to end (SIGINT), then told to (SIGTERM), and at last
    killed with all its descendants; that takes at most ``grace_s`` and 8 s more.
    """

    def __init__(self, grace_s: float = 15.0) -> None:
        self._grace_s = grace_s
        self._running: list[subprocess.Popen[bytes]] = []
        self._asked: set[int] = set()
        self._handlers: dict[signal.Signals, object] = {}
        self._is_held = False
        self._is_pending = False

    def __enter__(self) -> Self:
        self._handlers = {number: signal.signal(number, self._interrupt) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not break off the clearing up, which is bounded in time.
        self._is_held = True
        _end(self._running, self._grace_s, self._asked)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._is_pending and kind is None:
            raise KeyboardInterrupt

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_held:
            self._is_pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """Between a child's start and its being known no signal may break in: it would stay behind."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._is_pending:
            raise KeyboardInterrupt

    def start(self, command: Sequence[str], *, piped: bool = False) -> subprocess.Popen[bytes]:
        """Start a child; ``piped`` joins its standard input and output to this process."""
        stdin, stdout = (subprocess.PIPE, subprocess.PIPE) if piped else (subprocess.DEVNULL, None)
        with self._uninterrupted():
            child = subprocess.Popen(command, stdin=stdin, stdout=stdout, start_new_session=True)
            self._running.append(child)
        return child

    def run(self, command: Sequence[str]) -> int:
        """Start a child, wait for its end and return its exit code."""
        child = self.start(command)
        code = child.wait()
        self._running.remove(child)
        return code

    def end(self, child: subprocess.Popen[bytes], grace_s: float = 60.0) -> int:
        """End one child by SIGINT and return its exit code; kills it only where it does not end in time."""
        self._asked.add(child.pid)
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
        with self._uninterrupted():
            _end([child], 0.0, self._asked)
            self._running.remove(child)
        return child.returncode


def _end(children: list[subprocess.Popen[bytes]], grace_s: float, asked: set[int]) -> None:
    """End all of them, the last started first, and wait for each; those ``asked`` before are not asked again.

    A command that is already ending takes a second SIGINT for impatience and might leave something behind.
    """
    for number, seconds in ((signal.SIGINT, grace_s), (signal.SIGTERM, min(4.0, grace_s))):
        alive = [child for child in reversed(children) if child.poll() is None]
        for child in alive:
            if number != signal.SIGINT or child.pid not in asked:
                child.send_signal(number)
        deadline_s = time.monotonic() + seconds
        for child in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline_s - time.monotonic()))
    for child in children:
        if child.poll() is None:
            _kill(child)
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and all that descend from it, those in sessions of their own too."""
    family = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(2.0)
    psutil.wait_procs(family, timeout=2.0)
