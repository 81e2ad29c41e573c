"""One connection that speaks HTTP/1.1: what servers really send, and how it may end.

A connection that closes before a byte of an answer came is the usual race of a server that ends idle connections:
the call, where its method is idempotent, is sent once more on a fresh connection (RFC 9112 §9.3.1).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

import httptools

from loadtests.engine.calls import MAX_KEPT_BYTES, Call


class Owner(Protocol):
    """What a connection needs of the pool that it belongs to."""

    def clock(self) -> int:
        """Now, on the run clock."""

    def is_head(self, call: Call) -> bool:
        """Whether the answer to ``call`` has no body whatever its head says."""

    def is_idempotent(self, call: Call) -> bool:
        """Whether sending ``call`` twice is the same as once."""

    def done(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int, /) -> None:
        """A call has ended; ``status`` is 0 where no whole answer came, and ``error`` says why."""

    def retry(self, call: Call) -> None:
        """Send a call once more, elsewhere."""

    def release(self, connection: Connection, now: int) -> None:
        """The connection is free again, at ``now``."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One connection; carries one call at a time. httptools calls its ``on_…`` methods."""

    __slots__ = (
        "_body_bytes",
        "_complete",
        "_head",
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
        "visitor",
    )

    def __init__(self, owner: Owner, number: int) -> None:
        self._pool = owner
        self.number = number
        self.call: Call | None = None
        self.closed = False
        self.used = False
        self.visitor = -1
        """Whose connection it is, where connections follow sessions."""
        self.transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._head = b""
        self._body_bytes = 0
        self._status = 0
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
        if call.kept is not None and len(call.kept) < MAX_KEPT_BYTES:
            call.kept += data
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
        elif self._status >= 200 and self._pool.is_head(call):
            # The parser would wait for the body that a HEAD's answer announces.
            self._keeps = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)
            self._body_bytes = 0
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
        call.head = self._head
        status, body_bytes = self._status, self._body_bytes
        if self.closed or not self._keeps:
            self.close()
        else:
            self._pool.release(self, now)
        self._pool.done(call, status, "", now, body_bytes)

    def _may_retry(self, call: Call) -> bool:
        return call.attempt == 1 and call.reused and not call.first_byte and self._pool.is_idempotent(call)

    def _ends_with_connection(self) -> bool:
        head = self._head.partition(b"\r\n\r\n")[0].lower()
        return b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head
