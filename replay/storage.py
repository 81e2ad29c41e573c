"""Artefacts at addresses: ``s3://BUCKET/…``, ``gs://BUCKET/…``, and any other that fsspec knows.

An artefact is a folder. One that is read is first copied to a private folder of this process, a piece at a time, for
plans are mapped into memory and samples are read more than once. One that is made is made there, and copied to its
address when it is whole, its manifest last. So whoever finds a manifest at an address finds all that it names, and
what was broken off is no artefact. Credentials come from where the store's own tools take them.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.private_files import create_private

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

PIECE_BYTES = 1 << 20
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_MANIFESTS = frozenset({"manifest.json", "plan.json", "run.json", "verdict.json"})
_FLAT = frozenset({"s3", "gcs"})
"""Stores without folders: names of objects hold slashes."""
_mirrors: dict[Path, Store] = {}
"""The folders of this process that stand for addresses."""


def is_address(name: str) -> bool:
    """Whether a NAME on the command line is an address."""
    return _ADDRESS.match(name) is not None


def refuse_address(name: str, why: str) -> None:
    """Raise ReplayError where a NAME is an address and only a folder of this host will do, for ``why``."""
    if is_address(name):
        raise ReplayError(f"{name}: {why}. Name a folder of this host.")


def mirror(address: str, *, new: bool) -> Path:
    """The folder of this process that stands for ``address``: a copy of what is there, or nothing yet where ``new``.

    Raises:
        RefusedError: the address holds user information.
        ReplayError: it is no address of a folder, or of a store that cannot be reached from here; or ``new``, and
            there is something already.
        InputError: what is there cannot be read.
    """
    store = Store.of(address)
    root = Path(tempfile.mkdtemp(prefix="replay-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    folder = root / PurePosixPath(store.path).name
    _mirrors[folder] = store
    if not new:
        store.fetch(folder)
    elif store.names():
        raise ReplayError(f"{address}: exists already. Choose another name, or remove it first.")
    return folder


def publish(folder: Path) -> None:
    """Copy a finished artefact to the address that its folder stands for; nothing where it stands for none.

    Raises:
        IncompleteError: it could not be written there; it is left whole on this host.
    """
    store = _mirrors.get(folder)
    if store is None:
        return
    try:
        store.publish(folder)
    except BaseException as error:  # noqa: BLE001 - an interrupt too: hours of a run may be in the folder
        kept = Path(tempfile.mkdtemp(prefix="replay-kept-")) / folder.name
        folder.rename(kept)
        why = _why(error) if isinstance(error, OSError) else type(error).__name__
        raise IncompleteError(f"{store.address}: could not be written ({why}). All of it is in {kept}.") from None


def shown(text: str) -> str:
    """``text`` with the addresses in place of the folders that stand for them."""
    for folder, store in _mirrors.items():
        text = text.replace(str(folder), store.address)
    return text


@dataclass(frozen=True, slots=True)
class Store:
    """Where one artefact is."""

    address: str
    files: FileSystem
    path: str

    @classmethod
    def of(cls, address: str) -> Store:
        """The place that ``address`` names; nothing is asked of it yet."""
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise RefusedError(
                f"{parts.scheme}://…: an address with user information. Credentials come from the environment."
            )
        if parts.query or parts.fragment:
            raise ReplayError(f"{parts.scheme}://{parts.netloc}{parts.path}: an address has no query. Leave it out.")
        if parts.scheme == "file":
            raise ReplayError(f"{address}: is on this host. Write its path alone.")
        path = f"{parts.netloc}{parts.path}".strip("/")
        if "/" not in path or not {".", ".."}.isdisjoint(path.split("/")):
            raise ReplayError(f"{address}: names no folder. Write {parts.scheme}://BUCKET/NAME.")
        try:
            return cls(address.rstrip("/"), _file_system(parts.scheme, parts.netloc), path)
        except OSError as error:
            raise ReplayError(f"{address}: cannot be reached ({_why(error)}).") from None

    def names(self) -> list[str]:
        """The files there, relative to the folder; empty where there are none."""
        from pyarrow.fs import FileSelector, FileType

        try:
            found = self.files.get_file_info(FileSelector(self.path, recursive=True, allow_not_found=True))
        except OSError as error:
            raise InputError(f"{self.address}: cannot be listed ({_why(error)}).") from None
        # Some of fsspec's stores give their paths a slash in front, which none is asked for with.
        paths = [entry.path.lstrip("/") for entry in found if entry.type == FileType.File]
        names = [path.removeprefix(f"{self.path}/") for path in paths]
        for name, path in zip(names, paths, strict=True):
            if name == path or any(part in {"", ".", ".."} for part in name.split("/")):
                raise InputError(f"{self.address}: holds a file whose name is no path below it. Is it an artefact?")
        return sorted(names)

    def fetch(self, folder: Path) -> None:
        """Copy what is there to the new ``folder``; nothing is made where nothing is there."""
        for name in self.names():
            place = folder / name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with (
                    self.files.open_input_stream(f"{self.path}/{name}", compression=None) as source,
                    os.fdopen(create_private(place), "wb") as copy,
                ):
                    while piece := source.read(PIECE_BYTES):
                        copy.write(piece)
            except OSError as error:
                raise InputError(f"{self.address}/{name}: cannot be read ({_why(error)}).") from None

    def publish(self, folder: Path) -> None:
        """Copy ``folder`` there, its manifest last; what was copied of one that fails is removed.

        Raises:
            OSError, or what a store of fsspec raises of its own.
        """
        found = (path for path in folder.rglob("*") if path.is_file())
        paths = sorted(found, key=lambda path: (path.name in _MANIFESTS, path))
        done: list[str] = []
        try:
            for path in paths:
                done.append(f"{self.path}/{path.relative_to(folder).as_posix()}")
                if self.files.type_name not in _FLAT:
                    self.files.create_dir(done[-1].rpartition("/")[0], recursive=True)
                with path.open("rb") as source, self.files.open_output_stream(done[-1], compression=None) as copy:
                    while piece := source.read(PIECE_BYTES):
                        copy.write(piece)
        except BaseException:
            for name in reversed(done):
                _remove(self.files, name)
            raise


def _remove(files: FileSystem, name: str) -> None:
    try:
        files.delete_file(name)
    except OSError:
        return  # it has no manifest, so nobody takes it for an artefact


def _file_system(scheme: str, bucket: str) -> FileSystem:
    from pyarrow import fs

    if scheme == "s3":
        endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if endpoint.netloc:
            where = {"endpoint_override": endpoint.netloc + endpoint.path, "scheme": endpoint.scheme}
        else:
            where, region = {}, region or fs.resolve_s3_region(bucket)
        # Writes in the background would take whatever memory a slow store makes them wait in.
        return fs.S3FileSystem(region=region, background_writes=False, **where)
    if scheme in {"gs", "gcs"}:
        return fs.GcsFileSystem()
    try:
        import fsspec

        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme)))
    except (ImportError, ValueError):
        raise ReplayError(
            f"{scheme}://…: this installation reads s3:// and gs://. For others install fsspec and its package for "
            f"{scheme}, or copy the folder."
        ) from None


def _why(error: OSError) -> str:
    # A store's answer can quote the request; its first words say what is wrong.
    return (error.strerror or str(error)).splitlines()[0][:120]
