"""Artefacts on disk: folders that appear under their final name only when complete, and manifests with a format.

Every artefact is a folder with one JSON manifest that names its format (``capture/1``, ``plan/1``, ``run/1``).
Folders are 0700 and files 0600 (``replay/private_files.py``).
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from replay.errors import InputError, ReplayError
from replay.private_files import write_whole
from replay.storage import complete, mirror, publish
from replay.stores import is_address


class _Head(msgspec.Struct):
    format: str


def named(name: str, parent: str, *, new: bool = False, whole: bool = True) -> Path:
    """The folder that a NAME on the command line means: a path where it has a separator, else ``parent/NAME``.

    An address (``s3://…``) means a folder that stands for it (``replay/storage.py``): with all that is there, without
    ``whole`` with its manifest alone, or ``new``.
    """
    if is_address(name):
        folder = mirror(name, new=new)
        return complete(folder) if whole else folder
    path = Path(name)
    if os.sep in name or (os.altsep and os.altsep in name) or name in {".", ".."}:
        return path
    return path if path.exists() else Path(parent) / name


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, renamed to ``path`` on success and removed on any failure.

    Raises:
        ReplayError: ``path`` exists already.
    """
    if path.exists() or path.is_symlink():
        raise ReplayError(f"{path}: exists already. Choose another name, or remove it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    part.mkdir(mode=0o700)
    try:
        yield part
        part.rename(path)
        publish(path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def left_behind(parent: Path) -> list[Path]:
    """Unfinished folders in ``parent`` whose process is gone: what a kill left of what it was making."""
    found = [path for path in parent.glob(".*.part-*") if path.is_dir() and not path.is_symlink()]
    return sorted(path for path in found if not _lives(path.name.rpartition("-")[2]))


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def write_manifest(path: Path, manifest: msgspec.Struct) -> None:
    """Write a manifest as indented JSON, atomically."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read_manifest[T: msgspec.Struct](path: Path, kind: type[T], expected: str) -> T:
    """The manifest in ``path``.

    Raises:
        InputError: it is missing, not a manifest, or of another format than ``expected``.
    """
    what = expected.partition("/")[0]
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        where = path.parent
        why = "no such folder" if not where.is_dir() else f"holds no {path.name}, so it is no {what}"
        raise InputError(f"{where}: {why}. Name a {what} folder.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        found = msgspec.json.decode(content, type=_Head).format
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(f"{path}: is no {what} manifest, or is damaged. Make the {what} again.") from None
    if found != expected:
        raise InputError(
            f"{path}: format '{found[:40]}', this version reads '{expected}'. "
            f"Use the version that wrote it, or make the {what} again."
        )
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is damaged ({error}). Make the {what} again.") from None


def versions() -> dict[str, str]:
    """The versions that an artefact carries as provenance."""
    found = {"python": platform.python_version()}
    for name in ("dress-rehearsal", "mitmproxy", "locust", "numpy", "pandas", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
