"""CSV and TSV (RFC 4180): the layout stays as it was, quotes too, for ``""`` and nothing differ to a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from replay.errors import InputError
from replay.pseudonymise.mapped import Mapped
from replay.pseudonymise.reading import LONGEST_RECORD_BYTES, Lines

_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')


@dataclass(frozen=True, slots=True)
class _Field:
    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class _Record:
    fields: list[_Field]
    end: str
    """The line's end, as it was."""


class _DamagedError(Exception):
    """A record that is none; the text says why, and quotes nothing of it."""


def convert(lines: Lines, sink: BinaryIO, mapped: Mapped, delimiter: str) -> None:
    """Write the image of a table with a header row.

    Raises:
        InputError: it has no header, or a record is damaged.
    """
    records = _records(lines, mapped, delimiter)
    header = next(records, None)
    if header is None:
        raise InputError(f"{mapped.where}: is empty. Export the table with a header.")
    rows = mapped.table([each.text for each in header.fields])
    sink.write(_written([header.fields[at] for at in rows.positions], header.end, delimiter))
    for record in records:
        if len(record.fields) == 1 and record.fields[0] == _Field("", is_quoted=False):  # an empty line
            sink.write(record.end.encode())
            continue
        images = rows.row([each.text for each in record.fields], lines.number)
        kept = zip(images, rows.positions, strict=True)
        fields = [_Field(image or "", record.fields[at].is_quoted) for image, at in kept]
        sink.write(_written(fields, record.end, delimiter))


def _records(lines: Lines, mapped: Mapped, delimiter: str) -> Iterator[_Record]:
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*+")
    for line in lines:
        text = line
        while True:
            try:
                record = _record(text, plain, delimiter)
            except _DamagedError as error:
                raise mapped.damaged(str(error), lines.number) from None
            if record is not None:
                yield record
                break
            more = next(lines, None)  # a quoted field goes on in the next line
            if more is None or len(text) + len(more) > LONGEST_RECORD_BYTES:
                raise mapped.damaged("a quote is opened and not closed", lines.number)
            text += more


def _record(text: str, plain: re.Pattern[str], delimiter: str) -> _Record | None:
    """One record; None where a quoted field is not yet closed."""
    fields: list[_Field] = []
    at = 0
    while True:
        if text.startswith('"', at):
            found = _QUOTED.match(text, at)
            if found is None:
                return None
            fields.append(_Field(found[1].replace('""', '"'), is_quoted=True))
        else:
            found = plain.match(text, at)
            if found is None:  # it matches nothing at least
                raise AssertionError
            if delimiter != "\t" and '"' in found[0]:
                raise _DamagedError("a quote stands inside a field that is not quoted")
            fields.append(_Field(found[0], is_quoted=False))
        at = found.end()
        if text.startswith(delimiter, at):
            at += 1
            continue
        end = text[at:]
        if end not in {"", "\n", "\r\n", "\r"}:
            raise _DamagedError("a field goes on behind its closing quote")
        return _Record(fields, end)


def _written(fields: list[_Field], end: str, delimiter: str) -> bytes:
    return (delimiter.join(_field(each, delimiter) for each in fields) + end).encode("utf-8", "surrogatepass")


def _field(field: _Field, delimiter: str) -> str:
    text = field.text
    if field.is_quoted or delimiter in text or "\n" in text or "\r" in text or text.startswith('"'):
        return f'"{text.replace('"', '""')}"'
    return f'"{text.replace('"', '""')}"' if delimiter != "\t" and '"' in text else text
