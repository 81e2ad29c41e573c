"""Parquet: a batch of rows at a time, column by column; a column's distinct values are mapped once a batch."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from replay.errors import InputError
from replay.pseudonymise.columns import check_names
from replay.pseudonymise.mapped import Column, Mapped
from replay.sanitize.dates import UNIX_DAY

BATCH_ROWS = 8192
_UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY_NS = 86_400 * 10**9
_MAPPED = (
    *(types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal),
    *(types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_fixed_size_binary),
    *(types.is_date, types.is_time, types.is_timestamp),
)
_KEPT = (
    *(types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_nested),
    *(types.is_string, types.is_large_string, types.is_date, types.is_time, types.is_timestamp, types.is_duration),
)
"""What may be kept: nested columns have an error of their own, and nothing can judge what bytes hold."""


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
            schema = pa.schema(
                [_field(table.schema_arrow.field(at), columns[at].choice.treatment, mapped) for at in taken]
            )
            with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
                for batch in table.iter_batches(batch_size=BATCH_ROWS):
                    arrays = [
                        _array(mapped, columns[at], batch.column(at), schema.field(number).type)
                        for number, at in enumerate(taken)
                    ]
                    mapped.rows += batch.num_rows
                    writer.write_batch(pa.record_batch(arrays, schema=schema))
    except (pa.ArrowException, OSError, OverflowError, ValueError):
        raise InputError(
            f"{path}: is no Parquet file, is damaged near row {mapped.rows + 1}, or has a column whose constant or "
            "pseudonyms its type cannot hold. Drop that column, or export the table again; nothing was written."
        ) from None


def _field(field: pa.Field, treatment: str, mapped: Mapped) -> pa.Field:
    """The column as it is written."""
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if treatment == "keep" and not any(is_kind(kind) for is_kind in _KEPT):
        raise InputError(f"{mapped.where}: column '{field.name}' is {kind}, which may hold anything. Map or drop it.")
    if treatment == "pseudonym":
        if not _has_map(kind):
            raise InputError(f"{mapped.where}: column '{field.name}' is {kind}, which has no map. Keep or drop it.")
        if types.is_integer(kind) and kind not in {pa.int32(), pa.int64(), pa.uint64()}:
            kind = pa.int64()
    return pa.field(field.name, kind)


def _has_map(kind: pa.DataType) -> bool:
    if types.is_struct(kind):
        return all(_has_map(kind.field(n).type) for n in range(kind.num_fields))
    if types.is_map(kind):
        return _has_map(kind.key_type) and _has_map(kind.item_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _has_map(kind.value_type)
    return any(is_kind(kind) for is_kind in _MAPPED)


def _array(mapped: Mapped, column: Column, values: pa.Array, kind: pa.DataType) -> pa.Array:
    treatment = column.choice.treatment
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if treatment == "constant":
        text = [column.choice.value if valid else None for valid in values.is_valid().to_pylist()]
        return pa.array(text, pa.string()).cast(kind)
    if types.is_timestamp(kind) or types.is_date(kind):
        return values if treatment == "keep" else _moved(mapped, values)
    if types.is_nested(kind):
        if treatment == "keep":
            raise InputError(f"{mapped.where}: column '{column.name}' is nested: keep its members in the policy.")
        return pa.array([_nested(mapped, kind, column.choice.value, value) for value in values.to_pylist()], kind)
    encoded = values.dictionary_encode()
    images = [_image(mapped, column, value) for value in encoded.dictionary.to_pylist()]
    return pa.array(images, kind).take(encoded.indices)


def _moved(mapped: Mapped, values: pa.Array) -> pa.Array:
    """Days and times moved as numbers, so that those beyond Python's calendar have an image too: themselves."""
    kind = values.type
    bits = pa.int32() if types.is_date32(kind) else pa.int64()
    unit_ns = _DAY_NS if types.is_date32(kind) else _UNITS_NS[kind.unit] if types.is_timestamp(kind) else 10**6
    last = (1 << bits.bit_width - 1) - 1
    end = last - 2 * _DAY_NS // unit_ns
    """Within two days of what the type can hold a time means "never", as at the calendar's ends."""

    def moved(number: int) -> int:
        if abs(number) >= end:
            return number
        if types.is_date(kind):
            per_day = _DAY_NS // unit_ns
            image = (mapped.cells.moved_day(number // per_day + UNIX_DAY) - UNIX_DAY) * per_day
        else:
            image = mapped.cells.moment_ns(number * unit_ns) // unit_ns
        return image if abs(image) < end else 2 * number - image  # as far the other way

    numbers = values.cast(bits).to_pylist()
    return pa.array([None if n is None else moved(n) for n in numbers], bits).cast(kind)


def _nested(mapped: Mapped, kind: pa.DataType, name: str, value: Any) -> Any:
    mapped.cells.begin()
    image = _inside(mapped, kind, name, value)
    mapped.compare(_texts(value), _texts(image))
    return image


def _inside(mapped: Mapped, kind: pa.DataType, name: str, value: Any) -> Any:
    """The image of a nested value; the names of a struct are the table's and stay, the keys of a map are data."""
    if value is None:
        return None
    if types.is_struct(kind):
        fields = (kind.field(number) for number in range(kind.num_fields))
        return {field.name: _inside(mapped, field.type, field.name, value[field.name]) for field in fields}
    if types.is_map(kind):
        return [
            (_inside(mapped, kind.key_type, name, key), _inside(mapped, kind.item_type, name, item))
            for key, item in value
        ]
    if types.is_nested(kind):
        return [_inside(mapped, kind.value_type, name, each) for each in value]
    return mapped.cells.node(name, value)


def _image(mapped: Mapped, column: Column, value: Any) -> Any:
    cells = mapped.cells
    cells.begin()
    if value is None:
        return None
    image = (
        _kept(mapped, column, value) if column.choice.treatment == "keep" else cells.node(column.choice.value, value)
    )
    if column.choice.treatment != "keep" and isinstance(value, (str, int)) and not isinstance(value, bool):
        column.see(str(value), str(image))
    mapped.compare(_texts(value), _texts(image))
    return image


def _kept(mapped: Mapped, column: Column, value: Any) -> Any:
    """A text or a number itself where no veto speaks; booleans, times and durations always."""
    kept = mapped.cells.kept_text(column.name)
    if isinstance(value, str):
        return kept(value)
    text = next(iter(_texts(value)), "")
    return value if not text or kept(text) == text else mapped.cells.node(column.name, value)


def _texts(value: Any) -> Iterable[str]:
    """What the gate reads of a value; times are moved by arithmetic, and their digits say nothing."""
    match value:
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple():
            for each in value:
                yield from _texts(each)
        case str():
            yield value
        case bytes():
            yield value.decode("latin-1")
        case Decimal():
            yield format(value, "f")
        case int() | float() if not isinstance(value, bool):
            yield repr(value)
