"""Columns of a batch of samples as numpy arrays, without pandas.

pyarrow's own ``to_numpy`` and ``fill_null`` import pandas, which takes longer than a verdict on a small run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.histogram import Integers


def numbers(batch: pa.RecordBatch, name: str) -> Integers:
    """A column of whole numbers; 0 where one is missing. A view of the batch where none is."""
    return _values(batch.column(name))


def indices(column: pa.DictionaryArray) -> NDArray[np.int32]:
    """The place of each row's name in the dictionary; 0 where it has none."""
    return _values(column.indices)


def flags(batch: pa.RecordBatch, name: str, *, missing: bool) -> NDArray[np.bool_]:
    """A column of booleans."""
    column = batch.column(name)
    known, values = column.buffers()
    found = _bits(values, column.offset, len(column))
    return found if known is None else np.where(_bits(known, column.offset, len(column)), found, missing)


def _values(column: pa.Array) -> NDArray[Any]:
    known, values = column.buffers()
    # A column without rows may have no buffer at all.
    found = np.frombuffer(values if values is not None else b"", column.type.to_pandas_dtype())
    found = found[column.offset : column.offset + len(column)]
    return found if known is None else np.where(_bits(known, column.offset, len(column)), found, 0)


def _bits(buffer: pa.Buffer | None, offset: int, size: int) -> NDArray[np.bool_]:
    bits = np.frombuffer(buffer if buffer is not None else b"", np.uint8)
    return np.unpackbits(bits, bitorder="little")[offset : offset + size].astype(np.bool_)
