"""``arrival_server.py PORT LOG [AFTER STALL]``: answers every request at once and keeps when it came.

With ``AFTER`` and ``STALL`` it stands still once, so many seconds behind the first numbered request and for so many.
"""

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
STALL_BEGAN, STALL_ENDED = -2, -3
"""Stand for a request's number where a time is that of the stall."""


class Arrivals(asyncio.Protocol):
    """Takes whole requests only: they are smaller than a packet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        start = data.find(b"n=") + 2
        ARRIVALS.extend((int(data[start : data.index(b" ", start)]) if start > 1 else -1, now))
        self.transport.write(ANSWER)  # type: ignore[attr-defined]
        if STALL and start > 1:
            after_s, stall_s = STALL
            STALL.clear()
            asyncio.get_running_loop().call_later(after_s, stand_still, stall_s)


STALL: list[float] = []


def stand_still(seconds: float) -> None:
    ARRIVALS.extend((STALL_BEGAN, time.monotonic_ns()))
    time.sleep(seconds)
    ARRIVALS.extend((STALL_ENDED, time.monotonic_ns()))


async def serve(port: int, log: Path) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    await loop.create_server(Arrivals, "127.0.0.1", port, backlog=4096)
    await over.wait()
    log.write_bytes(ARRIVALS.tobytes())


if __name__ == "__main__":
    STALL.extend(map(float, sys.argv[3:]))
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
