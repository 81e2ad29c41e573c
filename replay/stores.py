"""A place at a store (S3, Google's, any that fsspec knows): what is there, reading it, writing it, removing it."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from replay.errors import InputError, RefusedError, ReplayError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem

PIECE_BYTES = 8 << 20
"""What a store is asked for at once, and what a stream keeps in memory: each request costs tens of milliseconds."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_FLAT = frozenset({"s3", "gcs"})
"""Stores without folders: names of objects hold slashes."""


def is_address(name: str) -> bool:
    """Whether a NAME on the command line is an address."""
    return _ADDRESS.match(name) is not None


def plain_address(name: str) -> str:
    """An address without what may be secret in it: user information, query and fragment."""
    parts = urlsplit(name)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file at a store."""

    size_bytes: int
    changed_s: float
    """When it was written, seconds since 1970; 0 where the store does not tell."""


@dataclass(frozen=True, slots=True)
class Store:
    """What is at one address: one file, or the folder of an artefact. Names are relative to it."""

    address: str
    files: FileSystem
    path: str

    @classmethod
    def of(cls, address: str) -> Store:
        """The place that ``address`` names; nothing is asked of it yet.

        Raises:
            RefusedError: the address holds user information.
            ReplayError: it names nothing, or a store that cannot be reached from here.
        """
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise RefusedError(
                f"{parts.scheme}://…: an address with user information. Credentials come from the environment."
            )
        if parts.query or parts.fragment:
            raise ReplayError(f"{plain_address(address)}: an address has no query. Leave it out.")
        if parts.scheme == "file":
            raise ReplayError(f"{address}: is on this host. Write its path alone.")
        path = f"{parts.netloc}{parts.path}".strip("/")
        if "/" not in path or not {".", ".."}.isdisjoint(path.split("/")):
            raise ReplayError(f"{address}: names nothing in a store. Write {parts.scheme}://BUCKET/NAME.")
        try:
            return cls(address.rstrip("/"), _file_system(parts.scheme, parts.netloc), path)
        except OSError as error:
            raise ReplayError(f"{address}: cannot be reached ({why(error)}).") from None

    def found(self) -> dict[str, Stored]:
        """The files below it by name, in order; none where nothing is there.

        Raises:
            InputError: the store does not answer, or holds a name that is no path below the address.
        """
        from pyarrow.fs import FileSelector, FileType

        with _told(self.address, "listed"):
            entries = self.files.get_file_info(FileSelector(self.path, recursive=True, allow_not_found=True))
        found: dict[str, Stored] = {}
        for entry in entries:
            if entry.type != FileType.File:
                continue
            # Some of fsspec's stores give their paths a slash in front, which none is asked for with.
            path = entry.path.lstrip("/")
            name = path.removeprefix(f"{self.path}/")
            if name == path or any(part in {"", ".", ".."} for part in name.split("/")):
                raise InputError(f"{self.address}: holds a file whose name is no path below it. Is it an artefact?")
            changed_ns = entry.mtime_ns
            found[name] = Stored(entry.size or 0, changed_ns / 1e9 if changed_ns else 0.0)
        return dict(sorted(found.items()))

    def open(self, name: str = "") -> io.BufferedReader:
        """The content of a file as a stream: of the address's own, or of one below it.

        Raises, now and while it is read:
            InputError: there is no such file, it cannot be read, or it ends before its size.
        """
        return io.BufferedReader(_File(self, name, PIECE_BYTES), 1 << 20)

    def open_table(self, name: str) -> NativeFile:
        """A file below the address to be read by ranges. Raises as ``open``."""
        from pyarrow import PythonFile

        return PythonFile(_File(self, name, 0), "r")

    def write(self, folder: Path, names: Iterable[str]) -> None:
        """Copy these files of ``folder`` there, in this order; what was copied of one that fails is removed.

        Raises:
            OSError, or what a store of fsspec raises of its own.
        """
        done: list[str] = []
        try:
            for name in names:
                done.append(f"{self.path}/{name}")
                if self.files.type_name not in _FLAT:
                    self.files.create_dir(done[-1].rpartition("/")[0], recursive=True)
                with (
                    (folder / name).open("rb") as source,
                    self.files.open_output_stream(done[-1], compression=None) as copy,
                ):
                    while piece := source.read(1 << 20):
                        copy.write(piece)
        except BaseException:
            for path in reversed(done):
                with suppress(OSError):  # it has no manifest, so nobody takes it for an artefact
                    self.files.delete_file(path)
            raise

    def remove(self, names: Iterable[str]) -> None:
        """Remove these files, in this order. Raises OSError, or what a store of fsspec raises of its own."""
        for name in names:
            self.files.delete_file(f"{self.path}/{name}")


def why(error: BaseException) -> str:
    """A store's first words, for what follows can quote the request; the class alone of an error of its own."""
    if not isinstance(error, OSError):
        return type(error).__name__
    return (error.strerror or str(error)).splitlines()[0][:120]


@contextmanager
def _told(where: str, what: str) -> Iterator[None]:
    """Tells a store's failure as an InputError: ``where`` cannot be ``what``."""
    try:
        yield
    except ReplayError:
        raise
    except FileNotFoundError:
        raise InputError(f"{where}: is not there. Check the address.") from None
    except Exception as error:  # noqa: BLE001 - the packages of fsspec have errors of their own
        raise InputError(f"{where}: cannot be {what} ({why(error)}).") from None


class _File(io.RawIOBase):
    """A store's file whose failures are InputErrors, so that nobody takes what was broken off for a short file.

    With ``ahead_bytes`` it is a stream that asks for so many at once; without it can be read here and there.
    """

    def __init__(self, store: Store, name: str, ahead_bytes: int) -> None:
        self._where = f"{store.address}/{name}" if name else store.address
        path = f"{store.path}/{name}" if name else store.path
        with _told(self._where, "read"):
            self._size_bytes: int = store.files.get_file_info(path).size or 0
            self._source: NativeFile = (
                store.files.open_input_stream(path, compression=None, buffer_size=ahead_bytes)
                if ahead_bytes
                else store.files.open_input_file(path)
            )
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._source.seekable())

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        with _told(self._where, "read"):
            self._position = self._source.seek(offset, whence)
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        with _told(self._where, "read"):
            count: int = self._source.readinto(buffer)
        self._position += count
        if not count and self._position < self._size_bytes and memoryview(buffer).nbytes:
            raise InputError(
                f"{self._where}: ended after {self._position:,} of {self._size_bytes:,} bytes. Try again."
            )
        return count

    def readall(self) -> bytes:
        with io.BytesIO() as content:  # whose buffer becomes the bytes: nothing is held twice
            shutil.copyfileobj(self, content, PIECE_BYTES)
            return content.getvalue()

    def close(self) -> None:
        if not self.closed and hasattr(self, "_source"):
            self._source.close()
        super().close()


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
