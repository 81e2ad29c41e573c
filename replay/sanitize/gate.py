"""The write gate: what stood in the raw exchange may not stand in the written one.

It knows nothing of walkers, kinds or places. It cuts both texts into tokens (runs of six and more letters and digits,
in lower case; digit runs of seven and more without their separators), after one look behind percent signs, JSON
escapes and base64, and lets a record pass only where no token is in both, words of interfaces and the policy apart.

It is fast because it cuts twice. The first cut is into phrases, at the characters that no token, base64 or spaced
number goes across; most of a text are phrases that it holds more than once, or that were harmless before (names of
members). Only the others are cut into tokens.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote_to_bytes

from replay.routes import interface_words, is_word, word_set
from replay.sanitize.vocabulary import JWT_ALGORITHMS, JWT_TYPES
from replay.sanitize.walkers import header_names, markup_words

SHORTEST_TOKEN = 6
_RUNS = bytes(c if chr(c).isalnum() and c < 128 else 32 for c in bytes(range(256)).lower())
"""Translates letters to lower case and whatever is no letter or digit to a blank."""
_IN_BASE64 = frozenset(b"+/_-")
"""Without the padding, which is not needed to read it, and would join a value to the ``name=`` before it."""
_BASE64_RUNS = bytes(c if c < 128 and (chr(c).isalnum() or c in _IN_BASE64) else 32 for c in range(256))
_GAP = b"."
_GAPS = b" ()."
"""What may part the digits of a number; all but the dash, which base64 has too, are one in a phrase."""
_PHRASES = bytes(_GAP[0] if c in _GAPS else c if c in b"\\" else _BASE64_RUNS[c] for c in range(256))
_SPACED_DIGITS = re.compile(rb"[0-9](?:[.-]{0,2}+[0-9]){6,}+")
_SHORTEST_BASE64 = 16
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}+={0,2}+" % _SHORTEST_BASE64)
_CUTS = tuple(bytes.maketrans(cut, b" " * len(cut)) for cut in (b"/+", b"-_", b"/+-_"))
"""Where a run of base64's alphabet may be base64 and something before or behind it, as in a path."""
_MOST_STARTS = 8
_WRAPPED = re.compile(
    rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{%d,}+(?:(?:\r?\n|\\n|\\r\\n)[A-Za-z0-9+/_-]++={0,2}+)++" % _SHORTEST_BASE64
)
_BREAK = re.compile(rb"\r?\n|\\n|\\r\\n")
_NOT_DIGITS = bytes(c for c in range(256) if not 48 <= c <= 57)
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_LETTER_RUNS = re.compile(r"[a-z]++")
_MOST_ESCAPES = 3
_MOST_HARMLESS = 50_000
_LONGEST_HARMLESS = 64
_CALENDAR_ENDS = re.compile(rb"(?:0001010[12]|9999123[01])[0-9]{0,2}+|(?:59)?+9{6,9}+")
"""The days that mean "always" and "never" in databases, with their hour, and the last second's fraction."""
_SHORT_PIECES = word_set("js id ip is in of on to by at no db ui ms kb mb tv qr os ok ad ua tz")


