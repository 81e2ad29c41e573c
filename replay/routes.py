"""URL to route: ``METHOD /kept/{kind}``, the grouping key of baseline and replay.

A route is made from raw values and holds none of them, so it is the same under every key: a path segment stays where
it is a word of interfaces (``users``, ``v1``, ``me``) or stands in a template, any other is named by its kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from urllib.parse import unquote

import msgspec

ALGORITHM = "routes/2"
"""Changes whenever the same raw path could give another route."""
LONGEST_SEGMENTS = 24
"""A longer path ends in ``{rest}``: nobody groups by more, and a hostile path must not make a route of its own."""
_MOST_PARTS = 3
_LONGEST_LITERAL = 40
_LONGEST_SEGMENT = 1024
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

type Accepts = Callable[[str], bool]

_UUID = re.compile(r"\{?[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?")
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("int", re.compile(r"-?[0-9]+")),
    ("uuid", _UUID),
    ("date", re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?:[Tt ][0-9:.,+Zz-]+)?")),
    ("decimal", re.compile(r"-?[0-9]+\.[0-9]+")),
    ("ip", re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")),
    ("email", re.compile(r"[^@/\s]+@[^@/\s]+")),
    ("jwt", re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")),
    ("hex", re.compile(r"(?=[A-Za-z]*[0-9])(?:[0-9a-f]{8,}|[0-9A-F]{8,})")),
    ("slug", re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*")),
    ("slug", re.compile(r"(?=[a-z])[a-z0-9]{1,20}(?:[-_][a-z0-9]{1,20}){1,15}")),
    ("token", re.compile(r"[A-Za-z0-9_.~=-]+")),
)
_VERSION = re.compile(r"v[0-9]{1,2}(?:\.[0-9]{1,2})?(?:beta|alpha|rc)?[0-9]?")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^A-Za-z]+")
_SEPARATED = re.compile(r"[-_.]")


@dataclass(frozen=True, slots=True)
class Template:
    """One route of a policy: ``/products/{product_id}`` for some methods, or for all (empty)."""

    path: str
    methods: frozenset[str] = frozenset()


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One segment of a path and what the route makes of it."""

    raw: str
    """As it stood in the path, escapes included."""
    is_literal: bool
    """Whether it is in the route as it is, and may stand in the clean path as it is."""
    parameter: str = ""
    """The template's name for it; '' where no template speaks."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """A path's route without its method, and its segments."""

    path: str
    """``/kept/{kind}``."""
    segments: tuple[Segment, ...]


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set: how lists of words are written down here."""
    return frozenset(text.split())


ENDINGS = word_set(
    """
    html htm xhtml php asp aspx jsp do action json xml txt csv pdf js mjs css map png jpg jpeg gif svg webp avif ico
    bmp woff woff2 ttf otf eot mp3 mp4 webm ogg wav m3u8 ts zip gz tar rss atom wasm webmanifest
    """
)
"""Endings of files, which stay in a route and in a clean path."""
_PERSONAL = word_set(
    """
    users user u people person profile profiles members member accounts account customers customer authors author
    coupon coupons voucher vouchers promo invite invites invitation invitations reset
    """
)
"""Behind these a segment of several words may be a person's name or a code: ``/users/bill.gates``."""
_ACTIONS = word_set(
    """
    sign-in sign-up sign-out log-in log-out forgot-password reset-password change-password password-reset two-factor
    """
)
"""What stands behind them all the same."""


@lru_cache(maxsize=1)
def interface_words() -> frozenset[str]:
    """The built-in words of interfaces: of paths, members and fields. They hold no name of a person."""
    return word_set(resources.files("replay.sanitize").joinpath("words.txt").read_text("utf-8"))


def is_word(word: str) -> bool:
    """Whether a lower-case word, or its singular, is in the built-in list."""
    known = interface_words()
    return word in known or (len(word) > 3 and word.endswith("s") and word[:-1] in known)


def kind_of(segment: str) -> str:
    """The kind of a raw path segment: ``int``, ``uuid``, ``hex``, ``slug``, ``token`` … or ``text``."""
    return _kind_of(segment) if len(segment) <= _LONGEST_SEGMENT else "text"


@lru_cache(maxsize=20_000)
def _kind_of(segment: str) -> str:
    plain = unquote(segment)
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(plain)), "text")


def is_literal(segment: str) -> bool:
    """Whether a raw path segment is made of at most three words of interfaces, or is a version such as ``v1``."""
    return len(segment) <= _LONGEST_LITERAL and segment.isascii() and _is_literal(segment)


