"""The stopwatch's process, ``python -m replay.capture.stopwatch FD FOLDER``: when marked requests passed the proxy.

It stands where the sanitiser stands in a capture, behind the same addon, and keeps four numbers of every exchange.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import msgspec

from replay.capture.serving import say, work
from replay.capture.wire import COUNTERS, EXCHANGE, Counters, Done, Frame
from replay.errors import EXIT_INCOMPLETE, EXIT_OK
from replay.exchange import MARK_HEADER, RawExchange
from replay.private_files import create_private
from replay.samples import ERRORS

ROW = struct.Struct("<4q")
"""Trace; service time and time to the first byte (-1: unknown), nanoseconds; number of the error."""

_MARK = MARK_HEADER.lower().encode()


class Settings(msgspec.Struct, frozen=True):
    """What the launcher asks for."""

    output: str
    run_id: str


class Stopwatch:
    """Takes frames and writes a row of every exchange of one run."""

    def __init__(self, settings: Settings) -> None:
        self._file = os.fdopen(create_private(Path(settings.output)), "wb", buffering=1 << 16)
        self._mark = f"{settings.run_id}-".encode()
        self._decode = msgspec.msgpack.Decoder(RawExchange).decode
        self._in_order = False
        self.rows = 0

    def take(self, frame: Frame) -> None:
        """Take one frame of the addon."""
        if frame.kind == COUNTERS:
            self._in_order = msgspec.msgpack.decode(frame.payload, type=Counters).final
        if frame.kind != EXCHANGE:
            return
        exchange = self._decode(frame.payload)
        trace = self._trace(exchange)
        if trace is not None:
            self._file.write(ROW.pack(trace, *times(exchange)))
            self.rows += 1

    def drop(self, reason: str) -> None:
        """Nothing is to be done: the run counts the answers of which nothing is known here."""

    def tick(self, now_s: float) -> None:
        """Nothing is to be done in between."""

    def close(self, now_s: float) -> int:  # noqa: ARG002 - of a taker
        """Write what is left."""
        self._file.close()
        say(Done({"exchanges": self.rows}))
        return EXIT_OK if self._in_order else EXIT_INCOMPLETE

    def _trace(self, exchange: RawExchange) -> int | None:
        for name, value in exchange.request.headers:
            if name.lower() == _MARK and value.startswith(self._mark):
                rest = value.removeprefix(self._mark)
                return int(rest) if rest.isdigit() else None
        return None


def times(exchange: RawExchange) -> tuple[int, int, int]:
    """Service time, time to the first byte, and error, as a baseline has them of production."""
    opening = 0
    if exchange.connect_started and exchange.connected:
        opening = max(0, exchange.connected - max(exchange.connect_started, exchange.requested))
    begin = exchange.requested + opening
    error = exchange.error if exchange.error in ERRORS else ""
    return (
        max(0, exchange.ended - begin) if exchange.ended else -1,
        max(0, exchange.first_byte - begin) if exchange.first_byte else -1,
        ERRORS.index(error),
    )


def _stopwatch(content: bytes) -> Stopwatch:
    return Stopwatch(msgspec.json.decode(content, type=Settings))


if __name__ == "__main__":
    sys.exit(work(_stopwatch, "stopwatch"))
