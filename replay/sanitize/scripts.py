"""Characters outside ASCII: which of them hold data, and the letters of the same script that may stand for one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_LONG_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2A6DF), (0xF0000, 0x10FFFF))
_PASSED = frozenset({"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs", "Zl", "Zp", "Sc", "Sm"})


@dataclass(frozen=True, slots=True)
class Pool:
    """Characters that may stand for each other: one script, one case, one length in UTF-8."""

    label: str
    characters: str

    def rank(self, character: str) -> int:
        """The place of a character in the pool."""
        return _ranks(self)[character]


@lru_cache(maxsize=10_000)
def passes(character: str) -> bool:
    """Whether a character is punctuation, a space or a sign of currency, which pass as they do in ASCII."""
    return unicodedata.category(character) in _PASSED


@lru_cache(maxsize=50_000)
def pool_of(character: str) -> Pool:
    """The pool that a character belongs to."""
    low, high = _block(ord(character))
    return _pool(low, high, _sort(character))


def _block(point: int) -> tuple[int, int]:
    for low, high in _LONG_BLOCKS:
        if low <= point <= high:
            return low, high
    size = 0x80 if point < 0x800 else 0x100
    low = point // size * size
    return low, low + size - 1


def _sort(character: str) -> str:
    if character.isalpha():
        return "upper" if character.isupper() else "letter"
    return "other"


@lru_cache(maxsize=2_000)
def _pool(low: int, high: int, sort: str) -> Pool:
    members = (chr(point) for point in range(low, high + 1) if not 0xD800 <= point <= 0xDFFF)
    return Pool(f"{low:x}{sort}", "".join(c for c in members if _sort(c) == sort and not passes(c)))


@lru_cache(maxsize=200)
def _ranks(pool: Pool) -> dict[str, int]:
    return {character: at for at, character in enumerate(pool.characters)}
