"""Type guards: what a value must look like before a keep rule may let it pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

type Accepts = Callable[[str], bool]

_INT = re.compile(r"int<=([1-9]|1[0-2])digits")
_PATTERNS = {
    "bool": re.compile(r"true|false|yes|no|on|off|0|1", re.IGNORECASE),
    "decimal": re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,4})?"),
    "slug": re.compile(r"[a-z]{1,24}(?:[-_][a-z0-9]{1,24}){0,7}"),
    "code": re.compile(r"[A-Z]{1,5}-?[0-9]{1,4}"),
    "semver": re.compile(r"v?[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,5}(?:-[a-z]{1,8}(?:\.[0-9]{1,4})?)?"),
    "iso-lang": re.compile(r"[a-z]{2,3}(?:[-_][A-Z]{2})?"),
    "iso4217": re.compile(r"[A-Z]{3}|[a-z]{3}"),
    "iso3166": re.compile(r"[A-Z]{2}|[a-z]{2}"),
    "mime": re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}"),
    "uuid": re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE),
    "sort": re.compile(r"[+-]?[a-z_]{1,24}(?:[:.](?:asc|desc))?"),
}
NAMES = ("int<=Ndigits", "enum", "words", *_PATTERNS)
"""The guards that a policy may name."""


def guard(name: str, values: Sequence[str]) -> Accepts | None:
    """The guard of that name; None where there is none. ``enum`` and ``words`` take their ``values``."""
    found = _INT.fullmatch(name)
    if found:
        pattern = re.compile(r"-?[0-9]{1," + found[1] + "}")
        return lambda text: pattern.fullmatch(text) is not None
    if name == "enum":
        allowed = frozenset(values)
        return lambda text: text in allowed
    if name == "words":
        listed = frozenset(value.lower() for value in values)
        return lambda text: len(text) <= 200 and all(word in listed for word in text.lower().split())
    shape = _PATTERNS.get(name)
    return None if shape is None else lambda text: shape.fullmatch(text) is not None
