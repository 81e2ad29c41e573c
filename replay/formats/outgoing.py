"""What every export writes of a clean capture: the bytes of a message, and a file that appears only when complete.

A capture keeps no time of day, only distances from its start. Formats that want a moment get the day on which the
capture was made, at midnight UTC, as its start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from replay.errors import ReplayError
from replay.exchange import Body, Pair, Sealed
from replay.private_files import create_private

NOT_SENT = frozenset({"content-length", "transfer-encoding", "content-encoding"})
"""Header fields that speak of the body as it was on the wire; an export holds it decoded."""


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 to write into, under its final name only on success.

    Raises:
        ReplayError: ``path`` exists already.
    """
    if path.exists() or path.is_symlink():
        raise ReplayError(f"{path}: exists already. Choose another name, or remove it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(create_private(part), "wb") as file:
            yield file
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def start_of_day_ns(created: str) -> int:
    """The midnight (UTC) of an ISO day, nanoseconds since the epoch; 0 where it is none."""
    try:
        midnight = datetime.fromisoformat(created).replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(midnight.timestamp()) * 10**9


def known_bytes(body: Body) -> bytes | None:
    """The body's bytes; None where the capture holds nothing but its length."""
    match body:
        case None:
            return b""
        case str():
            return body.encode("utf-8", "surrogatepass")
        case Sealed(base64=bytes() as content):
            return content
        case _:
            return None


def fields(headers: list[Pair]) -> list[Pair]:
    """The header fields of a message whose body is decoded."""
    return [(name, value) for name, value in headers if name.lower() not in NOT_SENT and not name.startswith(":")]
