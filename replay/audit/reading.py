"""Any file → passages: places and the texts that stand there, by readers of the auditor's own.

Segments (zstd-compressed JSON lines), JSON and JSON lines, Arrow and Parquet are read by what they hold; every other
file by its lines, or as bytes. Memory is bounded by one record, one batch of a table, or 4 MiB of a file.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from replay.audit.sealed import Opener, SealedError, messages
from replay.errors import InputError

_ZSTD = b"\x28\xb5\x2f\xfd"
_PIECE_BYTES = 4 << 20
_STEP_BYTES = 4 << 10  # a zstd block of 4 bytes can hold 128 KiB
_OVERLAP_BYTES = 4 << 10
_JSON_BYTES = 64 << 20
_TABLES = (".parquet", ".arrow", ".feather")


@dataclass(frozen=True, slots=True)
class Passage:
    """A record of a file: its bytes as they stand, and its leaves where it has a structure."""

    record: str
    """``line 12``, ``row group 3``, ``bytes from 0``."""
    text: bytes
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string, number or key within a record."""

    pointer: str
    text: bytes


class UnreadableError(ValueError):
    """A file, or the rest of it, that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to audit, and the path on the command line that it lies below."""

    root: Path
    path: Path


def files(paths: Sequence[Path]) -> list[Entry]:
    """The files that the paths mean, folders with everything below them; links are not followed.

    Raises:
        InputError: a path does not exist.
    """
    found: list[Entry] = []
    for path in paths:
        if path.is_symlink() or path.is_file():
            found.append(Entry(path.parent, path))
        elif path.is_dir():
            walk = os.walk(path, onerror=_complain)
            found += (Entry(path, Path(folder) / name) for folder, _, names in sorted(walk) for name in sorted(names))
        else:
            raise InputError(f"{path}: no such file or folder. Name a capture, a plan, a run, a report or a log.")
    return found


def _complain(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror}).")


def passages(path: Path, opened: Opener | None = None) -> Iterator[Passage]:
    """The passages of one file; ``opened`` opens encrypted segments.

    Raises:
        UnreadableError: it is damaged, cut off, encrypted, a link or no regular file; what stands before was given.
    """
    if path.is_symlink() or not path.is_file():
        raise UnreadableError("is a link or no regular file")
    if path.suffix == ".age" and opened is None:
        raise UnreadableError("is encrypted and no --identity was given")
    try:
        with path.open("rb") as file:
            if opened is not None and path.suffix == ".age":
                yield from _lines(_sealed(file, opened))
            elif path.suffix in _TABLES:
                yield from _table(path)
            elif file.peek(4)[:4] == _ZSTD:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    yield from _lines(_frames(content))
            elif path.suffix == ".json":
                yield from _document(file)
            else:
                yield from _lines(_pieces(file))
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be read") from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while content := file.read(1 << 18):
        yield content


def _sealed(file: BinaryIO, opened: Opener) -> Iterator[bytes]:
    """The content of all age messages; what does not open is told when the rest was given."""
    if not os.fstat(file.fileno()).st_size:
        return
    why = ""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            for message in messages(content, opened):
                try:
                    yield from _frames(message)
                except UnreadableError as error:
                    why = str(error)
        except SealedError as error:
            why = str(error)
    if why:
        raise UnreadableError(why)


def _frames(content: mmap.mmap | bytes) -> Iterator[bytes]:
    """The content of all zstd frames, as far as each reads; a damaged one does not hide those behind it."""
    begin, size, why = 0, len(content), ""
    while 0 <= begin < size:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        position = begin
        try:
            while not frame.eof and position < size:
                yield frame.decompress(content[position : position + _STEP_BYTES])
                position = min(position + _STEP_BYTES, size)
        except zstandard.ZstdError:
            why = "its compression is damaged"
            begin = content.find(_ZSTD, begin + len(_ZSTD))
        else:
            why = why if frame.eof else "is cut off"
            begin = position - len(frame.unused_data)
    if why:
        raise UnreadableError(why)


