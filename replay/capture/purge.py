"""Removes captures whose time is over: what their manifest says, and nothing that is not a capture's.

A capture is to be gone by the day that is ``retention_days`` after the day on which it was made (both UTC): the time
of day is not stored, so no capture lives longer than it was allowed to.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, read_capture_manifest
from replay.errors import IncompleteError, InputError, RefusedError
from replay.storage import Elsewhere, elsewhere
from replay.stores import Stored, why

ALIVE_S = 60.0
"""A capture under way saves its manifest every two seconds; one saved within this time may be under way."""
_OURS = re.compile(r"segment-\d{6,}\.jsonl\.zst(\.age)?|manifest\.json|\.manifest\.json\.part-\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Retained:
    """A capture, and the day by which it is to be gone."""

    folder: Path
    manifest: CaptureManifest
    due: dt.date

    def is_over(self, today: dt.date) -> bool:
        """Whether it is to be gone."""
        return today >= self.due


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a capture's folder, the manifest last."""

    names: tuple[str, ...]
    size_bytes: int


def retained(folder: Path) -> Retained:
    """The capture in ``folder``, and how long it may be kept.

    Raises:
        RefusedError: the folder is a link. InputError: it is no capture.
    """
    if folder.is_symlink():
        raise RefusedError(f"{folder}: is a link, and links are not followed. Name the capture's own folder.")
    manifest = read_capture_manifest(folder)
    try:
        made = dt.date.fromisoformat(manifest.created)
        due = made + dt.timedelta(days=manifest.retention_days)
    except (ValueError, OverflowError):
        raise InputError(
            f"{folder / MANIFEST_NAME}: says of no day when the capture is to be gone. Look, and remove it yourself."
        ) from None
    return Retained(folder, manifest, due)


def files_of(capture: Retained, now_s: float | None = None) -> Found:
    """What ``purge`` would remove.

    Raises:
        RefusedError: the folder holds something else than a capture's own files, or the capture may be under way.
    """
    with _place(capture.folder) as place:
        return _found(capture, place, time.time() if now_s is None else now_s)


def purge(capture: Retained, now_s: float | None = None) -> Found:
    """Remove the capture's files and its folder. Broken off, it can be begun again: the manifest goes last.

    Raises:
        RefusedError: as ``files_of``; nothing was removed.
        IncompleteError: something could not be removed.
    """
    with _place(capture.folder) as place:
        found = _found(capture, place, time.time() if now_s is None else now_s)
        try:
            place.remove(found.names)
        except OSError as error:
            raise IncompleteError(f"{capture.folder}: cannot be removed ({why(error)}). Try again.") from None
    return found


def _found(capture: Retained, place: _Place, now_s: float) -> Found:
    names, size = [], 0
    for name, file in place.files():
        if file is None or not _OURS.fullmatch(name):
            raise RefusedError(
                f"{capture.folder}: holds {name[:60]!r}, which is no file of a capture. Take it out, and purge again."
            )
        if name == MANIFEST_NAME and not capture.manifest.complete and now_s - file.changed_s < ALIVE_S:
            raise RefusedError(f"{capture.folder}: may still be under way. End the capture, and purge again.")
        names.append(name)
        size += file.size_bytes
    return Found(tuple(sorted(names, key=lambda name: name == MANIFEST_NAME)), size)


class _Place(Protocol):
    """Where a capture is."""

    def files(self) -> Iterable[tuple[str, Stored | None]]:
        """What is in it, by name; None for what is no plain file."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove these files in this order, then the place. Raises OSError."""


@contextmanager
def _place(path: Path) -> Iterator[_Place]:
    stored = elsewhere(path)
    if stored is not None:
        yield _Address(path, stored)
        return
    folder = _Folder(path)
    try:
        yield folder
    finally:
        folder.close()


class _Folder:
    """An open folder: whatever takes its name's place meanwhile, only what is in this one is looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise RefusedError(f"{path}: cannot be opened as a folder ({error.strerror}).") from None

    def close(self) -> None:
        os.close(self._fd)

    def files(self) -> Iterator[tuple[str, Stored | None]]:
        for name in sorted(os.listdir(self._fd)):  # noqa: PTH208 - a path could be replaced meanwhile
            status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            yield name, Stored(status.st_size, status.st_mtime) if stat.S_ISREG(status.st_mode) else None

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            os.unlink(name, dir_fd=self._fd)
        self._path.rmdir()


class _Address:
    """A capture at an address, as it was when its manifest was read."""

    def __init__(self, path: Path, stored: Elsewhere) -> None:
        self._path = path
        self._stored = stored

    def files(self) -> Iterable[tuple[str, Stored]]:
        if not self._stored.is_unchanged():
            raise RefusedError(f"{self._path}: was changed while it was looked at. Look, and purge again.")
        return (self._stored.found or {}).items()

    def remove(self, names: Iterable[str]) -> None:
        self._stored.store.remove(names)
