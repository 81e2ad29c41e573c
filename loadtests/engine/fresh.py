"""Values that a client makes up, made anew in the recorded one's shape: idempotency keys, names that must differ."""

from __future__ import annotations

import random
import re
import string
import uuid
from datetime import UTC, datetime

_KEPT = re.compile(rb"(%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.|@.*)", re.DOTALL)
"""Escapes of the place, and the host of an address."""
_WORD = re.compile(r"[0-9A-Za-z-]+")
_HEX = re.compile(r"(?=.*[0-9])(?=(?:-*[0-9A-Fa-f]){8})[0-9A-Fa-f-]+")
"""A word that is a hexadecimal number or, with dashes, a UUID."""
_SECONDS_DIGITS, _MS_DIGITS = 10, 13


def made(sort: str, recorded: bytes, dice: random.Random, now_s: float) -> bytes:
    """A new value for what stands in a request as ``recorded``, escapes and all.

    ``uuid`` is one of version 4; ``time`` is now, as a number of seconds or milliseconds or in ISO 8601; ``random``
    and ``unique`` have a letter where one stood and a digit where one stood; eight hexadecimal digits or more
    stay such.
    """
    if sort == "uuid":
        return str(uuid.UUID(int=dice.getrandbits(128), version=4)).encode()
    if sort == "time":
        if recorded.isdigit():
            return str(round(now_s * (1000 if len(recorded) >= _MS_DIGITS else 1))).encode()
        return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    pieces = [piece.decode("latin-1") for piece in _KEPT.split(recorded)]
    pieces[::2] = [_WORD.sub(lambda word: _word(word[0], dice), piece) for piece in pieces[::2]]
    return "".join(pieces).encode("latin-1")


def _word(word: str, dice: random.Random) -> str:
    letters = "abcdef" if _HEX.fullmatch(word) else string.ascii_lowercase
    return "".join(_like(character, letters, dice) for character in word)


def _like(character: str, letters: str, dice: random.Random) -> str:
    if character in string.digits:
        return dice.choice("123456789")  # a number stays a number, of as many digits
    if character in string.ascii_lowercase:
        return dice.choice(letters)
    return dice.choice(letters).upper() if character in string.ascii_uppercase else character