def is_literal_behind(segment: str, parent: str) -> bool:
    """The same for a segment behind another: one of several words is none where it may be a person's or a code."""
    if not is_literal(segment):
        return False
    return parent.lower() not in _PERSONAL or _is_one_word(segment) or segment.replace("_", "-") in _ACTIONS


def _is_one_word(segment: str) -> bool:
    return (segment.isalpha() and is_word(segment.lower())) or not any(c.isalpha() for c in segment[1:])


@lru_cache(maxsize=20_000)
def _is_literal(segment: str) -> bool:
    if segment in {"", ".", "..", "*"} or _VERSION.fullmatch(segment) or (len(segment) == 1 and segment in _LETTERS):
        return True
    if is_word(segment.lower()):
        return True
    parts = [
        part.lower()
        for run in _SEPARATED.split(segment)
        for part in ([run] if is_word(run.lower()) else _PARTS.findall(run))
    ]
    return 0 < len(parts) <= _MOST_PARTS and all(map(is_word, parts))


class Routes:
    """The routes of one policy: its templates first, then the built-in words and kinds.

    Args:
        templates: the policy's routes.
        accepts: for a template's parameter, which raw values it takes although they are words of interfaces; without
            an entry it takes none, so that ``/users/me`` is never a ``/users/{id}``.
        rules: text that names what ``accepts`` is made of; part of the hash.
    """

    def __init__(
        self, templates: Iterable[Template] = (), accepts: dict[str, Accepts] | None = None, rules: str = ""
    ) -> None:
        self._accepts = accepts or {}
        self._by_length: dict[int, list[tuple[Template, tuple[str, ...]]]] = {}
        listed = sorted(templates, key=lambda t: (t.path, sorted(t.methods)))
        for template in listed:
            pieces = tuple(template.path.split("/"))
            self._by_length.setdefault(len(pieces), []).append((template, pieces))
        for candidates in self._by_length.values():  # the template with the most literal segments speaks first
            candidates.sort(key=lambda found: (sum(_is_parameter(piece) for piece in found[1]), found[0].path))
        content = [
            ALGORITHM,
            rules,
            *(f"{','.join(sorted(t.methods))} {t.path}" for t in listed),
            *sorted(interface_words()),
        ]
        self.hash = hashlib.sha256("\n".join(content).encode()).hexdigest()
        """Names everything that decides about a route; artefacts with different hashes are not compared."""

    def match(self, method: str, path: str) -> Match:
        """The route of a path without its query. ``method`` '' matches a template of any method."""
        pieces = path.split("/")
        for template, wanted in self._by_length.get(len(pieces), ()):
            if method and template.methods and method not in template.methods:
                continue
            segments = self._fitted(pieces, wanted)
            if segments is not None:
                return Match(template.path, segments)
        segments = tuple(
            [
                Segment(piece, is_literal_behind(piece, parent))
                for parent, piece in zip(("", *pieces), pieces, strict=False)
            ]
        )
        shown = [s.raw if s.is_literal else _named(s.raw) for s in segments[:LONGEST_SEGMENTS]]
        if len(segments) > LONGEST_SEGMENTS:
            shown.append("{rest}")
        return Match("/".join(shown), segments)

    def route(self, method: str, path: str) -> str:
        """``METHOD /kept/{kind}`` of a raw path; a query or fragment is left out."""
        path = path.partition("?")[0].partition("#")[0]
        return f"{method} {self.match(method, path).path or '/'}"

    def _fitted(self, pieces: Sequence[str], wanted: Sequence[str]) -> tuple[Segment, ...] | None:
        found: list[Segment] = []
        for parent, piece, want in zip(("", *pieces), pieces, wanted, strict=False):
            if not _is_parameter(want):
                if piece != want:
                    return None
                found.append(Segment(piece, is_literal=True))
                continue
            parameter = want[1:-1]
            accepts = self._accepts.get(parameter)
            if not piece or not (
                (accepts is not None and accepts(unquote(piece))) or not is_literal_behind(piece, parent)
            ):
                return None
            found.append(Segment(piece, is_literal=False, parameter=parameter))
        return tuple(found)


def _is_parameter(piece: str) -> bool:
    return piece.startswith("{") and piece.endswith("}")


def _named(segment: str) -> str:
    """``{kind}``; a file's known ending stays: ``{int}.jpg``."""
    stem, dot, ending = segment.rpartition(".")
    if dot and stem and ending in ENDINGS:
        return f"{{{kind_of(stem)}}}.{ending}"
    return f"{{{kind_of(segment)}}}"
