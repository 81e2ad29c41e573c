"""Encrypted segments, opened by a reader of the auditor's own.

``*.jsonl.zst.age`` is a sequence of age messages (age-encryption.org/v1), each after its length in four bytes
(little-endian); the content of each is zstd frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import Path

from replay.errors import InputError

_LENGTH_BYTES = 4

type Opener = Callable[[bytes], bytes | None]
"""What an age message holds; None where it is damaged or for somebody else."""


class SealedError(ValueError):
    """The rest of a file that cannot be opened; the text says why."""


def opener(path: Path) -> Opener:
    """What opens messages with the identities in ``path``; raises InputError where it holds none."""
    import pyrage

    try:
        keys = [line for line in path.read_bytes().decode("ascii").splitlines() if line.startswith("AGE-SECRET-KEY-")]
        found = [pyrage.x25519.Identity.from_str(key.strip()) for key in keys]
    except OSError as error:
        raise InputError(
            f"{path}: the identity cannot be read ({error.strerror}). Name the file that 'age-keygen' made."
        ) from None
    except (UnicodeDecodeError, pyrage.IdentityError):
        found = []
    if not found:
        raise InputError(f"{path}: holds no age identity. Name the file that 'age-keygen' made.")

    def opened(message: bytes) -> bytes | None:
        try:
            content: bytes = pyrage.decrypt(message, found)
        except pyrage.DecryptError:
            return None
        return content

    return opened


def messages(content: mmap, opened: Opener) -> Iterator[bytes]:
    """What the messages hold, one after the other, as far as each opens.

    Raises:
        SealedError: at the end, where one did not open or the file is cut off.
    """
    begin, size, closed, whole = 0, len(content), 0, 0
    while begin + _LENGTH_BYTES <= size:
        end = begin + _LENGTH_BYTES + int.from_bytes(content[begin : begin + _LENGTH_BYTES], "little")
        if end > size:
            break
        held = opened(content[begin + _LENGTH_BYTES : end])
        whole += 1
        if held is None:
            closed += 1
        else:
            yield held
        begin = end
    if closed and closed == whole:
        raise SealedError("is not for this identity, or damaged")
    if closed:
        raise SealedError(f"holds {closed} damaged messages")
    if begin < size or not whole:
        raise SealedError("is cut off")
