"""A small real HTTP service in a thread: answers after a while, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Collection


class Service:
    """Serves ``GET`` on 127.0.0.1 with a body of JSON; every answer takes ``latency_s`` and a little more.

    Args:
        latency_s: median time to answer.
        paths: where given, any other path (query included) is answered 404.
        refuses_after_s: closes its listening socket and all connections so long after the start.
        stalls_after_s: accepts no connection and answers nothing any more from then on.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.015,
        paths: Collection[str] | None = None,
        refuses_after_s: float | None = None,
        stalls_after_s: float | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self._latency_s = latency_s
        self._paths = paths
        self._refuses_after_s = refuses_after_s
        self._stalls_after_s = stalls_after_s
        self._random = random.Random(7)
        self._first_request = asyncio.Event()
        self._stalled = False
        self._ready = threading.Event()
        self._address = address
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = port
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self.port}"

    def stop(self) -> None:
        """End the service and wait for its thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._connection, self._address, self.port, backlog=128)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        misbehaving = asyncio.create_task(self._misbehave(server))
        await self._over.wait()
        misbehaving.cancel()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _misbehave(self, server: asyncio.Server) -> None:
        await self._first_request.wait()
        if self._refuses_after_s is not None:
            await asyncio.sleep(self._refuses_after_s)
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
        if self._stalls_after_s is not None:
            await asyncio.sleep(self._stalls_after_s)
            self._stalled = True

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode("latin-1")
                await self._answer(path, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        self.requests.append(path)
        self._first_request.set()
        await asyncio.sleep(self._latency_s * self._random.lognormvariate(0, 0.25))
        if self._stalled:
            await asyncio.sleep(3600)
        known = self._paths is None or path in self._paths
        body = b'{"ok": true}' if known else b'{"ok": false}'
        status = b"200 OK" if known else b"404 Not Found"
        writer.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )
        await writer.drain()
