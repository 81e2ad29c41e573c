"""The write gate: what stood in the raw exchange may not stand in the written one.

It knows nothing of walkers, kinds or places. It cuts both texts into tokens (``tokens``) and lets a record pass only
where no token is in both, words of interfaces and the policy apart.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache

from replay.routes import interface_words, is_word, word_set
from replay.sanitize.tokens import Tokens, unescaped, words
from replay.sanitize.vocabulary import JWT_ALGORITHMS, JWT_TYPES
from replay.sanitize.walkers import header_names, markup_words

_RUNS = re.compile(r"[a-z0-9]++")
_LETTER_RUNS = re.compile(r"[a-z]++")
_MOST_WORDS = 20_000
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
        self._tokens = Tokens(self._allowed)
        self._joined: set[bytes] = set()
        """Tokens that are words of the vocabulary run together."""

    def passes(self, raw: Iterable[bytes], written: Iterable[bytes], kept: Iterable[str]) -> bool:
        """Whether nothing of ``raw`` is in ``written`` but vocabulary and the values that a rule kept."""
        raw, written = list(raw), list(written)
        shared = (self._tokens.of_all(raw) & self._tokens.of_all(written)) - self._allowed - self._joined
        shared = {token for token in shared if not self._is_words(token) and not _CALENDAR_ENDS.fullmatch(token)}
        if not shared:
            return True
        shared -= words(b"\n".join(value.encode("utf-8", "surrogatepass") for value in kept), set())
        before, after = unescaped(raw), unescaped(written)
        return all(self._is_explained(token, before, after) for token in shared)

    def _is_words(self, token: bytes) -> bool:
        """Whether a token is a name of the vocabulary's words run together, such as ``cartitemcount2``."""
        runs = _LETTER_RUNS.findall(token.decode())
        digits = len(token) - sum(map(len, runs))
        singles = sum(len(run) == 1 for run in runs)
        found = digits <= 2 and singles <= 1 and all(len(run) == 1 or _is_joined(run) for run in runs)
        if found and len(self._joined) < _MOST_WORDS:
            self._joined.add(token)
        return found

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
    return frozenset(token.encode() for text in listed for token in _RUNS.findall(text.lower()))


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