def _lines(pieces: Iterator[bytes]) -> Iterator[Passage]:
    """Line by line; a line of more than 4 MiB in pieces that overlap."""
    number, rest, base = 1, b"", 0
    failure: UnreadableError | None = None
    while True:
        try:
            piece = next(pieces, None)
        except UnreadableError as error:
            failure, piece = error, None
        if piece is None:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line:
                yield record_of(f"line {number}" if not base else f"line {number}, from byte {base}", line)
            number, base = number + 1, 0
        if len(rest) > _PIECE_BYTES:
            yield Passage(f"line {number}, from byte {base}", rest)
            base += len(rest) - _OVERLAP_BYTES
            rest = rest[-_OVERLAP_BYTES:]
    if rest:
        yield record_of(f"line {number}" if not base else f"line {number}, from byte {base}", rest)
    if failure:
        raise failure


def record_of(record: str, line: bytes) -> Passage:
    """A line, with its leaves where it is JSON."""
    return Passage(record, line, tuple(_leaves(line)) if line[:1] in b"{[" else ())


def _document(file: BinaryIO) -> Iterator[Passage]:
    content = file.read(_JSON_BYTES)
    yield Passage("document", content, tuple(_leaves(content)))
    if file.read(1):
        raise UnreadableError(f"is JSON of more than {_JSON_BYTES >> 20} MiB")


def _leaves(content: bytes) -> Iterator[Leaf]:
    try:
        parsed = json.loads(content, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, object]] = [("", parsed)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                yield Leaf(f"{pointer}/*", key.encode("utf-8", "surrogatepass"))
                waiting.append((f"{pointer}/{_shown(key)}", inner))
        elif isinstance(value, list):
            waiting += ((f"{pointer}/{index}", inner) for index, inner in enumerate(value))
        elif isinstance(value, str):
            yield Leaf(pointer, value.encode("utf-8", "surrogatepass"))


_FIELD = re.compile(
    "id|session|connection|started|requested|route|request|response|error|method|scheme|host|path|headers|body|version"
    "|status|connect_started|connected|first_byte|ended|bytes_out|bytes_in|base64|[$]opaque|type|format|capture|segment"
    "|name|created|source|versions|policy_name|policy_hash|templates|key_id|key_mode|session_by|origins|port|addresses"
    "|captured_share|seen|written|dropped|notes|duration_ns|segments|exchanges|size_bytes|complete|retention_days"
    "|plan_hash|lanes|hosts|routes|writes|left_out|requests|targets|verdict|reasons"
)


def _shown(key: str) -> str:
    """Only names of our own records are printed: any other key may itself be what leaked."""
    return key if _FIELD.fullmatch(key) else "*"


def _table(path: Path) -> Iterator[Passage]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as table:
                yield from _metadata(table.schema_arrow)
                for number, batch in enumerate(table.iter_batches(8192)):
                    yield from _batch(number, batch)
            return
        with pa.memory_map(str(path)) as source:
            yield from _arrow(source)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise UnreadableError("is no whole Arrow or Parquet table") from None


def _arrow(source: object) -> Iterator[Passage]:
    import pyarrow as pa

    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        stream = pa.ipc.open_stream(source)
        yield from _metadata(stream.schema)
        for number, batch in enumerate(stream):
            yield from _batch(number, batch)
        return
    yield from _metadata(reader.schema)
    for number in range(reader.num_record_batches):
        yield from _batch(number, reader.get_batch(number))


def _metadata(schema: object) -> Iterator[Passage]:
    yield Passage("schema", str(schema).encode())


def _batch(number: int, batch: object) -> Iterator[Passage]:
    """The columns that can hold a text, a passage each row; a dictionary's values once."""
    import pyarrow as pa

    assert isinstance(batch, pa.RecordBatch)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.dictionary if isinstance(column, pa.DictionaryArray) else column
        kind = values.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)):
            continue
        for row, value in enumerate(values.to_pylist()):
            if value:
                text = value.encode() if isinstance(value, str) else value
                yield Passage(f"batch {number}, column {name}, value {row}", text)
