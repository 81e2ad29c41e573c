"""The root key of a sanitiser: where it comes from, and the keys that are derived from it.

A key is 32 random bytes. It never stands in an argument, an environment variable, a manifest, a log or an exception;
an ephemeral key (the default) lives in one process and is gone with it, and the pseudonyms with it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shlex
import subprocess
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from replay.errors import ReplayError
from replay.secret_sources import secret_file

KEY_BYTES = 32
COMMAND_TIMEOUT_S = 60
_NONCE_BYTES = 12
_START = b"start|v1"
_HINT = "A key is 32 bytes, or 64 hexadecimal digits: make one with 'openssl rand -hex 32'."

type KeyMode = Literal["ephemeral", "file", "fd", "command"]


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the root key comes from."""

    mode: KeyMode = "ephemeral"
    value: str = ""
    """A path (``file``), a number (``fd``), a command line (``command``); '' for ``ephemeral``. Never the key."""


class Key:
    """A root key. It has no printable form, and it does not pickle."""

    __slots__ = ("__root", "key_id", "mode")

    def __init__(self, root: bytes, mode: KeyMode) -> None:
        if len(root) != KEY_BYTES:
            raise ReplayError(f"key ({mode}): {len(root)} bytes. {_HINT}")
        self.__root = root
        self.mode: KeyMode = mode
        self.key_id: str = self.derive(b"id|v1")[:8].hex()
        """16 hexadecimal digits that tell two keys apart and say nothing else of them."""

    def derive(self, label: bytes) -> bytes:
        """32 bytes for one purpose: HKDF-SHA256 (RFC 5869) of the root with ``label`` as info."""
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"dress-rehearsal|" + label).derive(
            self.__root
        )

    def sealed(self, purpose: bytes, content: bytes) -> str:
        """``content`` encrypted and authenticated, hexadecimal; the same for the same content (as in RFC 5297)."""
        nonce = hmac.digest(self.derive(b"nonce|" + purpose), content, "sha256")[:_NONCE_BYTES]
        return (nonce + AESGCM(self.derive(b"seal|" + purpose)).encrypt(nonce, content, purpose)).hex()

    def opened(self, purpose: bytes, text: str) -> bytes | None:
        """What was sealed for the same purpose; None where it was not, or under another key."""
        try:
            raw = bytes.fromhex(text)
            sealer = AESGCM(self.derive(b"seal|" + purpose))
            return sealer.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose)
        except (ValueError, InvalidTag):
            return None

    def __repr__(self) -> str:
        return f"Key({self.mode})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not written anywhere")


def sealed_start(key: Key, epoch_ns: int) -> str:
    """A capture's start for its manifest, readable with the key alone; '' where the key is gone with the capture."""
    return "" if key.mode == "ephemeral" else key.sealed(_START, str(epoch_ns).encode())


def opened_start(key: Key, text: str) -> int | None:
    """The capture's start, nanoseconds since 1970; None where the manifest holds none."""
    found = key.opened(_START, text) if text else None
    return int(found) if found else None


def load_key(source: KeySource) -> Key:
    """The key that ``source`` names.

    Raises:
        ReplayError: it is missing, readable by others, not ours, or not 32 bytes.
    """
    if source.mode == "ephemeral":
        return Key(secrets.token_bytes(KEY_BYTES), "ephemeral")
    if source.mode == "file":
        return Key(_parsed(_read_file(source.value), source), "file")
    if source.mode == "fd":
        return Key(_parsed(_read_fd(source.value), source), "fd")
    return Key(_parsed(_read_command(source.value), source), "command")


def _parsed(content: bytes, source: KeySource) -> bytes:
    if len(content) == KEY_BYTES:
        return content
    stripped = content.strip()
    if len(stripped) == 2 * KEY_BYTES:
        try:
            return bytes.fromhex(stripped.decode("ascii"))
        except (UnicodeDecodeError, ValueError):
            pass
    where = f"{source.value}" if source.mode == "file" else f"key ({source.mode})"
    raise ReplayError(f"{where}: holds no key. {_HINT}") from None


def _read_file(path: str) -> bytes:
    with secret_file(path, "key file", _HINT) as file:
        return file.read(4 * KEY_BYTES)


def _read_fd(number: str) -> bytes:
    try:
        with os.fdopen(int(number), "rb") as file:
            return file.read(4 * KEY_BYTES)
    except (OSError, ValueError):
        raise ReplayError(
            f"key (fd): {number[:12]!r} is no readable file descriptor. Give the number of an open one."
        ) from None


def _read_command(command: str) -> bytes:
    try:
        done = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ReplayError(f"key (command): could not be run ({type(error).__name__}). Check the command.") from None
    if done.returncode:
        raise ReplayError(f"key (command): ended with {done.returncode}. Run it by hand to see why.")
    return done.stdout
