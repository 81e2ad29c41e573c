"""The one table of samples: its schema, the columns' meaning, and its writer.

A sample is one request of a run, whether production made it (a baseline) or Locust did. Times are int64
nanoseconds from the run's start. Two latencies are derived from them and never confused:

    lag            ready − intended     the generator's own lateness; only this can make a run INVALID
    response time  end − intended       what is judged: waiting for a connection belongs to the target
    service time   end − sent

Production's times were measured at a proxy (request complete → upstream body complete) and staging's at the
client; the report says so.

A run writes one Arrow stream per worker, a batch a second, readable up to its last whole batch after a crash,
and compacts it to Parquet at its end. Every reader accepts both.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from replay.errors import InputError
from replay.private_files import create_private
from replay.storage import files_in, held, open_table

_NAMES = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("request", pa.int64()),  # row of the plan (of the capture, in a baseline)
        ("route", _NAMES),
        ("method", _NAMES),
        ("session", pa.int64()),
        ("clone", pa.int32()),
        ("worker", pa.int32()),
        ("connection", pa.int64()),
        ("attempt", pa.int32()),  # 1, or 2 after a safe retry on a fresh connection
        ("protocol", _NAMES),
        ("due", pa.int64()),  # when the plan wanted it sent
        ("intended", pa.int64()),  # max(due, end of what it depends on)
        ("ready", pa.int64()),  # when the engine was free to send it
        ("sent", pa.int64()),
        ("first_byte", pa.int64()),  # 0 where none came
        ("end", pa.int64()),
        ("status", pa.int32()),  # 0: no response
        ("expected_status", pa.int32()),
        ("error", _NAMES),  # '' or one of ERRORS
        ("bytes_out", pa.int64()),
        ("bytes_in", pa.int64()),
        ("reused", pa.bool_()),
        ("trace", pa.int64()),  # id that the marking header carried; 0 where none
    ]
)

ERRORS = ("", "timeout", "connect", "reset", "protocol", "tls", "unresolved", "stopped", "refused", "ceiling", "hook")
"""The classes of ``error``. ``stopped`` is nobody's fault; ``refused`` (interlock) and ``hook`` (a hooks
file failed) were never sent."""

RESERVE_BYTES = 1 << 20
STREAM_SUFFIX = ".arrow"
TABLE_SUFFIX = ".parquet"


def sample_files(run: Path) -> list[Path]:
    """The sample files of a run, compacted ones instead of the streams they were made from."""
    found = [run / name for name in files_in(run) if name.startswith("samples-") and "/" not in name]
    tables = [path for path in found if path.suffix == TABLE_SUFFIX]
    done = {path.stem for path in tables}
    return tables + [path for path in found if path.suffix == STREAM_SUFFIX and path.stem not in done]


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The record batches of one sample file; a stream that was cut off ends after its last whole batch.

    Raises:
        InputError: the file is no table of samples, or one of another schema.
    """
    try:
        if path.suffix == TABLE_SUFFIX:
            import pyarrow.parquet as pq  # not by what only writes streams: an engine is to be ready soon

            with open_table(path) as source, pq.ParquetFile(source) as table:
                _check(path, table.schema_arrow)
                yield from table.iter_batches()
            return
        # A stream may have been cut off by a crash, but not by the store that holds it.
        with held(path), open_table(path) as source, pa.ipc.open_stream(source) as stream:
            _check(path, stream.schema)
            while True:
                try:
                    yield stream.read_next_batch()
                except (StopIteration, pa.ArrowInvalid, OSError):
                    return
    except (pa.ArrowInvalid, OSError):
        raise InputError(f"{path}: is no table of samples, or is damaged. Make the run again.") from None


def _check(path: Path, schema: pa.Schema) -> None:
    if schema.names != SCHEMA.names:
        raise InputError(f"{path}: its columns are not those of run/1. Make the run again with this version.")


class SampleWriter:
    """Writes samples as an Arrow stream, one record batch a call.

    The file is flushed with every batch, so a crash loses at most what was not yet handed over. A batch of no rows
    comes first: Arrow writes the schema with the first one only, and before it the file can be read by nobody.
    The last MiB of a disk is left free, so that the run's manifest can still say what was lost.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._file = os.fdopen(create_private(path), "wb")
        self._writer = pa.ipc.new_stream(self._file, SCHEMA)
        self.rows = 0
        self.write(pa.RecordBatch.from_arrays([pa.array([], field.type) for field in SCHEMA], schema=SCHEMA))

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch of ``SCHEMA`` and flush it to the operating system; raises OSError for want of room."""
        if shutil.disk_usage(self._folder).free < batch.nbytes + RESERVE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._writer.write_batch(batch)
        self._file.flush()
        self.rows += batch.num_rows

    def close(self) -> None:
        """Write the end marker and close the file."""
        self._writer.close()
        self._file.close()


def compact(run: Path, change: Callable[[pa.Table], pa.Table] | None = None) -> int:
    """Turn the streams of ``run`` into Parquet, one file each, and return the number of samples of the run.

    ``change`` may change the samples of a part on their way.

    Memory is bounded by one batch. A stream goes only when its table is complete under its final name; where the disk
    has no room for that, it stays: every reader takes it as well.
    """
    for stream in sorted(run.glob(f"samples-*{STREAM_SUFFIX}")):
        table = stream.with_suffix(TABLE_SUFFIX)
        part = table.with_name(f".{table.name}.part")
        part.unlink(missing_ok=True)
        try:
            _tabulate(stream, part, change)
        except OSError:
            part.unlink(missing_ok=True)
            continue
        part.replace(table)
        stream.unlink()
    return sum(_rows(path) for path in sample_files(run))


def _tabulate(stream: Path, table: Path, change: Callable[[pa.Table], pa.Table] | None) -> None:
    import pyarrow.parquet as pq  # as in read_batches

    with (
        os.fdopen(create_private(table), "wb") as file,
        pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
    ):
        for batches in _groups(read_batches(stream)):
            unified = pa.Table.from_batches(batches, SCHEMA).unify_dictionaries()
            writer.write_table(unified if change is None else change(unified))


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq  # as in read_batches

    if path.suffix == TABLE_SUFFIX:
        return int(pq.read_metadata(path).num_rows)
    return sum(batch.num_rows for batch in read_batches(path))


def _groups(batches: Iterator[pa.RecordBatch], size: int = 1 << 17) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        if rows >= size:
            yield group
            group, rows = [], 0
    if group:
        yield group


def names(values: Sequence[int] | memoryview, dictionary: Sequence[str]) -> pa.DictionaryArray:
    """A dictionary-encoded column from int32 indices (any buffer) without importing pandas."""
    buffer = pa.py_buffer(memoryview(values).cast("B"))  # type: ignore[arg-type]
    indices = pa.Array.from_buffers(pa.int32(), len(values), [None, buffer])
    return pa.DictionaryArray.from_arrays(indices, _strings(tuple(dictionary)))


def _strings(values: tuple[str, ...]) -> pa.StringArray:
    encoded = [value.encode() for value in values]
    offsets = bytearray((0).to_bytes(4, "little"))
    end = 0
    for value in encoded:
        end += len(value)
        offsets += end.to_bytes(4, "little")
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(bytes(offsets)), pa.py_buffer(b"".join(encoded)))