class Gate:
    """Compares the raw and the written text of one exchange.

    Args:
        vocabulary: words of the policy that may stand in both.
        image: the pseudonym of a digit run. A six-digit pseudonym may by chance be a number that the exchange holds
            too (odds about one in a million a pair); such a hit is explained where its source is in the raw text at
            least as often, and the record passes.
    """

    def __init__(self, vocabulary: Iterable[str], image: Callable[[str], str]) -> None:
        self._allowed = _builtin() | {word.encode() for word in vocabulary if len(word) >= 6}
        self._image = image
        self._harmless: set[bytes] = set()
        """Phrases without a token that any exchange could be withheld for; some 10 MB at most."""

    def passes(self, raw: Iterable[bytes], written: Iterable[bytes], kept: Iterable[str]) -> bool:
        """Whether nothing of ``raw`` is in ``written`` but vocabulary and the values that a rule kept."""
        before, after = _unescaped(b"\n".join(raw)), _unescaped(b"\n".join(written))
        sources, images = _phrases(before) - self._harmless, _phrases(after) - self._harmless
        shared = _tokens(sources) & _tokens(images)
        shared = {
            token
            for token in shared - self._allowed
            if len(token) >= SHORTEST_TOKEN and not self._is_words(token) and not _CALENDAR_ENDS.fullmatch(token)
        }
        self._learn(sources, images, shared)
        if not shared:
            return True
        shared -= _words(b"\n".join(value.encode("utf-8", "surrogatepass") for value in kept))
        return all(self._is_explained(token, before, after) for token in shared)

    def _learn(self, sources: set[bytes], images: set[bytes], suspects: set[bytes]) -> None:
        """Remember phrases that hold nothing that any exchange could be withheld for.

        Those are the ones that are shorter than a token, and the ones on both sides that hold none of the suspects.
        """
        same = sources & images
        if suspects:
            same = {phrase for phrase in same if suspects.isdisjoint(_tokens([phrase]))}
        short = [phrase for phrase in sources | images if len(phrase) < SHORTEST_TOKEN]
        if len(self._harmless) + len(same) + len(short) > _MOST_HARMLESS:
            self._harmless.clear()
        known = (phrase for phrase in (*same, *short) if len(phrase) <= _LONGEST_HARMLESS)
        self._harmless.update(islice(known, _MOST_HARMLESS))

    def _is_words(self, token: bytes) -> bool:
        """Whether a token is a name of the vocabulary's words run together, such as ``cartitemcount2``."""
        runs = _LETTER_RUNS.findall(token.decode())
        digits = len(token) - sum(map(len, runs))
        singles = sum(len(run) == 1 for run in runs)
        return digits <= 2 and singles <= 1 and all(len(run) == 1 or _is_joined(run) for run in runs)

    def _is_explained(self, token: bytes, before: bytes, after: bytes) -> bool:
        if not token.isdigit():
            return False
        if self._image(token.decode()) == token.decode():  # a fixed point: one in nine one-digit numbers is its own
            return True
        if len(token) > 8:
            return False
        runs = re.findall(rb"(?<![0-9A-Za-z])[0-9]{%d}(?![0-9A-Za-z])" % len(token), before)
        sources = sum(1 for run in runs if run != token and self._image(run.decode()) == token.decode())
        return sources >= len(re.findall(rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % token, after)) > 0


def tokens(text: bytes) -> set[bytes]:
    """The tokens of a text and of what stands one decoding behind it."""
    return {token for token in _tokens(_phrases(text)) if len(token) >= SHORTEST_TOKEN}


def _phrases(text: bytes) -> set[bytes]:
    return set(text.translate(_PHRASES).split())


def _tokens(phrases: Iterable[bytes]) -> set[bytes]:
    """The words and joined numbers of phrases, short words too."""
    text = b" ".join(phrases)
    found = _words(text)
    found.update(run.translate(None, _NOT_DIGITS) for run in _SPACED_DIGITS.findall(text))
    return found


def _words(text: bytes) -> set[bytes]:
    """Every run of letters and digits, short ones too, in lower case."""
    long = b" ".join(phrase for phrase in text.split() if len(phrase) >= _SHORTEST_BASE64)
    runs = (run for run in long.translate(_BASE64_RUNS).split() if len(run) >= _SHORTEST_BASE64)
    plains = {run: _printable(run) for run in runs}
    hidden = [plain for plain in plains.values() if plain is not None]
    glued = [found for run, plain in plains.items() if plain is None for found in _glued(run)]
    if hidden:
        # What is base64 of text is judged by that text: the same head of two tokens is no leak, a name inside is.
        def shown(found: re.Match[bytes]) -> bytes:
            run = found[0]
            return run if (plains[run] if run in plains else _printable(run)) is None else b" "

        text = _BASE64.sub(shown, text)
    found = set(b" ".join(hidden + glued).translate(_RUNS).split())
    found.update(text.translate(_RUNS).split())
    if b"\\u" in text:
        plain = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)).encode("utf-8", "surrogatepass"), text)
        found.update(plain.translate(_RUNS).split())
    return found


