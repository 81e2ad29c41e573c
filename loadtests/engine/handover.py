"""What passes between an engine and the process that writes for it: frames one way, few words the other.

A frame is its kind, the size of what follows, and that: samples as they lie in memory, or JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
import numpy as np

HEAD = struct.Struct("<cI")
SAMPLES = b"s"
"""Records of ``RECORD``."""
NAMES = b"n"
"""``Names``: what the numbers in the records behind it mean."""
TICK = b"t"
"""An ``EngineTick`` for the journal; the counts of all samples before it go to the Locust worker with it."""
LISTED = b"l"
"""Lines for the list of what the run created."""

_WIDE = ("request", "session", "connection", "due", "intended", "ready", "sent", "first_byte", "end")
_WIDE_TOO = ("bytes_out", "bytes_in", "trace")
_NARROW = ("route", "method", "clone", "attempt", "status", "expected_status", "error", "reused")
RECORD = np.dtype([(name, "<i8") for name in _WIDE + _WIDE_TOO] + [(name, "<i4") for name in _NARROW])
PACKED = struct.Struct("<12q8i")
"""Packs one of them, which numpy is slow at."""

type Records = np.ndarray[Any, Any]


class Names(msgspec.Struct, frozen=True):
    """The routes and methods met so far, by number."""

    routes: Sequence[str]
    methods: Sequence[str]


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """The writer's first word: it has loaded, and its files are open."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The writer's word that samples or the journal can no longer be written."""

    reason: str


class Written(msgspec.Struct, frozen=True, tag="written"):
    """The writer's last word: how many samples are on disk."""

    samples: int


words: msgspec.json.Decoder[Begun | Failed | Written] = msgspec.json.Decoder(Begun | Failed | Written)


def frames(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every whole frame, to the end of ``source``."""
    while len(head := source.read(HEAD.size)) == HEAD.size:
        kind, size = HEAD.unpack(head)
        content = source.read(size)
        if len(content) < size:
            return
        yield kind, content
