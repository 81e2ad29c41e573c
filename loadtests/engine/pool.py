"""The connections to one pinned address: kept alive, shared, bounded.

A call that finds no idle connection waits for the first that becomes free, and a new one is opened for it.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loadtests.engine.calls import Call
from loadtests.engine.connections import Connection

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_FILES = "may open no more files. Raise 'ulimit -n', or lower --connections"
_MEMORY = "has no memory left for connections. Lower --scale, or --connections"
_EXHAUSTED = {
    errno.EADDRNOTAVAIL: (
        "has no free port left for connections there. Widen net.ipv4.ip_local_port_range, "
        "or find out why connections are not kept"
    ),
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOBUFS: _MEMORY,
    errno.ENOMEM: _MEMORY,
}
"""What this machine has run out of, which is not the target's fault, and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pool allows itself."""

    connections: int
    connect_timeout_ns: int
    first_byte_timeout_ns: int
    timeout_ns: int


class Done(Protocol):
    """Told what became of a call."""

    def __call__(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        """``status`` is 0 where no whole answer came; then ``error`` says why."""


class Pool:
    """The connections to one target."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        port: int,
        tls: ssl.SSLContext | None,
        server_name: str,
        limits: Limits,
        clock: Callable[[], int],
        done: Done,
        methods: list[str],
        exhausted: Callable[[str], None],
        first_number: int = 0,
    ) -> None:
        self._loop = loop
        self._address = address
        self._port = port
        self._tls = tls
        self._server_name = server_name
        self._limits = limits
        self._methods = methods
        self._number = first_number
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[Call] = deque()
        self.clock = clock
        self.done = done
        self.exhausted = exhausted

    def is_head(self, call: Call) -> bool:
        """Whether the answer to ``call`` has no body whatever its head says."""
        return self._methods[call.row.method] == "HEAD"

    def is_idempotent(self, call: Call) -> bool:
        """Whether sending ``call`` twice is the same as once (RFC 9110 §9.2.2)."""
        return self._methods[call.row.method] in IDEMPOTENT

    def send(self, call: Call) -> None:
        """Send ``call``, which has just become ready, on an idle connection or the next free one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed:
                connection.send(call, call.ready)
                return
        self._waiting.append(call)
        if len(self._open) + len(self._connecting) < self._limits.connections:
            self._connect(None)  # else the next connection that becomes free takes the call

    def retry(self, call: Call) -> None:
        """Send ``call`` once more, on a connection of its own."""
        call.attempt = 2
        self._connect(call)

    def release(self, connection: Connection, now: int) -> None:
        """Take back a connection that is free again, at ``now``."""
        waiting = self._waiting
        if waiting:
            connection.send(waiting.popleft(), now)
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection; open another where a call waits and none is on its way."""
        self._open.discard(connection)
        self._connect_for_waiting(len(self._connecting))

    def expire(self, now: int) -> None:
        """End the calls whose time is up."""
        limits = self._limits
        oldest_ready, oldest_sent = now - limits.timeout_ns, now - limits.first_byte_timeout_ns
        for connection in list(self._open):
            call = connection.call
            if call is not None and (
                call.ready <= oldest_ready or (not call.first_byte and call.sent <= oldest_sent)
            ):
                connection.fail("timeout", now)
        while self._waiting and self._waiting[0].ready <= oldest_ready:
            self.done(self._waiting.popleft(), 0, "timeout", now, 0)

    def drop(self, wanted: Callable[[Call], bool], now: int) -> None:
        """End the open calls that ``wanted`` picks, as ``stopped``."""
        for connection in list(self._open):
            if connection.call is not None and wanted(connection.call):
                connection.fail("stopped", now)
        picked = [call for call in self._waiting if wanted(call)]
        if picked:
            self._waiting = deque(call for call in self._waiting if not wanted(call))
            for call in picked:
                self.done(call, 0, "stopped", now, 0)

    async def close(self) -> None:
        """Close everything; no call may be open."""
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in list(self._open):
            connection.close()

    def _connect(self, call: Call | None) -> None:
        task = self._loop.create_task(self._dial(call))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _dial(self, call: Call | None) -> None:
        self._number += 1
        number = self._number
        try:
            async with asyncio.timeout(self._limits.connect_timeout_ns / 1e9):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self, number),
                    self._address,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._server_name if self._tls else None,
                )
        except OSError as error:  # TimeoutError too
            if error.errno in _EXHAUSTED:
                self.exhausted(f"{self._address}:{self._port}: this machine {_EXHAUSTED[error.errno]}")
            self._not_connected(call, "tls" if isinstance(error, ssl.SSLError) else "connect")
            return
        if connection.closed:
            self._not_connected(call, "reset")
            return
        self._open.add(connection)
        if call is not None:
            connection.visitor = visitor(call)
        now = self.clock()
        if call is None:
            self.release(connection, now)
        elif call.lane.active:
            connection.send(call, now)
        else:
            self.release(connection, now)
            self.done(call, 0, "stopped", now, 0)

    def _not_connected(self, call: Call | None, error: str) -> None:
        if call is None and self._waiting:
            call = self._waiting.popleft()
        if call is not None:
            self.done(call, 0, error, self.clock(), 0)
        self._connect_for_waiting(len(self._connecting) - 1)  # without the one that just failed

    def _connect_for_waiting(self, on_their_way: int) -> None:
        if on_their_way < len(self._waiting) and len(self._open) + len(self._connecting) < self._limits.connections:
            self._connect(None)


def visitor(call: Call) -> int:
    """Who sends ``call``: its session and clone, in one number."""
    return call.row.session << 20 | call.lane.clone
