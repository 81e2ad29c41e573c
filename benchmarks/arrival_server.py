"""``arrival_server.py PORT LOG``: answers every request at once and keeps when it came (for the benchmarks)."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from array import array
from pathlib import Path

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ARRIVALS = array("q")
"""Number of the request (``n=`` in its query) and the monotonic time of its arrival, alternating."""


class Arrivals(asyncio.Protocol):
    """Takes whole requests only: they are smaller than a packet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        start = data.find(b"n=") + 2
        ARRIVALS.extend((int(data[start : data.index(b" ", start)]) if start > 1 else -1, now))
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve(port: int, log: Path) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    await loop.create_server(Arrivals, "127.0.0.1", port, backlog=4096)
    await over.wait()
    log.write_bytes(ARRIVALS.tobytes())


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
