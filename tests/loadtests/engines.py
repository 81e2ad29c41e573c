"""Engines for tests, forked from one process that has loaded their modules: loading is most of what a test costs.

What forks has done nothing but load. That an engine starts by itself is shown where ``replay run`` starts it.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_LONGEST = 1 << 17
_ROOT = Path(__file__).resolve().parents[2]


class EngineProcess:
    """``python -m loadtests.engine ARGUMENTS``, with as much of ``subprocess.Popen`` as tests use."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        (stdin, to_it), (from_it, stdout), (said, stderr), (self._told, tells) = (os.pipe() for _ in range(4))
        order = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(Path.cwd())})
        theirs = [stdin, stdout, stderr, tells]
        socket.send_fds(_loaded(), [order.encode()], theirs)
        for fd in theirs:
            os.close(fd)
        self.stdin, self.stdout, self.stderr = os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb"), os.fdopen(said, "rb")
        self.pid = int(os.read(self._told, 32))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        return self._await(0)

    def wait(self, timeout: float | None = None) -> int:
        """As ``poll``, at its end."""
        code = self._await(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("loadtests.engine", timeout or 0)
        return code

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _await(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout_s)[0]:
            self.returncode = int(os.read(self._told, 32))
            os.close(self._told)
        return self.returncode


@cache
def _loaded() -> socket.socket:
    """The connection to the process that forks; there is one for all tests of a session, and it ends with them."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.loadtests.engines", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=_ROOT,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _fork_as_asked(asks: socket.socket) -> None:
    """Fork an engine for each order that comes; returns in each of these, and at the end of the orders not at all."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are nobody's
    while True:
        message, fds, _, _ = socket.recv_fds(asks, _LONGEST, 4)
        if not message:
            os._exit(0)
        if not os.fork():
            asks.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(fds)
            order = json.loads(message)
            os.environ.clear()
            os.environ.update(order["environment"])
            os.chdir(order["folder"])
            sys.argv[1:] = order["arguments"]
            return
        for fd in fds:
            os.close(fd)


def _keep(fds: Sequence[int]) -> None:
    """Fork the engine itself, in which this returns; its keeper tells its number and how it ended."""
    *streams, tells = fds
    if engine := os.fork():
        os.write(tells, b"%d\n" % engine)
        for fd in streams:
            os.close(fd)
        _, status = os.waitpid(engine, 0)
        os.write(tells, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(tells)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)


if __name__ == "__main__":
    from loadtests.engine.__main__ import main

    _fork_as_asked(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(main())
