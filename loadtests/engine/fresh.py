"""Values that a client makes up, made anew in the recorded one's shape: idempotency keys, names that must differ."""

from __future__ import annotations

import random
import re
import string
import uuid

from replay.plan.links.values import bits
from replay.plan.moments import written_like

_WORD = re.compile(r"[0-9A-Za-z-]+")
_HEX = re.compile(r"(?=.*[0-9])(?=(?:-*[0-9A-Fa-f]){8})[0-9A-Fa-f-]+")
"""A word that is a hexadecimal number or, with dashes, a UUID."""
_ENOUGH_BITS = 48
"""Of a unique value: a million clones of them meet once in 500 runs."""
_ADDED = string.ascii_lowercase + "23456789"


def made(sort: str, recorded: str, dice: random.Random, now_s: float) -> str:
    """A new value for ``recorded``.

    ``uuid`` is one of version 4; ``time`` is now, in the recorded layout; ``random`` and ``unique`` have a letter
    where one stood and a digit where one stood, and eight hexadecimal digits or more stay such. ``unique`` keeps the
    host of an address and is made longer where it would be too short for no two to meet.
    """
    if sort == "uuid":
        return str(uuid.UUID(int=dice.getrandbits(128), version=4))
    if sort == "time":
        return written_like(recorded, now_s)
    name, at, host = recorded.partition("@") if sort == "unique" else (recorded, "", "")
    found = _WORD.sub(lambda word: _word(word[0], dice), name)
    if sort == "unique" and any(character.isalpha() for character in name):
        while bits(found) < _ENOUGH_BITS:
            found += dice.choice(_ADDED)
    return found + at + host


def _word(word: str, dice: random.Random) -> str:
    letters = "abcdef" if _HEX.fullmatch(word) else string.ascii_lowercase
    return "".join(_like(character, letters, dice) for character in word)


def _like(character: str, letters: str, dice: random.Random) -> str:
    if character in string.digits:
        return dice.choice("123456789")  # a number stays a number, of as many digits
    if character in string.ascii_lowercase:
        return dice.choice(letters)
    return dice.choice(letters).upper() if character in string.ascii_uppercase else character
