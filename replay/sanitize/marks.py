"""Punctuation: keyed marks in the place of others, where what stands between letters is data as well.

The marks are of one alphabet that needs no escape in JSON, HTML, a cookie or a quoted string, and that joins no two
runs to an address, a number or a date. Spaces stay.
"""

from __future__ import annotations

from replay.sanitize import scripts
from replay.sanitize.pseudonyms import Pseudonyms

TOKEN_MARKS = frozenset("-_.~+/=:")
"""What parts the pieces of a token (RFC 6750, base64url, prefixes): layout, without which it would join nothing."""
NO_MARKS: frozenset[str] = frozenset()
LONGEST_BARE = 2
"""Text of marks alone passes up to this length: a dash or an arrow between two columns says nothing."""
_ASCII = "!$*?^_|~"
_WIDE = {2: "¡§¶·¿¬±×", 3: "–—†•…‹›≈", 4: "\U00010100\U00010101\U00010102\U0001039f"}


class Marks:
    """The marks of one text, by their place in it."""

    def __init__(self, pseudonyms: Pseudonyms, text: str, stays: frozenset[str]) -> None:
        self._stream = pseudonyms.stream("marks", text, len(text))
        self._stays = stays

    def of(self, piece: str, at: int) -> str:
        """``piece``, which starts at the place ``at`` of the text, with every mark in it replaced."""
        return "".join(self._one(character, at + offset) for offset, character in enumerate(piece))

    def _one(self, character: str, at: int) -> str:
        if character.isalnum() or character.isspace() or character in self._stays:
            return character
        if not character.isascii() and not scripts.passes(character):
            return character
        pool = _ASCII if character.isascii() else _WIDE[len(character.encode("utf-8", "surrogatepass"))]
        image = pool[self._stream[at] % len(pool)]
        return image if image != character else pool[(pool.index(image) + 1) % len(pool)]


def is_bare(text: str) -> bool:
    """Whether a text is longer than two characters and holds no letter and no digit."""
    return len(text) > LONGEST_BARE and not any(character.isalnum() for character in text)
