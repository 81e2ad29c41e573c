"""Samples as the proxy in front of the target saw them, as production's were seen (``replay run --via-proxy``).

What the client waited before it sent stays; behind it stands the proxy's service time: request complete to response
complete, without the opening of the upstream connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.samples import ERRORS

type _Array = np.ndarray[Any, Any]

ROW = np.dtype([("trace", "<i8"), ("took", "<i8"), ("first_byte", "<i8"), ("error", "<i8")])
"""As ``replay.capture.stopwatch`` writes it."""


class ProxyTimes:
    """What the proxies of one run saw; 32 bytes a request in memory."""

    def __init__(self, files: Iterable[Path]) -> None:
        parts = [np.frombuffer(content[: len(content) // 32 * 32], ROW) for content in map(Path.read_bytes, files)]
        rows: _Array = np.concatenate([np.empty(0, ROW), *parts])
        self._rows = rows[np.argsort(rows["trace"], kind="stable")]
        self.unseen = 0
        """Answers so far of which the proxies told nothing; they keep the client's times."""

    def moved(self, table: pa.Table) -> pa.Table:
        """``table`` of samples with the proxy's times, and the proxy's word where the target gave no answer."""
        trace, sent, status = (_numbers(table, name) for name in ("trace", "sent", "status"))
        # Of a request that was sent twice the later row counts.
        at = np.searchsorted(self._rows["trace"], trace, side="right") - 1
        seen = np.zeros(len(trace), bool) if not len(self._rows) else self._rows["trace"][at] == trace
        found = self._rows[np.where(seen, at, 0)] if len(self._rows) else np.zeros(len(trace), ROW)
        answered = seen & (status > 0) & (found["error"] == 0) & (found["took"] >= 0)
        failed = seen & (status > 0) & (found["error"] > 0)  # what was answered was the proxy's own 502
        self.unseen += int(((status > 0) & ~answered & ~failed).sum())
        end = np.where(answered, sent + found["took"], _numbers(table, "end"))
        first_byte = np.where(
            answered & (found["first_byte"] >= 0), sent + found["first_byte"], _numbers(table, "first_byte")
        )
        names = pa.array(ERRORS).take(pa.array(np.where(failed, found["error"], 0)))
        errors = pc.if_else(pa.array(failed), names, pc.cast(table["error"], pa.string()))
        changes = {
            "end": pa.array(end),
            "first_byte": pa.array(first_byte),
            "status": pa.array(np.where(failed, 0, status).astype(np.int32)),
            "error": errors,
        }
        for name, column in changes.items():
            field = table.schema.field(name)
            index = table.schema.get_field_index(name)
            cast = pc.dictionary_encode(column) if name == "error" else column
            table = table.set_column(index, field, cast.cast(field.type))
        return table


def _numbers(table: pa.Table, name: str) -> _Array:
    column = table[name].combine_chunks()
    found: _Array = column.to_numpy(zero_copy_only=False)
    return found
