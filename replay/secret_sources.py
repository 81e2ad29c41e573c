"""Where secrets come from: files of ours that nobody else can read, variables and descriptors; never an argument."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from replay.errors import ReplayError

_LONGEST = 4096


def secret_file(path: str, what: str, hint: str, error: type[ReplayError] = ReplayError) -> BinaryIO:
    """The open file at ``path``, which holds secrets; ``what`` it is and a ``hint`` go into the errors.

    Raises:
        ReplayError (``error``): it cannot be read, is no regular file, is not ours, or others can read it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as failure:
        raise error(f"{path}: {what} cannot be read ({failure.strerror}). {hint}") from None
    file = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    problem = ""
    if not stat.S_ISREG(status.st_mode):
        problem = f"is no regular file. Name the {what} itself."
    elif status.st_uid != os.geteuid():
        problem = f"the {what} belongs to another user. Copy it to one of your own."
    elif status.st_mode & 0o077:
        problem = f"others may read this {what}. Run 'chmod 600' on it."
    if problem:
        file.close()
        raise error(f"{path}: {problem}")
    return file


def is_source(text: str) -> bool:
    """Whether ``text`` reads ``env:VARIABLE`` or ``fd:NUMBER``."""
    kind, _, value = text.partition(":")
    return kind in {"env", "fd"} and bool(value)


def secret_from(source: str, option: str) -> str:
    """The secret that ``env:VARIABLE`` or ``fd:NUMBER`` gives ``option``.

    Raises:
        ReplayError: it is empty, or the descriptor cannot be read.
    """
    kind, _, value = source.partition(":")
    if kind == "env":
        found = os.environ.get(value, "")
    else:
        try:
            with os.fdopen(int(value), "rb") as file:
                found = file.read(_LONGEST).decode().strip("\r\n")
        except (OSError, ValueError):
            raise ReplayError(f"{option}: fd {value[:12]} cannot be read. Open it first.") from None
    if not found:
        raise ReplayError(f"{option}: {kind}:{value[:60]} is empty. Set it first.")
    return found
