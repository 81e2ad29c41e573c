"""``replay.toml``: where load may go, as a person has said. It fails closed: what is not understood ends the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from replay.errors import ReplayError
from replay.places import is_place

SETTINGS_NAME = "replay.toml"


class Safety(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[safety]``: names, ``HOST:PORT``, ``*.SUFFIX``, addresses and networks."""

    allow: list[str] | None = None
    """None: not limited; an empty list: nothing but loopback."""
    deny: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    safety: Safety = Safety()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that apply, and the file that they are from; None where there is none."""

    safety: Safety
    path: Path | None


def find_settings(folder: Path) -> Settings:
    """The nearest ``replay.toml`` in ``folder`` and its parents, no further up than the git root.

    Raises:
        ReplayError: it cannot be read, or holds a key or an entry that means nothing here.
    """
    for parent in (here := folder.resolve(), *here.parents):
        path = parent / SETTINGS_NAME
        if path.exists() or path.is_symlink():
            return Settings(_load(path), path)
        if (parent / ".git").exists():
            break
    return Settings(Safety(), None)


def _load(path: Path) -> Safety:
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File).safety
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise ReplayError(
            f"{path}: {why}. It knows [safety] with allow = [...] and deny = [...]. Correct it."
        ) from None
    for entry in (*(found.allow or ()), *found.deny):
        if not is_place(entry):
            raise ReplayError(
                f"{path}: '{entry[:60]}' is no place. Write a host, HOST:PORT, *.SUFFIX, an address or a network."
            )
    return found
