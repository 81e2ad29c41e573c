"""Samples on their way to disk: packed into a buffer on the event loop, and handed to a process that writes them.

One C call packs a sample into 128 bytes, and one write puts 64 kB of them into a pipe; a thread that writes holds the
interpreter for milliseconds. Memory is bounded: where the disk cannot keep up, samples are lost and counted, and
the load does not wait for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loadtests.engine.calls import Call
from loadtests.engine.control import LineReader
from loadtests.engine.handover import (
    HEAD,
    LISTED,
    NAMES,
    PACKED,
    SAMPLES,
    TICK,
    Begun,
    Failed,
    Names,
    Written,
    words,
)
from replay.errors import InputError
from replay.journal import EngineTick
from replay.samples import ERRORS, read_batches

WRITER = "loadtests.engine.writer"
BUFFER_ROWS = 512
MAX_WAITING_BYTES = 64 << 20
"""What may wait for the disk: half a million samples."""
_PIPE_BYTES = 1 << 20
_ERROR_NUMBER = {name: number for number, name in enumerate(ERRORS)}


class Recorder:
    """Takes a sample of every call, and hands them to its writer twice a thousand or once a second.

    Args:
        loop: waits for room in the pipe, and for the writer's words.
        path: the samples' file.
        worker: number of the engine.
        routes: their names, which may become more.
        methods: likewise.
        journal: descriptor of the engine's journal, to which the writer adds ticks.
        output: descriptor on which the Locust worker is told the counts; ours again when this has closed.
        listed: the file of what the run created; None where it is not listed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        worker: int,
        routes: Sequence[str],
        methods: Sequence[str],
        journal: int,
        output: int,
        listed: Path | None = None,
    ) -> None:
        self._loop = loop
        self._path = path
        self._routes = routes
        self._methods = methods
        self._told = (0, 0)
        reading, self._pipe = os.pipe()
        hearing, telling = os.pipe()
        self._words = LineReader(hearing)
        self._hearing = hearing
        command = [sys.executable, "-m", WRITER, *map(str, (path, worker, journal, telling))]
        if listed is not None:
            command.append(str(listed))
        self._process = subprocess.Popen(command, stdin=reading, stdout=output, pass_fds=(journal, telling))
        os.close(reading)
        os.close(telling)
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(AttributeError, OSError):  # not on every system, not beyond the user's limit
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        loop.add_reader(hearing, self._listen)
        self._buffer = bytearray(HEAD.size + BUFFER_ROWS * PACKED.size)
        self._end = HEAD.size
        self._waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        """What the pipe had no room for yet."""
        self.writer_pid = self._process.pid
        self.begun: asyncio.Future[None] = loop.create_future()
        """Done when the writer has loaded, which would take an engine on the same core a tenth of its first seconds,
        or never will."""
        self._written: Written | None = None
        self._closing = False
        self.samples = 0
        self.lost = 0
        """Of these, those that are known not to be on disk."""
        self.failure = ""
        """Why samples can no longer be written; '' while they can."""

    def record(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        """Take the sample of ``call``, which ended at ``end_ns`` of the run clock."""
        row = call.row
        PACKED.pack_into(
            self._buffer,
            self._end,
            row.request,
            row.session,
            call.connection,
            call.due,
            call.intended,
            call.ready,
            call.sent or end_ns,
            call.first_byte,
            end_ns,
            len(call.wire),
            bytes_in,
            call.trace,
            row.route,
            row.method,
            call.lane.clone,
            call.attempt,
            status,
            row.expected,
            _ERROR_NUMBER[error],
            call.reused,
        )
        self._end += PACKED.size
        if self._end == len(self._buffer):
            self.flush()

    def flush(self) -> None:
        """Hand over what was recorded."""
        size, self._end = self._end - HEAD.size, HEAD.size
        if not size:
            return
        rows = size // PACKED.size
        if self.waiting_bytes >= MAX_WAITING_BYTES or self.failure:
            self.lost += rows
            return
        self.samples += rows
        known = len(self._routes), len(self._methods)
        if known != self._told:
            self._told = known
            self._hand(NAMES, msgspec.json.encode(Names(self._routes, self._methods)))
        HEAD.pack_into(self._buffer, 0, SAMPLES, size)
        self._send(memoryview(self._buffer)[: HEAD.size + size])

    def tick(self, tick: EngineTick) -> None:
        """Have ``tick`` written to the journal, and the counts of the samples so far told to the Locust worker."""
        self._hand(TICK, msgspec.json.encode(tick))

    def list(self, lines: bytes) -> None:
        """Add ``lines`` to the list of what the run created."""
        self._hand(LISTED, lines)

    def close(self) -> None:
        """Wait until everything is written; ``samples`` and ``lost`` are final then."""
        self.flush()
        self._closing = True
        self._loop.remove_reader(self._hearing)
        self._loop.remove_writer(self._pipe)
        os.set_blocking(self._pipe, True)
        with contextlib.suppress(OSError):  # it is gone, and did not say how far it came
            for rest in self._waiting:
                _write_all(self._pipe, rest)
        os.close(self._pipe)
        os.set_blocking(self._hearing, True)
        self._listen()
        os.close(self._hearing)
        self._process.wait()
        written = self._written.samples if self._written is not None else _readable(self._path)
        self.lost += self.samples - written
        self.samples = written

    def _hand(self, kind: bytes, content: bytes) -> None:
        self._send(memoryview(HEAD.pack(kind, len(content)) + content))

    def _send(self, frame: memoryview) -> None:
        if not self._waiting:
            try:
                frame = frame[os.write(self._pipe, frame) :]
            except BlockingIOError:
                pass
            except OSError:
                return  # it is gone; the end of its words says so
            if not frame:
                return
            self._loop.add_writer(self._pipe, self._push)
        self._waiting.append(bytes(frame))
        self.waiting_bytes += len(frame)

    def _push(self) -> None:
        try:
            while self._waiting:
                written = os.write(self._pipe, self._waiting[0])
                self.waiting_bytes -= written
                if written < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][written:]
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()
        self._loop.remove_writer(self._pipe)

    def _listen(self) -> None:
        for line in self._words.lines():
            match words.decode(line):
                case Begun():
                    self._begin()
                case Failed(reason):
                    self.failure = self.failure or reason
                case Written() as last:
                    self._written = last
        if self._words.ended and not self._closing:
            self._loop.remove_reader(self._hearing)
            self.failure = self.failure or "the process that writes samples is gone"
            self._begin()

    def _begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)


def _write_all(fd: int, content: bytes) -> None:
    while content:
        content = content[os.write(fd, content) :]


def _readable(path: Path) -> int:
    try:
        return sum(batch.num_rows for batch in read_batches(path))
    except InputError:
        return 0
