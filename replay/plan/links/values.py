"""What a value says of itself: how unlikely it is that two places hold it by chance."""

from __future__ import annotations

import hashlib
import math
import re

STRONG_BITS = 48.0
_LONGEST_KEPT = 48
LONGEST = 1 << 18
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def key_of(value: str) -> str:
    """The value, or a digest of a long one, to remember it by."""
    if len(value) <= _LONGEST_KEPT:
        return value
    return "#" + hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def is_candidate(value: str) -> bool:
    """Whether a value may be one that somebody issued: one piece of text, neither empty nor zero."""
    return bool(value) and value != "0" and len(value) <= LONGEST and not any(c.isspace() for c in value)


def bits(value: str) -> float:
    """The size of the value's alphabet, by the classes of its characters, to the power of its length, as bits.

    Pseudonyms keep length and classes, so a sanitised value has as many as the raw one.
    """
    head = value[:64]
    size = 10 * any(c.isdigit() for c in head) + 26 * any(c.islower() for c in head)
    size += 26 * any(c.isupper() for c in head) + 6 * any(not c.isalnum() for c in head)
    return len(value) * math.log2(max(2, size))


def is_strong(value: str) -> bool:
    """Whether two places that hold the value must know of each other: it is long, and it is no word."""
    if bits(value) < STRONG_BITS:
        return False
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    return (has_digit and has_letter) or (has_digit and len(value) >= 15) or len(value) >= 24


def is_uuid(value: str) -> bool:
    """Whether a value reads as a UUID, as programs write it."""
    return len(value) == 36 and _UUID.fullmatch(value) is not None
