"""The event loop of an engine: where it has a hooks file, what the file opens through the loop is looked at too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import uvloop

from loadtests.engine.admission import Admitted
from loadtests.engine.hooks_file import Guard
from replay.errors import RefusedError


class GuardedLoop(uvloop.Loop):
    """A loop whose connections lead to the run's own ways, or where the guard of the hooks file lets them.

    uvloop connects and sends datagrams without Python's sockets, so the guard, an audit hook of those, would not be
    asked.
    """

    guard: Guard
    ways: Collection[tuple[str, int]]

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """As of any loop; raises RefusedError where no target may be."""
        if host is not None and (host, port) not in self.ways:
            self.guard("socket.connect", (None, (host, port)))
        return await super().create_connection(protocol_factory, host, port, **options)

    async def create_datagram_endpoint(
        self, protocol_factory: Callable[[], Any], local_addr: Any = None, remote_addr: Any = None, **options: Any
    ) -> Any:
        """As of any loop, to one place; raises RefusedError where no target may be, or where none is named."""
        if remote_addr is None:
            raise RefusedError("a hooks file sends datagrams to one address, which remote_addr names.")
        self.guard("socket.connect", (None, remote_addr))
        return await super().create_datagram_endpoint(protocol_factory, local_addr, remote_addr, **options)


def event_loop(order: Admitted) -> asyncio.AbstractEventLoop:
    """A new loop for ``order``."""
    if order.hooks is None:
        return uvloop.new_event_loop()
    loop = GuardedLoop()
    loop.guard = Guard(order.interlock)
    loop.ways = {(way.address, way.port) for way in order.ways()}
    return loop
