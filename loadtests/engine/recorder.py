"""Samples on their way to disk: packed into a buffer on the event loop, unpacked and written by a thread.

One C call packs a sample into 128 bytes; numpy turns a full buffer into columns. Memory is bounded: where the disk
cannot keep up, samples are lost and counted, and the load does not wait for them.
"""

from __future__ import annotations

import queue
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from loadtests.engine.calls import Call
from replay.samples import ERRORS, SCHEMA, SampleWriter, names

_WIDE = ("request", "session", "connection", "due", "intended", "ready", "sent", "first_byte", "end")
_WIDE_TOO = ("bytes_out", "bytes_in", "trace")
_NARROW = ("route", "method", "clone", "attempt", "status", "expected_status", "error", "reused")
RECORD = np.dtype([(name, "<i8") for name in _WIDE + _WIDE_TOO] + [(name, "<i4") for name in _NARROW])
_PACKED = struct.Struct("<12q8i")
_SIZE = _PACKED.size
_ERROR_NUMBER = {name: number for number, name in enumerate(ERRORS)}
_PROTOCOL = ("http/1.1",)

BUFFER_ROWS = 8192
MAX_BUFFERS = 64
"""What may wait for the disk: half a million samples, 64 MB."""

type Records = np.ndarray[Any, Any]


class Recorder:
    """Takes a sample of every call and writes them, a batch a second or a buffer, from its own thread."""

    def __init__(
        self,
        path: Path,
        worker: int,
        routes: Sequence[str],
        methods: Sequence[str],
        written: Callable[[Records], None],
    ) -> None:
        self._writer = SampleWriter(path)
        self._worker = worker
        self._routes = routes
        self._methods = methods
        self._written = written
        self._buffer = bytearray(BUFFER_ROWS * _SIZE)
        self._offset = 0
        self._full: queue.SimpleQueue[tuple[bytearray, int] | Callable[[], None] | None] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._waiting = 0
        self._thread = threading.Thread(target=self._write_all, name="samples", daemon=True)
        self._thread.start()
        self.samples = 0
        self.lost = 0
        self.failure = ""
        """Why samples can no longer be written; '' while they can."""

    def record(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        """Take the sample of ``call``, which ended at ``end_ns`` of the run clock."""
        row = call.row
        _PACKED.pack_into(
            self._buffer,
            self._offset,
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
        self._offset += _SIZE
        self.samples += 1
        if self._offset == len(self._buffer):
            self.flush()

    def flush(self) -> None:
        """Hand what was recorded to the thread."""
        rows = self._offset // _SIZE
        self._offset = 0
        if not rows:
            return
        if self._full.qsize() >= MAX_BUFFERS or self.failure:
            self.lost += rows
            self.samples -= rows
            return
        self._full.put((self._buffer, rows))
        try:
            self._buffer = self._free.get_nowait()
        except queue.Empty:
            self._buffer = bytearray(BUFFER_ROWS * _SIZE)

    def later(self, action: Callable[[], None]) -> None:
        """Have the thread do ``action`` behind what was handed to it so far."""
        self._full.put(action)

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        self._full.put(None)
        self._thread.join()
        if not self.failure:
            self._writer.close()

    def _write_all(self) -> None:
        while (item := self._full.get()) is not None:
            if callable(item):
                item()
                continue
            buffer, rows = item
            records = np.frombuffer(buffer, RECORD, rows)
            try:
                self._writer.write(self._batch(records))
            except (OSError, pa.ArrowException) as error:
                self.failure = self.failure or f"samples cannot be written ({type(error).__name__})"
                self.lost += rows
                self.samples -= rows
                continue
            self._written(records)
            del records
            self._free.put(buffer)

    def _batch(self, records: Records) -> pa.RecordBatch:
        rows = len(records)
        zeros = np.zeros(rows, np.int32)
        special = {
            "route": lambda: names(_column(records, "route"), self._routes),
            "method": lambda: names(_column(records, "method"), self._methods),
            "error": lambda: names(_column(records, "error"), ERRORS),
            "protocol": lambda: names(zeros.data, _PROTOCOL),
            "worker": lambda: _plain(pa.int32(), zeros + np.int32(self._worker)),
            "reused": lambda: _plain(pa.bool_(), np.packbits(records["reused"] != 0, bitorder="little"), rows),
        }
        columns = [
            special[field.name]()
            if field.name in special
            else _plain(field.type, np.ascontiguousarray(records[field.name]))
            for field in SCHEMA
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _column(records: Records, name: str) -> memoryview:
    return np.ascontiguousarray(records[name]).data


def _plain(kind: pa.DataType, values: np.ndarray[Any, Any], rows: int | None = None) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values) if rows is None else rows, [None, pa.py_buffer(values)])
