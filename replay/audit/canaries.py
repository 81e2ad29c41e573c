"""Planted values and every form that they can be found in.

A canary is a value that was sent through the capture on purpose. It is searched forward, in the notations below, in
what a file holds; and, by way of ``decoding``, raw in everything that decodes out of the file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np
from numpy.typing import NDArray

from replay.errors import InputError

MIN_LENGTH = 4
"""Shorter values occur by chance in any file; they are counted as not judged."""
WINDOW = 8
PART = "a part of it"
_WINDOWED_FROM = 16
_MIN_DIGITS = 7
_SURE_DIGITS = 12
_SEPARATORS = b" -./()+"
_PUBLIC = b" ".join(
    base64.b64encode(b'{"alg":"%s","typ":"JWT"}' % name).rstrip(b"=").lower()
    for name in (b"HS256", b"HS512", b"RS256", b"ES256", b"PS256", b"EdDSA")
)
"""Heads of tokens that every service shares."""
_SHORT, _LONG = 4, 8
_TABLE_BITS = 20
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Canary:
    """A planted value; it knows its line so that a finding can name it without printing it."""

    line: int
    value: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A form of a canary at a position of the text searched."""

    canary: int
    """Line of the canary in its file."""
    form: str
    position: int
    needle: bytes = field(repr=False)


def read_canaries(path: Path) -> list[Canary]:
    """The planted values of ``path``, one a line; empty lines are skipped.

    Raises:
        InputError: the file is missing, is no UTF-8 text, or holds no value.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Name a file with one planted value a line.") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot be read as UTF-8 text. Write one planted value a line.") from None
    found = [Canary(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InputError(f"{path}: holds no planted value. Write one a line.")
    return found


class Search:
    """Looks for all forms of all canaries in a text at once; time grows with the text, not with the canaries."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        judged = [canary for canary in canaries if len(canary.value) >= MIN_LENGTH]
        self.not_judged = len(canaries) - len(judged)
        exact: list[tuple[bytes, int, str]] = []
        folded: list[tuple[bytes, int, str]] = []
        digits: list[tuple[bytes, int, str]] = []
        for canary in judged:
            exact += ((needle, canary.line, form) for form, needle in _exact_forms(canary.value))
            folded += ((needle, canary.line, form) for form, needle in _folded_forms(canary.value))
            only = "".join(filter(str.isdecimal, canary.value))
            if len(only) >= _MIN_DIGITS and only.isascii():
                digits.append((only.encode(), canary.line, "digits only"))
        self._exact = _Needles(exact)
        self._folded = _Needles(folded + _windows(judged))
        self._digits = _Needles(digits)

    def find(self, text: bytes) -> Iterator[Hit]:
        """Every form of every canary in ``text``."""
        yield from self._exact.find(text)
        for hit in self._folded.find(text.lower()):
            if not hit.needle.isdigit() or _stands_alone(text, hit):
                yield hit
        bare = text.translate(None, _SEPARATORS)
        kept: NDArray[np.int64] | None = None
        for hit in self._digits.find(bare):
            if _stands_alone(bare, hit):
                kept = _kept(text) if kept is None else kept
                yield Hit(hit.canary, hit.form, int(kept[hit.position]), hit.needle)


def _kept(text: bytes) -> NDArray[np.int64]:
    """The positions of the bytes that are no separators."""
    return np.flatnonzero(~np.isin(np.frombuffer(text, np.uint8), np.frombuffer(_SEPARATORS, np.uint8)))


def _stands_alone(text: bytes, hit: Hit) -> bool:
    """Is a short number a number of its own? Within a longer one it stands by chance."""
    if len(hit.needle) >= _SURE_DIGITS:
        return True
    before = text[hit.position - 1 : hit.position] if hit.position else b""
    after = text[hit.position + len(hit.needle) :][:1]
    return not (before.isdigit() or after.isdigit())


def _folded_forms(value: str) -> Iterator[tuple[str, bytes]]:
    """The forms in which case does not matter; ``find`` gets the lower-cased text."""
    raw = value.encode("utf-8", "surrogatepass")
    forms = {
        "raw": raw,
        "lower case": value.lower().encode("utf-8", "surrogatepass"),
        "upper case": value.upper().encode("utf-8", "surrogatepass"),
        "percent": quote(value, safe="", errors="surrogatepass").encode(),
        "form": quote_plus(value, errors="surrogatepass").encode(),
        "plus for spaces": raw.replace(b" ", b"+"),
        "percent, all of it": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "percent twice": quote(quote(value, safe="", errors="surrogatepass"), safe="").encode(),
        "html": html.escape(value).encode("utf-8", "surrogatepass"),
        "html, decimal": "".join(f"&#{ord(character)};" for character in value).encode(),
        "html, hexadecimal": "".join(f"&#x{ord(character):x};" for character in value).encode(),
        "json": json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass"),
        "json, ascii": json.dumps(value)[1:-1].encode(),
        "unicode escapes": "".join(f"\\u{ord(character):04x}" for character in value).encode(),
        "hex": raw.hex().encode(),
        "utf-16, little": value.encode("utf-16-le", "surrogatepass"),
        "utf-16, big": value.encode("utf-16-be", "surrogatepass"),
        "latin-1": value.encode("latin-1", "replace"),
    }
    for name in ("md5", "sha1", "sha256"):
        forms[f"{name} digest"] = hashlib.new(name, raw, usedforsecurity=False).hexdigest().encode()
    seen: set[bytes] = set()
    for form, needle in forms.items():
        # As in ``bytes.lower``: only ASCII letters fold, whatever the language.
        if (low := needle.lower()) not in seen:
            seen.add(low)
            yield form, low


