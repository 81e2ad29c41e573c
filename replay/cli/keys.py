"""What every verb that needs a key asks for: a file, a descriptor or a command, and never the key itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.errors import ReplayError

if TYPE_CHECKING:
    from replay.sanitize.keys import KeySource


def key_source(file: str, fd: int, command: str) -> KeySource:
    """Where the key comes from; an ephemeral one where nothing was given.

    Raises:
        ReplayError: more than one source was given.
    """
    from replay.sanitize.keys import KeySource

    asked = (KeySource("file", file), KeySource("fd", str(fd) if fd >= 0 else ""), KeySource("command", command))
    given = [source for source in asked if source.value]
    if len(given) > 1:
        raise ReplayError("--key-file, --key-fd and --key-command: give at most one of them.")
    return given[0] if given else KeySource()
