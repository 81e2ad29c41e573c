"""``python -m loadtests.engine.writer``: writes an engine's samples, and tells the Locust worker what they amount to.

It is a process of its own because an engine must not wait, not even for the interpreter. It lives as long as the
engine's end of its input is open, and then finishes: what an engine handed over is on disk, however the engine ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from loadtests.engine import handover
from loadtests.engine.control import Outbox, Progress, RouteCounts
from loadtests.engine.counts import count, merge
from loadtests.engine.handover import RECORD, Begun, Failed, Names, Records, Written
from replay.journal import EngineTick
from replay.private_files import create_private
from replay.runs import Tick
from replay.samples import ERRORS, SCHEMA, SampleWriter, names

BATCH_ROWS = 8192
_NICENESS = 10
"""So far it stands back behind an engine on the same core; it needs a hundredth of one."""
_PROTOCOL = ("http/1.1",)
_NAMES = msgspec.json.Decoder(Names)
_TICKS = msgspec.json.Decoder(EngineTick)


class Writer:
    """Writes a batch a second, or every 8,192 samples.

    Args:
        samples: where they go.
        worker: number of the engine.
        journal: the engine's journal, to which ticks are added.
        listed: the list of what the run creates; None where there is none.
        outbox: reports to the Locust worker.
        told: told, once, why samples can no longer be written.
    """

    def __init__(
        self,
        samples: SampleWriter,
        worker: int,
        journal: BinaryIO,
        listed: BinaryIO | None,
        outbox: Outbox,
        told: Callable[[str], None],
    ) -> None:
        self._samples = samples
        self._worker = worker
        self._journal = journal
        self._listed = listed
        self._outbox = outbox
        self._told = told
        self._names = Names([], [])
        self._gathered: list[bytes] = []
        self._gathered_rows = 0
        self._counts: dict[tuple[str, str], RouteCounts] = {}
        self._failed = False
        self._last: Tick | None = None

    def take(self, kind: bytes, content: bytes) -> None:
        """Do as one frame says."""
        match kind:
            case handover.SAMPLES:
                self._gathered.append(content)
                self._gathered_rows += len(content) // RECORD.itemsize
                if self._gathered_rows >= BATCH_ROWS:
                    self._write()
            case handover.NAMES:
                self._write()
                self._names = _NAMES.decode(content)
            case handover.TICK:
                self._write()
                self._tick(content)
            case handover.LISTED if self._listed is not None:
                with contextlib.suppress(OSError):  # a full disk ends the run by its samples
                    self._listed.write(content)

    def close(self) -> int:
        """Write what is left, close the samples, and return how many there are."""
        self._write()
        if self._last is not None and self._counts:
            self._report(self._last)
        if not self._failed:
            self._samples.close()
        return self._samples.rows

    def _write(self) -> None:
        if not self._gathered:
            return
        records = np.frombuffer(b"".join(self._gathered), RECORD)
        self._gathered, self._gathered_rows = [], 0
        if self._failed:
            return
        try:
            self._samples.write(batch(records, self._names, self._worker))
        except (OSError, pa.ArrowException) as error:
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._fail(f"samples cannot be written ({why})")
            return
        merge(self._counts, count(records, self._names.routes, self._names.methods))

    def _tick(self, entry: bytes) -> None:
        try:
            self._journal.write(entry + b"\n")
        except OSError as error:
            self._fail(f"the journal cannot be written ({error.strerror})")
        self._last = _TICKS.decode(entry).tick
        if not self._outbox.clogged:  # else the counts stay with us and go out with a later report
            self._report(self._last)

    def _report(self, tick: Tick) -> None:
        counts, self._counts = self._counts, {}
        self._outbox.put(Progress(tick, list(counts.values())))

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._told(reason)


def batch(records: Records, known: Names, worker: int) -> pa.RecordBatch:
    """``records`` as rows of the table of samples."""
    rows = len(records)
    zeros = np.zeros(rows, np.int32)
    special = {
        "route": lambda: names(_column(records, "route"), known.routes),
        "method": lambda: names(_column(records, "method"), known.methods),
        "error": lambda: names(_column(records, "error"), ERRORS),
        "protocol": lambda: names(zeros.data, _PROTOCOL),
        "worker": lambda: _plain(pa.int32(), zeros + np.int32(worker)),
        "reused": lambda: _plain(pa.bool_(), np.packbits(records["reused"] != 0, bitorder="little"), rows),
    }
    columns = [
        special[name]() if name in special else _plain(field.type, np.ascontiguousarray(records[name]))
        for name, field in zip(SCHEMA.names, SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _column(records: Records, name: str) -> memoryview:
    return np.ascontiguousarray(records[name]).data


def _plain(kind: pa.DataType, values: np.ndarray[Any, Any], rows: int | None = None) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values) if rows is None else rows, [None, pa.py_buffer(values)])


def main() -> None:
    """Write for the engine that started this process, until it closes our input."""
    path, worker, journal, telling, *listed = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the engine ends us, with its input
    os.nice(_NICENESS)

    def say(word: Begun | Failed | Written) -> None:
        with contextlib.suppress(OSError):  # the engine was killed: nobody wants to know
            os.write(int(telling), msgspec.json.encode(word) + b"\n")

    def file(path: str) -> BinaryIO:
        return os.fdopen(create_private(Path(path)), "wb", buffering=0)

    outbox = Outbox(sys.stdout.fileno())
    try:
        writer = Writer(
            SampleWriter(Path(path)),
            int(worker),
            os.fdopen(int(journal), "wb", buffering=0),
            file(listed[0]) if listed else None,
            outbox,
            lambda reason: say(Failed(reason)),
        )
    except OSError as error:
        say(Failed(f"samples cannot be written ({error.strerror})"))
        return
    say(Begun())
    for kind, content in handover.frames(sys.stdin.buffer):
        writer.take(kind, content)
    samples = writer.close()
    outbox.finish()
    say(Written(samples))


if __name__ == "__main__":
    main()
