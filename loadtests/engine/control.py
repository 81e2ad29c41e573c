"""The pipe between a Locust worker and its engine: JSON lines, commands in and reports out."""

from __future__ import annotations

import os
import sys

import msgspec

from replay.runs import Tick

SILENCE_NS = 3_000_000_000
"""An engine that heard no word from its worker for this long stops by itself."""
_MAX_UNREAD = 1 << 20


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Command: the run clock is zero at this time of the monotonic clock."""

    epoch_ns: int


class SetLanes(msgspec.Struct, frozen=True, tag="lanes"):
    """Command: run the lowest ``count`` of this worker's lanes."""

    count: int


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """Command: nothing new, the worker lives."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Command: send nothing more; open calls are recorded as ``stopped``."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Report: the plan is open, the engine can start."""


class RouteCounts(msgspec.Struct):
    """Of one route, since the last report."""

    route: str
    method: str
    requests: int = 0
    failures: int = 0
    total_ms: float = 0.0
    min_ms: float = 0.0
    max_ms: float = 0.0
    bytes_in: int = 0
    histogram: dict[int, int] = {}
    """Response times by Locust's bucket in milliseconds."""
    per_second: dict[int, int] = {}
    """Requests by the second of the run clock in which they ended."""
    failures_per_second: dict[int, int] = {}
    errors: dict[str, int] = {}


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """Report: a second has passed."""

    tick: Tick
    counts: list[RouteCounts]


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Report: the last; samples and journal are on disk."""

    ended: str
    reason: str


type Command = Start | SetLanes | Alive | Stop
type Report = Ready | Progress | Finished

commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def line(message: Command | Report) -> bytes:
    """``message`` as it travels."""
    return msgspec.json.encode(message) + b"\n"


def kept_output() -> int:
    """Our standard output under another number; what anybody prints from now on goes to standard error.

    A ``print`` of a hooks file in the midst of the reports would be the end of the run.
    """
    ours = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


class LineReader:
    """Cuts what comes through a non-blocking descriptor into lines."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._rest = b""
        self.ended = False

    def lines(self) -> list[bytes]:
        """The whole lines that can be read now; ``ended`` tells that no more will come."""
        while True:
            try:
                piece = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                break
            if not piece:
                self.ended = True
                break
            self._rest += piece
        *whole, self._rest = self._rest.split(b"\n")
        return whole


class Outbox:
    """Reports on their way to the worker; a worker that does not read never blocks the engine."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._rest = b""

    @property
    def clogged(self) -> bool:
        """Whether the worker has not read for long."""
        return len(self._rest) > _MAX_UNREAD

    def put(self, report: Report) -> None:
        """Send as much as the pipe takes."""
        self._rest += line(report)
        self._push()

    def finish(self) -> None:
        """Send the rest, waiting for the worker as long as it lives."""
        os.set_blocking(self._fd, True)
        self._push()

    def _push(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
        except BlockingIOError:
            return
        except OSError:  # the worker is gone; the end of our input says so too
            self._rest = b""
