"""What every foreign format gives: a recording, which is an iterable of raw exchanges and of entries left out.

A format is one module with one ``open`` function of type ``Opener``; ``replay import FORMAT`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from replay.exchange import RawExchange


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is not imported. It names a place and a reason, and never quotes what the entry holds."""

    place: str
    """Where in the file: ``entry 17``."""
    reason: str
    """The class that is counted: ``damaged``, ``browser cache``, ``no http`` …"""
    why: str
    """What is wrong in this one."""


class Recording(Protocol):
    """A file of another tool, open for one pass in order of time."""

    started_ns: int
    """The earliest start in the file, nanoseconds of the wall clock since the epoch."""

    def __iter__(self) -> Iterator[RawExchange | LeftOut]: ...


type Opener = Callable[[Path, str], Recording]
"""``open(path, name)``: ``name`` is short, differs from file to file and begins every connection and id."""
