"""Which values qualify as vocabulary, and which names say that no value of theirs ever does.

That many clients share a value is necessary and never enough: a shared API key is seen from every client too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from replay.learn.templates import singular
from replay.routes import interface_words, word_set
from replay.sanitize.guards import Accepts, guard
from replay.sanitize.veto import vetoed
from replay.sanitize.vocabulary import is_known_name, is_random_name, is_secret_name, is_time_name, parts

LONGEST_VALUE = 24
MOST_BITS = 3.0
"""Entropy in bits a character, of a value or of each word of a name."""
MOST_LISTED = 100
"""Values of one domain that a policy lists; a domain of more goes by a shape."""
_MOST_DIGITS = 6
_LEAST_LETTERS = 3.5
_LONG_WORD = 5
_VOWELS = frozenset("aeiouy")
_RUN = re.compile(r"[A-Za-z]+")
_WORD = r"(?:[a-z]+|[A-Z]+|[A-Z][a-z]+|[a-z]{2,}(?:[A-Z][a-z]+){1,3})"
_VALUE = re.compile(rf"[+-]?{_WORD}(?:[ _.:/-](?:{_WORD}|[0-9]{{1,3}})){{0,3}}")
_NAME = re.compile(r"[A-Za-z]++(?:[_.-][A-Za-z]++){0,5}(?:[_.-]?[0-9]{1,3})?")
_INT = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,4})?")
_PERSONAL = word_set(
    """
    user users customer customers account accounts member members person people profile patient employee contact
    owner author recipient sender buyer payer guest driver student subscriber visitor client
    email mail phone mobile tel fax name names first last middle surname forename nick nickname username login handle
    street address addr city town zip postal postcode plz birth birthday birthdate dob born age gender sex title
    salutation nationality religion iban bic account card pan holder tax vat passport license licence plate
    salary income blood diagnosis lat lng lon latitude longitude location geo ip device fingerprint imei comment
    message note notes text subject body bio about
    """
)
_SHAPES = (  # guard, and a word of the name that it needs; '' for none
    ("semver", ""),
    ("mime", ""),
    ("code", ""),
    ("iso-lang", "lang language locale"),
    ("iso4217", "currency"),
    ("iso3166", "country region market"),
    ("sort", "sort order orderby"),
)


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard of a policy with the values that it lists."""

    name: str
    values: tuple[str, ...]
    accepts: Accepts


def bits_a_character(text: str) -> float:
    """The entropy of a text's characters in bits a character; 0 for ''."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_vocabulary(value: str) -> bool:
    """Whether a value may be listed in a policy, once enough clients share it: a short word, and no veto speaks."""
    return (
        0 < len(value) <= LONGEST_VALUE
        and _VALUE.fullmatch(value) is not None
        and _is_spoken(value)
        and bits_a_character(value) <= MOST_BITS
        and not vetoed(value)
    )


def is_plain_name(name: str) -> bool:
    """Whether a name may be listed in a policy, once enough clients share it; the bound holds for each word of it."""
    return (
        len(name) <= 2 * LONGEST_VALUE
        and _NAME.fullmatch(name) is not None
        and _is_spoken(name)
        and all(len(part) <= LONGEST_VALUE and bits_a_character(part) <= MOST_BITS for part in parts(name))
        and not vetoed(name)
    )


def _is_spoken(text: str) -> bool:
    """Whether letters read as words: in camelCase of 3.5 letters or more on average, and long words have a vowel.

    What a random key is made of does not: its case changes every other letter.
    """
    for run in _RUN.findall(text):
        words = parts(run)
        if run[1:] != run[1:].lower() and run != run.upper() and len(run) < _LEAST_LETTERS * len(words):
            return False
        if any(len(word) >= _LONG_WORD and _VOWELS.isdisjoint(word) for word in words):
            return False
    return True


@lru_cache(maxsize=20_000)
def is_barred(name: str) -> bool:
    """Whether no value of this name is ever proposed: a secret's, a person's, a time's, a random code's."""
    if is_secret_name(name) or is_time_name(name) or is_random_name(name):
        return True
    return any(part in _PERSONAL or singular(part) in _PERSONAL for part in parts(name))


def sort_of(value: str) -> str:
    """``int``, ``decimal`` or ``word``: values of different sorts never share a domain."""
    if _INT.fullmatch(value):
        return "int"
    return "decimal" if _DECIMAL.fullmatch(value) else "word"


def guard_of(sort: str, shared: Collection[str], words: Collection[str], name: str) -> Guard | None:
    """The narrowest guard for the values that enough clients share; None where nothing may be kept.

    Args:
        sort: what ``sort_of`` says of them.
        shared: values that at least *k* clients share.
        words: the words that at least *k* clients share, where values of several words were seen.
        name: the domain's name; some shapes need a hint in it.
    """
    shared = [value for value in shared if not vetoed(value)]
    if sort == "int":
        return _of_digits([value for value in shared if len(value.lstrip("-")) <= _MOST_DIGITS])
    if sort == "decimal":
        return _made("decimal") if len(shared) > 1 else None
    for shape, hints in _SHAPES:
        if shape == "sort" and all(map(is_vocabulary, shared)):
            continue  # a list is narrower
        found = _made(shape)
        if not hints or set(parts(name)) & set(hints.split()):
            inside = [value for value in shared if found.accepts(value)]
            # One value that everybody sends is what a shared key looks like, unless its name says what it is.
            if len(inside) > (0 if hints else 1) and len(inside) >= 0.9 * len(shared):
                return found
    return _listed(shared, words)


def _listed(shared: Collection[str], words: Collection[str]) -> Guard | None:
    values = sorted(filter(is_vocabulary, shared))
    single = sorted({word.lower() for word in words if is_vocabulary(word)})
    if len(single) > 1:
        return _made("words", single[:MOST_LISTED])
    if values and all(value.lower() in {"true", "false", "yes", "no", "on", "off"} for value in values):
        return _made("bool")
    if len(values) > MOST_LISTED:
        slug = _made("slug")
        return slug if all(map(slug.accepts, values)) else None
    if len(values) > 1 or (values and (values[0].lower() in interface_words() or is_known_name(values[0]))):
        return _made("enum", values)
    return None


def _of_digits(values: list[str]) -> Guard | None:
    digits = max((len(value.lstrip("-")) for value in values), default=0)
    return _made(f"int<={digits}digits") if len(values) > 1 or 0 < digits <= 2 else None


def _made(name: str, values: Collection[str] = ()) -> Guard:
    accepts = guard(name, list(values))
    assert accepts is not None
    return Guard(name, tuple(values), accepts)
