"""The proxy's private folder: mitmproxy makes a certificate authority in it, whose key nobody shall find afterwards.

It goes with the capture. Where the launcher is killed the proxy removes it at its end, where both are the process
behind the proxy does, and where all three are the next start.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from replay.capture.wire import CONFDIR_PREFIX

_NEW_S = 60.0
"""A younger folder may be one that is about to be held."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder of mode 0700, gone when the block has ended; folders that nobody holds any more go too."""
    for left in Path(tempfile.gettempdir()).glob(f"{CONFDIR_PREFIX}*"):
        with suppress(OSError), _held(left) as descriptor:
            if time.time() - os.fstat(descriptor).st_mtime > _NEW_S:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=CONFDIR_PREFIX) as folder, _held(Path(folder)):
        yield Path(folder)


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Hold a folder of ours as long as this process lives; raises OSError where it is held, or another user's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)
