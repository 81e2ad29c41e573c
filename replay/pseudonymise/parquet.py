"""Parquet: a batch of rows at a time, column by column; a column's distinct values are mapped once a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from replay.errors import InputError
from replay.pseudonymise.columns import check_names
from replay.pseudonymise.mapped import Column, Mapped

BATCH_ROWS = 8192
_UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def convert(path: Path, sink: BinaryIO, mapped: Mapped) -> None:
    """Write the image of a Parquet file; nothing of the file's own metadata is copied.

    Integers of less than 32 bits, and unsigned ones of 32, are written with 64: an image keeps the count of digits.

    Raises:
        InputError: it is none, is damaged, or has a column of a type that has no map.
    """
    try:
        with pq.ParquetFile(path) as table:
            check_names(table.schema_arrow.names, mapped.where)
            columns = [mapped.column(name) for name in table.schema_arrow.names]
            taken = [at for at, each in enumerate(columns) if each.choice.treatment != "drop"]
            fields = [table.schema_arrow.field(at) for at in taken]
            schema = pa.schema(
                [pa.field(f.name, _type_of(f, columns[at])) for f, at in zip(fields, taken, strict=True)]
            )
            with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
                for batch in _batches(table):
                    arrays = [
                        _array(mapped, columns[at], batch.column(at), schema.field(n).type)
                        for n, at in enumerate(taken)
                    ]
                    mapped.rows += batch.num_rows
                    writer.write_batch(pa.record_batch(arrays, schema=schema))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, OverflowError):
        raise InputError(
            f"{path}: is no Parquet file, is damaged near row {mapped.rows + 1}, or has a column of a type that "
            "cannot be mapped. Drop that column, or export the table again; nothing was written."
        ) from None


def _batches(table: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    yield from table.iter_batches(batch_size=BATCH_ROWS)


def _type_of(field: pa.Field, column: Column) -> pa.DataType:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if column.choice.treatment in {"constant", "keep"}:
        return kind
    if pa.types.is_integer(kind) and kind not in {pa.int32(), pa.int64(), pa.uint64()}:
        return pa.int64()
    return kind


def _array(mapped: Mapped, column: Column, values: pa.Array, kind: pa.DataType) -> pa.Array:
    choice = column.choice
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if choice.treatment == "constant":
        text = [choice.value if valid else None for valid in values.is_valid().to_pylist()]
        return pa.array(text, pa.string()).cast(kind)
    if pa.types.is_timestamp(values.type):
        return values if choice.treatment == "keep" else _moved(mapped, values)
    if pa.types.is_nested(values.type):
        return pa.array([_image(mapped, column, value) for value in values.to_pylist()], kind)
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    images = [_image(mapped, column, value) for value in distinct]
    return pa.array(images, kind).take(encoded.indices)


def _moved(mapped: Mapped, values: pa.Array) -> pa.Array:
    unit_ns = _UNITS_NS[values.type.unit]
    numbers = values.cast(pa.int64()).to_pylist()
    moved = [None if n is None else mapped.cells.moment_ns(n * unit_ns) // unit_ns for n in numbers]
    return pa.array(moved, pa.int64()).cast(values.type)


def _image(mapped: Mapped, column: Column, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    cells, name = mapped.cells, column.choice.value or column.name
    cells.begin()
    if column.choice.treatment == "keep":
        if isinstance(value, str):
            return cells.kept_text(column.name)(value)
        return value if not isinstance(value, int) else int(cells.kept_text(column.name)(str(value)))
    image = cells.node(name, value)
    if isinstance(value, (str, int)):
        column.see(str(value), str(image))
        if isinstance(value, str):
            mapped.compare([value], [image])
    return image
