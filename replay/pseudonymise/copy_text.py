r"""PostgreSQL's COPY text: tabs between columns, ``\N`` for NULL; alone, or as ``pg_dump --data-only`` writes it.

Of a dump only what is known to hold no data is written again: its COPY blocks, and plain ``SET`` lines. Sequences are
left out, for they count production's ids: the highest image of every column is what they must be set above.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from replay.errors import InputError
from replay.pseudonymise.mapped import Mapped, Rows
from replay.pseudonymise.reading import Lines

_COPY = re.compile(r"COPY (?P<table>[^\s(]+) \((?P<columns>[^()]+)\) FROM stdin;")
_SETTING = re.compile(r"SET [a-z_]+ = (?:'[A-Za-z0-9_-]*'|[a-z0-9]+);")
_SEARCH_PATH = "SELECT pg_catalog.set_config('search_path', '', false);"
_LEFT_OUT = ("--", "SELECT pg_catalog.setval(", "\\restrict", "\\unrestrict")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = str.maketrans({"\\": "\\\\", **{char: f"\\{letter}" for letter, char in _LETTERS.items()}})


def convert(lines: Lines, sink: BinaryIO, mapped: Mapped, names: list[str]) -> None:
    """Write the image of a dump, or of a table alone whose columns ``names`` or its first row name.

    Raises:
        InputError: a row is damaged, or a line of the dump is none that is known.
    """
    first = next(lines, None)
    while first is not None and not names and not first.strip():
        first = next(lines, None)
    if first is None:
        raise InputError(f"{mapped.where}: is empty. Export a table.")
    if not names and (_COPY.fullmatch(first.strip()) or first.startswith(("--", "SET ", "SELECT ", "\\restrict"))):
        _dump(first, lines, sink, mapped)
        return
    header = names or _cut(first)
    rows = mapped.table(header)
    if names:
        _write_row(first, rows, sink, lines.number)
    else:
        sink.write(("\t".join(header[at] for at in rows.positions) + "\n").encode())
    for line in lines:
        if line.rstrip("\r\n") == "\\.":
            return
        _write_row(line, rows, sink, lines.number)


def _dump(first: str, lines: Lines, sink: BinaryIO, mapped: Mapped) -> None:
    line: str | None = first
    while line is not None:
        text = line.rstrip("\r\n")
        found = _COPY.fullmatch(text)
        if found is not None:
            _block(found, lines, sink, mapped)
        elif not text or _SETTING.fullmatch(text) or text == _SEARCH_PATH:
            sink.write(f"{text}\n".encode())
        elif text.startswith(_LEFT_OUT):
            mapped.counts["sequence"] += text.startswith("SELECT")
        else:
            raise InputError(
                f"{mapped.where}, line {lines.number}: is no part of a dump of data alone. "
                "Make it with 'pg_dump --data-only', without --inserts; nothing was written."
            )
        line = next(lines, None)


def _block(found: re.Match[str], lines: Lines, sink: BinaryIO, mapped: Mapped) -> None:
    quoted = found["columns"].split(", ")
    rows = mapped.table([name.strip('"') for name in quoted], found["table"].replace('"', ""))
    columns = ", ".join(quoted[at] for at in rows.positions)
    sink.write(f"COPY {found['table']} ({columns}) FROM stdin;\n".encode())
    for line in lines:
        if line.rstrip("\r\n") == "\\.":
            sink.write(b"\\.\n")
            return
        _write_row(line, rows, sink, lines.number)
    raise mapped.damaged("the file ends inside a COPY block", lines.number)


def _write_row(line: str, rows: Rows, sink: BinaryIO, number: int) -> None:
    values = [None if field == "\\N" else _plain(field) for field in _cut(line)]
    images = ["\\N" if image is None else image.translate(_ESCAPED) for image in rows.row(values, number)]
    sink.write(("\t".join(images) + "\n").encode("utf-8", "surrogatepass"))


def _cut(line: str) -> list[str]:
    return line.removesuffix("\n").removesuffix("\r").split("\t")


def _plain(field: str) -> str:
    if "\\" not in field:
        return field
    return _ESCAPE.sub(lambda found: _unescaped(found[1]), field)


def _unescaped(code: str) -> str:
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _LETTERS.get(code, code)
