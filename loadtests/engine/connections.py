"""HTTP/1.1 over kept-alive connections to one pinned address.

A call that finds no idle connection waits for the first that becomes free, and a new one is opened for it. A
connection that closes before a byte of an answer came is the usual race of a server that ends idle connections:
the call, where its method is idempotent, is sent once more on a fresh connection (RFC 9112 §9.3.1).
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from loadtests.engine.calls import Call

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""This machine has run out of ports, descriptors or memory: not the target's fault."""


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


class Connection(asyncio.Protocol):
    """One connection; carries one call at a time. httptools calls its ``on_…`` methods."""

    __slots__ = (
        "_body_bytes",
        "_complete",
        "_head",
        "_headless",
        "_keeps",
        "_parser",
        "_pool",
        "_status",
        "_write",
        "call",
        "closed",
        "number",
        "transport",
        "used",
    )

    def __init__(self, pool: Pool, number: int) -> None:
        self._pool = pool
        self.number = number
        self.call: Call | None = None
        self.closed = False
        self.used = False
        self.transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._head = b""
        self._body_bytes = 0
        self._status = 0
        self._headless = False
        self._keeps = False
        self._complete = False

    def send(self, call: Call, now: int) -> None:
        """Send ``call``; the connection must be idle and ``now`` be this moment."""
        self.call = call
        call.connection = self.number
        call.reused = self.used
        self.used = True
        self._body_bytes = 0
        self._status = 0
        self._head = b""
        call.sent = now
        self._write(call.wire)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands."""
        self.transport = cast(asyncio.Transport, transport)
        self._write = self.transport.write

    def data_received(self, data: bytes) -> None:
        """asyncio: some bytes came."""
        call = self.call
        if call is None:  # bytes that nobody asked for: what follows them cannot be trusted
            self.close()
            return
        now = self._pool.clock()
        if not call.first_byte:
            call.first_byte = now
        if not self._status:
            self._head = self._head + data if self._head else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._complete = True
            self.closed = True
        except httptools.HttpParserError:
            if not self._complete:
                self.fail("protocol", now)
                return
            self.closed = True  # the answer was whole; what came behind it was not
        if self._complete:
            self._finish(call, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.closed = True
        call = self.call
        self._pool.lost(self)
        if call is None:
            return
        now = self._pool.clock()
        if exc is None and self._status and self._ends_with_connection():
            self._finish(call, now)
        elif self._may_retry(call):
            self.call = None
            self._pool.retry(call)
        else:
            self.fail("tls" if isinstance(exc, ssl.SSLError) else "reset", now)

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        if self._complete:  # a second answer to one request
            self.closed = True
            return
        self._status = self._parser.get_status_code()
        if self.call is not None and self._pool.is_head(self.call) and self._status >= 200:
            self._headless = True
            self._complete = True
            self._keeps = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        if not self._complete:
            self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole; an interim one (1xx) is not the answer."""
        if self._complete:
            return
        if self._status >= 200 or self._status == 101:
            self._complete = True
            self._keeps = self._parser.should_keep_alive()  # the parser knows it only now
        else:
            self._status = 0
            self._head = b""

    def fail(self, error: str, now: int) -> None:
        """End the call without an answer and close the connection."""
        call, self.call = self.call, None
        self.close()
        if call is not None:
            self._pool.done(call, 0, error, now, self._body_bytes)

    def close(self) -> None:
        """Close at once; a call in progress is not told."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def _finish(self, call: Call, now: int) -> None:
        self._complete = False
        self.call = None
        status, body_bytes = self._status, self._body_bytes
        if self.closed or not self._keeps:
            self.close()
        else:
            if self._headless:  # the parser would wait for the body that a HEAD's answer announces
                self._headless = False
                self._parser = httptools.HttpResponseParser(self)
            self._pool.release(self)
        self._pool.done(call, status, "", now, body_bytes)

    def _may_retry(self, call: Call) -> bool:
        return call.attempt == 1 and call.reused and not call.first_byte and self._pool.is_idempotent(call)

    def _ends_with_connection(self) -> bool:
        head = self._head.partition(b"\r\n\r\n")[0].lower()
        return b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head


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
        self._connect(None)

    def retry(self, call: Call) -> None:
        """Send ``call`` once more, on a connection of its own."""
        call.attempt = 2
        call.fresh = True
        self._connect(call)

    def release(self, connection: Connection) -> None:
        """Take back a connection that is free again."""
        waiting = self._waiting
        if waiting:
            connection.send(waiting.popleft(), self.clock())
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
        if call is None and len(self._open) + len(self._connecting) >= self._limits.connections:
            return  # the next connection that becomes free takes the call
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
                self.exhausted(f"no connection can be opened ({errno.errorcode[error.errno]})")
            self._not_connected(call, "tls" if isinstance(error, ssl.SSLError) else "connect")
            return
        if connection.closed:
            self._not_connected(call, "reset")
            return
        self._open.add(connection)
        if call is None:
            self.release(connection)
        elif call.lane.active:
            connection.send(call, self.clock())
        else:
            self._idle.append(connection)
            self.done(call, 0, "stopped", self.clock(), 0)

    def _not_connected(self, call: Call | None, error: str) -> None:
        if call is None and self._waiting:
            call = self._waiting.popleft()
        if call is not None:
            self.done(call, 0, error, self.clock(), 0)
        self._connect_for_waiting(len(self._connecting) - 1)  # without the one that just failed

    def _connect_for_waiting(self, on_their_way: int) -> None:
        if on_their_way < len(self._waiting):
            self._connect(None)


def tls_context(ca: str, insecure: bool) -> ssl.SSLContext:
    """TLS as a careful client speaks it; ``insecure`` accepts any certificate."""
    context = ssl.create_default_context(cafile=ca or None)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
