"""Encryption of segments at rest: age (age-encryption.org/v1, X25519) by pyrage.

Whoever captures holds only a *recipient*: what he writes he cannot read. Whoever reads holds the *identity* in a
file, as ``age-keygen`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from replay.errors import InputError, ReplayError

IDENTITY_VARIABLE = "DRESS_REHEARSAL_IDENTITY"
"""Names the identity's file (never the identity) where ``--identity`` is not given."""

type Seal = Callable[[bytes], bytes]
type Unseal = Callable[[bytes], bytes | None]
"""The content of a message, or None where it is damaged or not for this identity."""


def seal_for(recipient: str) -> Seal:
    """What encrypts for ``recipient`` (``age1…``); raises ReplayError where it is none."""
    import pyrage

    try:
        key = pyrage.x25519.Recipient.from_str(recipient.strip())
    except pyrage.RecipientError:
        raise ReplayError(
            "--recipient: is no age recipient. Write the 'age1…' that 'age-keygen -y' prints."
        ) from None

    def seal(content: bytes) -> bytes:
        message: bytes = pyrage.encrypt(content, [key])
        return message

    return seal


def unseal_with(path: Path) -> Unseal:
    """What decrypts with the identities in ``path``; raises InputError where it holds none."""
    import pyrage

    try:
        lines = path.read_text("ascii").splitlines()
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
    except OSError as error:
        raise InputError(
            f"{path}: the identity cannot be read ({error.strerror}). Name the file that 'age-keygen' made."
        ) from None
    except (UnicodeDecodeError, pyrage.IdentityError):
        identities = []
    if not identities:
        raise InputError(f"{path}: holds no age identity. Name the file that 'age-keygen' made.")

    def unseal(message: bytes) -> bytes | None:
        try:
            content: bytes = pyrage.decrypt(message, identities)
        except pyrage.DecryptError:
            return None
        return content

    return unseal


def required(path: Path) -> InputError:
    """The error of an encrypted segment without an identity."""
    return InputError(f"{path}: is encrypted. Name the file of its identity by --identity.")