def _exact_forms(value: str) -> Iterator[tuple[str, bytes]]:
    """The forms in which case matters: base64 and base64url of the value at three alignments, and of its digests."""
    raw = value.encode("utf-8", "surrogatepass")
    for ahead in range(3):
        encoded = base64.b64encode(b"\0" * ahead + raw)
        # Bits of a neighbour share the first characters (behind ``ahead`` bytes) and the last ones.
        begin = (0, 2, 3)[ahead]
        end = (ahead + len(raw)) * 8 // 6
        inner = encoded[begin:end]
        if len(inner) >= 6:
            yield f"base64, alignment {ahead}", inner
            if (urlsafe := inner.translate(bytes.maketrans(b"+/", b"-_"))) != inner:
                yield f"base64url, alignment {ahead}", urlsafe
    for name in ("md5", "sha1", "sha256"):
        digest = base64.b64encode(hashlib.new(name, raw, usedforsecurity=False).digest()).rstrip(b"=")
        yield f"{name} digest, base64", digest


def _windows(canaries: Sequence[Canary]) -> list[tuple[bytes, int, str]]:
    """The 8-character pieces of long values.

    A piece that two canaries share (``https://``) says nothing about either, one of a single kind of character
    (digits, or letters as a word has them) occurs by chance or in any vocabulary: neither is searched.
    """
    pieces: dict[bytes, int] = {}
    owners: Counter[bytes] = Counter()
    for canary in canaries:
        if len(canary.value) < _WINDOWED_FROM:
            continue
        # A piece of encoded JSON spells the names of members at least as often as values.
        opaque = ".".join(part for part in canary.value.split(".") if not part.startswith("eyJ"))
        low = opaque.encode("utf-8", "surrogatepass").lower()
        own = {low[at : at + WINDOW] for at in range(len(low) - WINDOW + 1)}
        owners.update(own)
        pieces.update(dict.fromkeys(own, canary.line))
    return [
        (piece, line, PART)
        for piece, line in pieces.items()
        if owners[piece] == 1 and _telling(piece) and piece not in _PUBLIC
    ]


def _telling(piece: bytes) -> bool:
    digits = sum(48 <= byte <= 57 for byte in piece)
    letters = sum(97 <= byte <= 122 for byte in piece)
    return digits >= 2 and letters >= 3 and digits + letters >= WINDOW - 1


class _Needles:
    """Finds any of many byte strings: a table over their first bytes rules out nearly every position."""

    def __init__(self, needles: Sequence[tuple[bytes, int, str]]) -> None:
        self._by_start: dict[int, dict[bytes, list[tuple[bytes, int, str]]]] = {_SHORT: {}, _LONG: {}}
        for needle in needles:
            width = _LONG if len(needle[0]) >= _LONG else _SHORT
            if len(needle[0]) >= width:
                self._by_start[width].setdefault(needle[0][:width], []).append(needle)
        self._tables = {width: _table(width, starts) for width, starts in self._by_start.items() if starts}

    def find(self, text: bytes) -> Iterator[Hit]:
        """All occurrences, of overlapping ones too."""
        for width, table in self._tables.items():
            if len(text) < width:
                continue
            starts = self._by_start[width]
            for position in np.flatnonzero(table[_keys(text, width)]).tolist():
                for needle, canary, form in starts.get(text[position : position + width], ()):
                    if text.startswith(needle, position):
                        yield Hit(canary, form, position, needle)


def _keys(text: bytes, width: int) -> NDArray[np.uint64]:
    """A hash of the ``width`` bytes at each position, as an index into a table."""
    kind = "<u4" if width == _SHORT else "<u8"
    packed = np.ndarray((len(text) - width + 1,), kind, text, strides=(1,))  # each position seen as one number
    return (packed * _MIX) >> np.uint64(64 - _TABLE_BITS)


def _table(width: int, starts: dict[bytes, list[tuple[bytes, int, str]]]) -> NDArray[np.bool_]:
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    for start in starts:
        table[_keys(start, width)] = True
    return table
