"""How the verbs that read captures open them, and what they say about damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from replay.artefacts import named
from replay.capture.segments import CaptureReader
from replay.cli.output import progress
from replay.errors import InputError
from replay.exchange import Exchange

CAPTURES = "captures"
RUNS = "runs"


def open_capture(name: str, identity: Path | None) -> CaptureReader:
    """The capture that NAME means; ``identity`` opens an encrypted one. Raises InputError where it is none."""
    return CaptureReader(named(name, CAPTURES, whole=False), identity)


def exchanges(reader: CaptureReader, *, allow_damaged: bool) -> Iterator[Exchange]:
    """The capture's exchanges; says on stderr what could not be read.

    A capture that was not closed in order is read up to its last whole record. One that was closed and now holds
    less than its manifest says is damaged.

    Raises:
        InputError: it is damaged, and ``allow_damaged`` is false.
    """
    yield from reader
    for note in reader.notes:
        progress(f"{reader.folder}: {note}")
    if reader.damaged and not allow_damaged:
        raise InputError(f"{reader.folder}: {reader.notes[-1]}. Copy the capture again, or go on by --allow-damaged.")


def folder_of(output: str, parent: str) -> Path:
    """Where an output goes: a path where it has a separator, an address, else ``parent/NAME``."""
    return named(output, parent, new=True)