def _unescaped(text: bytes) -> bytes:
    for _ in range(_MOST_ESCAPES):
        if not _PERCENT.search(text):
            break
        text = unquote_to_bytes(text)
    text = text.replace(b"\\/", b"/")
    return b"\n".join([text, *_wrapped(text)])


def _glued(run: bytes) -> Iterable[bytes]:
    """The texts in base64 that a run holds beside other things: between its cuts, and behind each of the first."""
    pieces = {piece for cut in _CUTS for piece in run.translate(cut).split() if len(piece) >= _SHORTEST_BASE64}
    starts = islice((at + 1 for at, c in enumerate(run) if c in _IN_BASE64), _MOST_STARTS)
    pieces.update(run[start:] for start in starts if len(run) - start >= _SHORTEST_BASE64)
    return [plain for plain in map(_printable, pieces - {run}) if plain is not None]


def _wrapped(text: bytes) -> Iterable[bytes]:
    """The texts in base64 that goes on over line breaks; the lines before and behind it may look like base64 too."""
    for block in _WRAPPED.finditer(text):
        lines = _BREAK.split(block[0])
        ends = [end for end in (len(lines), len(lines) - 1) if end > 1]
        tried = {b"".join(lines[start:end]) for end in ends for start in range(min(end - 1, _MOST_STARTS))}
        yield from (plain for plain in map(_printable, tried) if plain is not None)


def _printable(run: bytes) -> bytes | None:
    body = run.rstrip(b"=").translate(_STANDARD)
    if len(body) % 4 == 1:
        return None
    try:
        plain = binascii.a2b_base64(body + b"=" * (-len(body) % 4))
        if not plain or plain.translate(None, _NO_CONTROLS):  # as most that is not text
            return None
        return plain if plain.translate(None, _LAYOUT).decode().isprintable() else None
    except ValueError:
        return None


_LAYOUT = b"\t\r\n"
_NO_CONTROLS = _LAYOUT + bytes(c for c in range(256) if c > 31 and c != 127)
_STANDARD = bytes.maketrans(b"-_", b"+/")


@lru_cache(maxsize=1)
def _builtin() -> frozenset[bytes]:
    """Words that every record holds: of interfaces, header names, media types, agents, usual durations."""
    listed: list[str] = [
        *interface_words(),
        *header_names.MIME_TYPES,
        *header_names.CHARSETS,
        *header_names.SERVERS,
        *header_names.TOKENS,
        *header_names.OPAQUE,
        *header_names.DATES,
        *header_names.URLS,
        *header_names.TAGS,
        *header_names.NAME_LISTS,
        *header_names.AUTHORIZATION,
        *header_names.NUMBERS,
        *(family for _, family in header_names.BROWSERS),
        *(word for values in header_names.TOKENS.values() for word in values),
        "mozilla",
        "httponly",
        "samesite",
        "partitioned",
        "example",
        "bearer",
        "digest",
        "negotiate",
        "localhost",
        "unknown",
        *map(str, header_names.DURATIONS_S),
        *markup_words.TAGS,
        *markup_words.ATTRIBUTES,
        *markup_words.KEPT_VALUES,
        *markup_words.XML_NAMESPACES,
        "doctype",
    ]
    listed += _token_heads()
    return frozenset(token for text in listed for token in text.encode().translate(_RUNS).split())


def _token_heads() -> Iterable[str]:
    """The heads that written JWTs have, as they are encoded: half of all real tokens have the same."""
    for algorithm in JWT_ALGORITHMS:
        for kind in ("", *JWT_TYPES):
            head = f'{{"alg":"{algorithm}"' + (f',"typ":"{kind}"' if kind else "") + "}"
            yield urlsafe_b64encode(head.encode()).decode()


@lru_cache(maxsize=20_000)
def _is_joined(token: str) -> bool:
    """Whether a token is known words run together: names in camelCase lose their seams in lower case."""
    ends = {0}
    for end in range(2, len(token) + 1):
        if any(start in ends and _is_piece(token[start:end]) for start in range(max(0, end - 20), end - 1)):
            ends.add(end)
    return len(token) in ends


def _is_piece(word: str) -> bool:
    # Of two-letter words only the usual ones: with all of them, half of all names fall into pieces.
    return is_word(word) if len(word) > 2 else word in _SHORT_PIECES
