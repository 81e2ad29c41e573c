"""Files that only their owner can read (0600); a symbolic link is never followed for writing."""

from __future__ import annotations

import os
from pathlib import Path


def create_private(path: Path) -> int:
    """A file descriptor for a new file of mode 0600; an existing file or link is never opened."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either what it held before or all of it, whatever happens."""
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(create_private(part), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
