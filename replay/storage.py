"""Artefacts at addresses: ``s3://BUCKET/…``, ``gs://BUCKET/…``, and any other that fsspec knows.

For as long as a command runs, a path of this host stands for an address. Of an artefact that is there, what it says
of itself (its manifest) is copied to a private folder at once. The rest is read from there: tables by ranges
(``open_table``), segments one after the other, each copied for as long as it is read (``held``). What a run replays
and a verdict reads more than once is copied whole (``complete``). What is not sanitised yet, an import's source, is
never copied, but streamed (``open_file``).

An artefact that is made is made in the folder, and copied to its address when it is whole, its manifest last. So
whoever finds a manifest at an address finds all that it names, and what was broken off is no artefact. Credentials
come from where the store's own tools take them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from replay.errors import IncompleteError, InputError, ReplayError
from replay.private_files import create_private
from replay.stores import Store, Stored, is_address, plain_address, why

if TYPE_CHECKING:
    from io import BufferedReader

    from pyarrow import NativeFile

_PIECE_BYTES = 1 << 20


MANIFESTS = frozenset(
    f"{name}.json"
    for name in ("manifest", "plan", "run", "verdict", "comparison", "history", "calibration", "capacity")
)
"""What artefacts say of themselves, by one of which each is known."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a path of this process stands for."""

    store: Store
    found: dict[str, Stored] | None
    """The files there when it was first looked at; None of an artefact that is being made, and of a single file."""

    def is_unchanged(self) -> bool:
        """Whether the files there are still the same ones."""
        return self.store.found() == self.found


_mirrors: dict[Path, Elsewhere] = {}


def refuse_address(name: str, why: str) -> None:
    """Raise ReplayError where a NAME is an address and only a place on this host will do, for ``why``."""
    if is_address(name):
        raise ReplayError(f"{plain_address(name)}: {why}. Name a place on this host.")


def mirror(address: str, *, new: bool) -> Path:
    """The folder of this process that stands for ``address``, with its manifest; empty where ``new``.

    The folder does not exist where nothing is at the address.

    Raises:
        RefusedError: the address holds user information.
        ReplayError: it is no address of a folder, or of a store that cannot be reached from here; or ``new``, and
            there is something already.
        InputError: what is there cannot be read.
    """
    store = Store.of(address)
    found = store.found()
    if new and found:
        raise ReplayError(f"{address}: exists already. Choose another name, or remove it first.")
    folder = _stand_in(store, None if new else found)
    if found:
        folder.mkdir(mode=0o700)
    for name in MANIFESTS & found.keys():
        _fetch(store, name, folder / name)
    return folder


def sources(name: str) -> list[Path]:
    """The paths that a NAME of a file means, also at an address; of one with a slash behind it all files below.

    Raises:
        RefusedError, ReplayError: as ``Store.of``. InputError: nothing is there.
    """
    if not is_address(name):
        return [Path(name)]
    store = Store.of(name)
    if not name.endswith("/"):
        return [_stand_in(store, None)]
    found = store.found()
    if not found:
        raise InputError(f"{name}: nothing is there. Check the address.")
    folder = _stand_in(store, found)
    return [folder / each for each in found]


def open_file(path: Path) -> BufferedReader:
    """The file at ``path`` as a stream, of this host or of the address that it stands for.

    Raises:
        OSError: as ``Path.open``. InputError: now or while it is read, as ``Store.open``.
    """
    place = _place(path)
    return path.open("rb") if place is None else place[0].store.open(place[1])


def open_table(path: Path) -> NativeFile:
    """The file at ``path`` to be read here and there: mapped into memory, or by ranges of the one at an address.

    Raises:
        OSError: as ``pyarrow.memory_map``. InputError: now or while it is read, as ``Store.open``.
    """
    import pyarrow as pa

    place = _place(path)
    return pa.memory_map(str(path)) if place is None else place[0].store.open_table(place[1])


def files_in(folder: Path) -> list[str]:
    """The files below ``folder``, relative to it, in order; at an address those that were there at first sight."""
    place = _mirrors.get(folder)
    if place is not None and place.found is not None:
        return list(place.found)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@contextmanager
def held(path: Path) -> Iterator[Path]:
    """The file at ``path`` on this host: where it stands for one at an address, a copy of that for the block alone.

    Raises:
        InputError: it cannot be read there. IncompleteError: there is no room for it here.
    """
    place = _place(path)
    if place is None:
        yield path
        return
    try:
        _fetch(place[0].store, place[1], path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def complete(folder: Path) -> Path:
    """``folder``, with all files of the address that it stands for; they stay until the process ends.

    What is no artefact is not copied: it may hold what people sent.

    Raises:
        InputError: one cannot be read there. IncompleteError: there is no room for them here.
    """
    place = _mirrors.get(folder)
    if place is None or not place.found or MANIFESTS.isdisjoint(place.found):
        return folder
    missing = [name for name in place.found if not (folder / name).exists()]
    size = sum(place.found[name].size_bytes for name in missing)
    if size > (free := shutil.disk_usage(folder).free):
        raise _no_room(place.store.address, f"{size / 1e9:,.1f} GB, where {free / 1e9:,.1f} GB are free")
    for name in missing:
        _fetch(place.store, name, folder / name)
    return folder


def publish(folder: Path) -> None:
    """Copy a finished artefact to the address that its folder stands for; nothing where it stands for none.

    Raises:
        IncompleteError: it could not be written there; it is left whole on this host.
    """
    place = _mirrors.get(folder)
    if place is None:
        return
    store = place.store
    try:
        store.write(folder, sorted(files_in(folder), key=_manifests_last))
    except BaseException as error:  # noqa: BLE001 - an interrupt too: hours of a run may be in the folder
        kept = Path(tempfile.mkdtemp(prefix="replay-kept-")) / folder.name
        folder.rename(kept)
        raise IncompleteError(
            f"{store.address}: could not be written ({why(error)}). All of it is in {kept}."
        ) from None


def elsewhere(folder: Path) -> Elsewhere | None:
    """What ``folder`` stands for; None where it is a folder of this host."""
    return _mirrors.get(folder)


def shown(text: str) -> str:
    """``text`` with the addresses in place of the paths that stand for them."""
    for path, place in _mirrors.items():
        text = text.replace(str(path), place.store.address)
    return text


def _manifests_last(name: str) -> tuple[bool, int, str]:
    return PurePosixPath(name).name in MANIFESTS, -name.count("/"), name


def _stand_in(store: Store, found: dict[str, Stored] | None) -> Path:
    root = Path(tempfile.mkdtemp(prefix="replay-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    path = root / PurePosixPath(store.path).name
    _mirrors[path] = Elsewhere(store, found)
    return path


def _place(path: Path) -> tuple[Elsewhere, str] | None:
    """What a path stands for, and the name of it there; None where it is a file of this host."""
    if path.exists():
        return None
    for folder in (path, *path.parents):
        if folder in _mirrors:
            return _mirrors[folder], "" if path == folder else path.relative_to(folder).as_posix()
    return None


def _fetch(store: Store, name: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with store.open(name) as there, os.fdopen(create_private(path), "wb") as copy:
            shutil.copyfileobj(there, copy, _PIECE_BYTES)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _no_room(f"{store.address}/{name}", why(error)) from None
        raise


def _no_room(where: str, reason: str) -> IncompleteError:
    place = tempfile.gettempdir()
    return IncompleteError(f"{where}: cannot be copied to {place} ({reason}). Make room, or set TMPDIR.")
