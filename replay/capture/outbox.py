"""A bounded queue in front of a pipe that never makes its owner wait."""

from __future__ import annotations

import asyncio
import os
import select
from collections import deque

LIMIT_BYTES = 64 << 20
_TURN_BYTES = 256 << 10
_TURN_FRAMES = 64
_DELAY_S = 0.005


class Outbox:
    """Hands frames to the reader of ``fd`` from within an event loop, without ever blocking it.

    ``put`` only appends. A few milliseconds later, when the exchange at hand has been answered, what has come
    together is written in turns of at most 256 KiB, so that the loop serves traffic in between. At most ``limit``
    bytes are held: beyond, ``put`` says no. When the reader is gone, what is held is forgotten and ``broken`` is set.
    """

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop, *, limit: int = LIMIT_BYTES) -> None:
        self.broken = False
        """The reader is gone: nothing is taken any more."""
        self.held_bytes = 0
        self.forgotten = 0
        """Frames that were taken and could not be handed over, because the reader went away."""
        self._fd = fd
        self._loop = loop
        self._limit = limit
        self._frames: deque[bytes | bytearray] = deque()
        self._offset = 0
        self._scheduled = False
        os.set_blocking(fd, False)

    def put(self, frame: bytes | bytearray, *, always: bool = False) -> bool:
        """Take a frame and return True; False where it does not fit (unless ``always``) or the reader is gone."""
        if self.broken or (self.held_bytes + len(frame) > self._limit and not always):
            return False
        self._frames.append(frame)
        self.held_bytes += len(frame)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_later(_DELAY_S, self._turn)
        return True

    def close(self, patience_s: float) -> None:
        """Hand over what is held and close the pipe; give up where the reader takes nothing for ``patience_s``."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while self._frames and not self.broken:
            if not poll.poll(1000 * patience_s):
                self._break()
            else:
                self._write()
        if self._scheduled:
            self._loop.remove_writer(self._fd)
        self.broken = True
        os.close(self._fd)

    def _turn(self) -> None:
        self._scheduled = False
        if self.broken:
            return
        full = self._write()
        if self._frames and not self.broken:
            self._scheduled = True
            if full:
                self._loop.add_writer(self._fd, self._resume)
            else:
                self._loop.call_soon(self._turn)

    def _resume(self) -> None:
        self._loop.remove_writer(self._fd)
        self._turn()

    def _write(self) -> bool:
        """Write one turn; True where the pipe is full."""
        parts: list[bytes | memoryview] = []
        size = 0
        for frame in self._frames:
            part = memoryview(frame)[self._offset :] if not parts and self._offset else memoryview(frame)
            parts.append(part[: _TURN_BYTES - size])
            size += len(parts[-1])
            if size >= _TURN_BYTES or len(parts) >= _TURN_FRAMES:
                break
        try:
            written = os.writev(self._fd, parts)
        except BlockingIOError:
            return True
        except OSError:
            self._break()
            return False
        self.held_bytes -= written
        written += self._offset
        while self._frames and written >= len(self._frames[0]):
            written -= len(self._frames.popleft())
        self._offset = written
        return False

    def _break(self) -> None:
        self.broken = True
        self.forgotten += len(self._frames)
        self._frames.clear()
        self.held_bytes = self._offset = 0
