"""JSON Lines: an object a line; its members are the columns, and what is inside them is walked as in a body."""

from __future__ import annotations

from typing import Any, BinaryIO

import msgspec

from replay.pseudonymise.columns import check_names
from replay.pseudonymise.mapped import Column, Mapped
from replay.pseudonymise.reading import Lines
from replay.sanitize.walkers.json_text import Real

MOST_COLUMNS = 1_600
"""PostgreSQL's limit. Names of columns are written as they are, and who has more of them has data for names."""
_encode = msgspec.json.Encoder(enc_hook=str).encode
"""For the gate, which reads a number with a fraction as well between quotes."""


def convert(lines: Lines, sink: BinaryIO, mapped: Mapped) -> None:
    """Write the image of a table of objects.

    Raises:
        InputError: a line is no object, or its members have no names.
    """
    columns: dict[str, Column] = {}
    for line in lines:
        text = line.strip()
        if not text:
            continue
        try:
            row = mapped.cells.parsed(text)
        except (ValueError, RecursionError):
            raise mapped.damaged("is no JSON", lines.number) from None
        if not isinstance(row, dict):
            raise mapped.damaged("is no object", lines.number)
        if not row.keys() <= columns.keys():
            new = [name for name in row if name not in columns]
            check_names(new, f"{mapped.where}, row {mapped.rows + 1}")
            columns |= {name: mapped.column(name) for name in new}
            if len(columns) > MOST_COLUMNS:
                raise mapped.damaged(
                    f"members of more than {MOST_COLUMNS:,} names so far, so they are data: put them under one"
                )
        mapped.cells.begin()
        raw: list[str] = []
        written: dict[str, Any] = {}
        compared: list[str] = []
        for name, value in row.items():
            column = columns[name]
            if column.choice.treatment == "drop":
                continue
            image = _image(mapped, column, value)
            written[name] = image
            if column.choice.treatment != "constant":
                raw.append(_text(value))
                compared.append(_text(image))
            if isinstance(value, (str, int)) and not isinstance(value, (bool, Real)):
                column.see(str(value), str(image))
        mapped.rows += 1
        mapped.compare(raw, compared)
        sink.write(mapped.cells.document(written, text).encode() + b"\n")


def _image(mapped: Mapped, column: Column, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    match column.choice.treatment:
        case "constant":
            return column.choice.value
        case "keep" if isinstance(value, Real):
            is_kept = mapped.cells.kept_text(column.name)(str(value)) == value
            return msgspec.Raw(value.encode()) if is_kept else mapped.cells.member(column.name, value)
        case "keep" if isinstance(value, str):
            return mapped.cells.kept_text(column.name)(value)
        case "keep" if isinstance(value, int):
            return int(mapped.cells.kept_text(column.name)(str(value)))
        case "keep":
            raise mapped.damaged(
                f"column '{column.name}' holds no text and no number: keep its members in the policy"
            )
    return mapped.cells.member(column.choice.value, value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
