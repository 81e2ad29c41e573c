"""A table in, the same table under the map out: which format it is, and what was done."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from replay.errors import InputError, ReplayError
from replay.formats.reading import Source, open_unpacked
from replay.pseudonymise import copy_text, delimited, json_lines
from replay.pseudonymise.cells import Cells
from replay.pseudonymise.columns import Choices, refuse_secrets
from replay.pseudonymise.mapped import Column, Mapped
from replay.pseudonymise.reading import Lines
from replay.sanitize.gate import Gate
from replay.sanitize.keys import Key
from replay.sanitize.mapping import Map
from replay.sanitize.policy import Policy

FORMATS = ("csv", "tsv", "copy", "jsonl", "parquet")
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".copy": "copy",
    ".sql": "copy",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """The table to map."""

    path: str
    """A path, or ``-`` for standard input, so that production's data need not touch a disk."""
    form: str = ""
    """One of FORMATS; '' by the name's ending."""
    names: tuple[str, ...] = ()
    """The columns of COPY text that has no header."""
    delimiter: str = ""
    """Of CSV; '' is a comma."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was written."""

    rows: int
    columns: list[Column]
    counts: Counter[str]
    """``veto``: values that were to be kept and look like a secret. ``sequence``: lines of a dump left out."""


def format_of(table: Table) -> str:
    """The table's format.

    Raises:
        ReplayError: it is none that is known, or has an option that is another's.
    """
    form = table.form or next(
        (form for ending, form in _ENDINGS.items() if table.path.removesuffix(".gz").endswith(ending)), ""
    )
    if form not in FORMATS:
        raise ReplayError(f"{table.path[:200]}: which format? Name one by --format: {', '.join(FORMATS)}.")
    if table.names and form != "copy":
        raise ReplayError("--columns: is for COPY text without a header only. Leave it out.")
    if table.delimiter and (form != "csv" or len(table.delimiter) != 1 or table.delimiter in '"\r\n'):
        raise ReplayError("--delimiter: is one character, for --format csv only, as ';'.")
    if form == "parquet" and table.path == STDIN:
        raise ReplayError("-: Parquet is read from its end, so it needs a file. Name one.")
    return form


def pseudonymise(table: Table, sink: BinaryIO, policy: Policy, key: Key, epoch_ns: int, choices: Choices) -> Done:
    """Write the image of ``table``: memory holds a record (a batch of Parquet) and the map's caches.

    Args:
        table: what to read.
        sink: where its image goes, in the same format.
        policy: its domains keep what they keep in a capture.
        key: the capture's.
        epoch_ns: the capture's start: all times are written from it.
        choices: what a person said of columns.

    Raises:
        InputError: the table is missing or damaged, or has no column that a choice names.
        RefusedError: the write gate found a fault.
        ReplayError: a column of secrets is to be kept.
    """
    refuse_secrets(choices, policy.is_secret)
    form = format_of(table)
    counts: Counter[str] = Counter()
    joined = Map(policy, key, epoch_ns, counts)
    where = "standard input" if table.path == STDIN else table.path
    gate = Gate(policy.vocabulary, joined.leaves.shapes.number)
    mapped = Mapped(Cells(joined, policy, counts), choices, gate, where)
    if form == "parquet":
        from replay.pseudonymise import parquet

        if not Path(table.path).is_file():
            raise InputError(f"{table.path}: no such file. Name a table.")
        parquet.convert(Path(table.path), sink, mapped)
    else:
        lines = Lines(_source(table.path), where)
        match form:
            case "csv":
                delimited.convert(lines, sink, mapped, table.delimiter or ",")
            case "tsv":
                delimited.convert(lines, sink, mapped, "\t")
            case "copy":
                copy_text.convert(lines, sink, mapped, list(table.names))
            case _:
                json_lines.convert(lines, sink, mapped)
    mapped.finish()
    return Done(mapped.rows, mapped.columns, counts + mapped.counts)


def _source(path: str) -> Source:
    return cast(Source, sys.stdin.buffer) if path == STDIN else open_unpacked(Path(path), "a table")
