"""The walker of headers: deny by default, on names and on values."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache

from replay.exchange import Pair, RawPair
from replay.routes import ENDINGS, word_set
from replay.sanitize.marks import NO_MARKS, TOKEN_MARKS
from replay.sanitize.vocabulary import is_known_name
from replay.sanitize.walk import Walk
from replay.sanitize.walkers import header_names as known
from replay.sanitize.walkers.cookies import Cookies
from replay.sanitize.walkers.urls import Urls

_MOST_CACHED = 5_000
_LONGEST_CACHED = 256
_SPLIT = re.compile(r"\s*[,;]\s*")
_QUOTED = re.compile(r'"([^"]*)"')
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
_VALUED = re.compile(r"([a-z-]+)=\"?([0-9]{1,8})\"?")
_QUALITY = re.compile(r"q=[01](?:\.[0-9]{1,3})?")
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:-[A-Za-z0-9-]{1,20})?(?:\s*;\s*(q=[01](?:\.[0-9]{1,3})?))?|\*")
_RANGE = re.compile(r"bytes=[0-9]{0,5}-[0-9]{0,5}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAJOR = re.compile(r"[0-9]{1,3}")
_SCHEME = re.compile(
    r"(Bearer|Basic|Digest|Token|JWT|ApiKey|Negotiate|NTLM|AWS4-HMAC-SHA256|DPoP|Key)(?:\s+|$)", re.IGNORECASE
)
_PARAMETER = re.compile(r'([A-Za-z0-9_*-]{1,40})\s*=\s*("[^"]*"|[^,;\s]*)')
_LINK = re.compile(r"<([^>]*)>([^,<]*)")
_DISPOSITION = re.compile(r"(inline|attachment|form-data)", re.IGNORECASE)
_ALGORITHMS = word_set("md5 sha-256 md5-sess auth auth-int true false")


class Headers:
    """Maps headers, in their order."""

    def __init__(self, walk: Walk, urls: Urls, cookies: Cookies) -> None:
        self._walk = walk
        self._urls = urls
        self._cookies = cookies
        self._stored: dict[RawPair, Pair] = {}
        self._readers: dict[str, Callable[[str], str]] = {}
        for names, reader in (
            (known.DATES, self._date),
            (known.URLS, self._url),
            (known.TAGS, self._tags),
            (known.NAME_LISTS, self._names),
            (known.AUTHORIZATION, self._authorization),
            (
                known.NUMBERS,
                lambda value: str(known.duration_s(int(value))) if _SECONDS.fullmatch(value) else "",
            ),
        ):
            self._readers.update(dict.fromkeys(names, reader))
        self._readers |= {
            "accept": _accepted,
            "accept-language": _languages,
            "user-agent": _agent,
            "server": lambda value: next((s for s in known.SERVERS if value.lower().startswith(s)), ""),
            "range": lambda value: value if _RANGE.fullmatch(value) else "",
            "cookie": cookies.sent,
            "set-cookie": cookies.given,
            "host": urls.authority,
            "content-type": media_type,
            "content-disposition": self._disposition,
            "link": self._links,
            "refresh": self._refresh,
        }

    def clean(self, pairs: list[RawPair], content_type: str | None) -> list[Pair]:
        """The headers that are stored; ``content_type`` stands in where the body was rewritten."""
        found: list[Pair] = []
        for pair in pairs:
            if content_type is not None and pair[0].lower() == b"content-type":
                found.append((pair[0].decode("latin-1"), content_type))
                continue
            stored = self._stored.get(pair) or self._pair(pair)
            if stored is not None:
                found.append(stored)
        return found

    def _pair(self, pair: RawPair) -> Pair | None:
        """The header to store. What a rule kept is asked again, since the gate must be told of it each time."""
        name = pair[0].decode("latin-1")
        lower = name.lower()
        ruled = self._walk.leaves.ruled
        value = self._value(lower, pair[1].decode("latin-1").strip())
        if not value:
            return None
        found = (name if _is_usual(name) else lower, value)
        if ruled == self._walk.leaves.ruled and len(pair[1]) <= _LONGEST_CACHED:
            if len(self._stored) >= _MOST_CACHED:
                self._stored.clear()
            self._stored[pair] = found
        return found

    def _value(self, name: str, value: str) -> str:
        """The value to store; '' where the header is dropped."""
        if name in known.DROPPED or name.startswith(":"):
            return ""
        walk = self._walk
        place = walk.place("header", name)
        if place is not None:
            if place.domain is None:
                return ""
            if walk.may_keep(place, name, value):
                return value
        reader = self._readers.get(name)
        if reader is not None:
            return reader(value)
        if name in known.OPAQUE:
            return walk.pseudonym(walk.name(name), value)
        tokens = known.TOKENS.get(name)
        if tokens is not None:
            return _listed(value, tokens)
        if name in walk.policy.headers_named or (len(name) <= 40 and is_known_name(name)):
            return walk.pseudonym(walk.name(name), value)
        walk.counts["header_dropped"] += 1
        return ""

    def _date(self, value: str) -> str:
        if value in {"0", "-1"}:
            return value
        moved = self._walk.leaves.clock.http(value)
        return moved or ""

    def _url(self, value: str) -> str:
        if value in {"*", "null"}:
            return value
        return self._urls.reference(value) or ""

    def _tags(self, value: str) -> str:
        if value == "*":
            return value
        if '"' not in value:
            return self._walk.leaves.clock.http(value) or self._walk.leaves.text(value)
        marks = _QUOTED.findall(value)
        weak = [value[max(0, found.start() - 2) : found.start()] == "W/" for found in _QUOTED.finditer(value)]
        return ", ".join(
            f'{"W/" if w else ""}"{self._walk.leaves.text(m)}"' for m, w in zip(marks, weak, strict=True)
        )

    def _names(self, value: str) -> str:
        listed = [name for name in _SPLIT.split(value) if name]
        return ", ".join(name for name in listed if name == "*" or self._is_stored(name.lower()))

    def _is_stored(self, name: str) -> bool:
        return name in self._readers or name in known.OPAQUE or name in known.TOKENS or is_known_name(name)

    def _authorization(self, value: str) -> str:
        leaves = self._walk.leaves
        scheme = _SCHEME.match(value)
        if scheme is None:
            return leaves.secret(value, TOKEN_MARKS)
        rest = value[scheme.end() :].strip()
        kind = scheme[1].lower()
        if kind == "basic":
            try:
                user, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return f"{scheme[1]} {leaves.secret(rest, TOKEN_MARKS)}" if rest else scheme[1]
            image = leaves.text(user) + colon + leaves.secret(password, NO_MARKS)
            return f"{scheme[1]} {base64.b64encode(image.encode()).decode()}" if rest else scheme[1]
        if (
            "=" in rest
            and kind in {"digest", "bearer", "aws4-hmac-sha256", "dpop", "token"}
            and _PARAMETER.match(rest)
        ):
            return f"{scheme[1]} " + ", ".join(self._parameter(n, v) for n, v in _PARAMETER.findall(rest))
        return f"{scheme[1]} {leaves.secret(rest, TOKEN_MARKS)}".rstrip()

    def _parameter(self, name: str, value: str) -> str:
        clean = self._walk.name(name).clean
        bare = value.strip('"')
        image = bare if bare.lower() in _ALGORITHMS else self._walk.leaves.secret(bare, TOKEN_MARKS)
        return f'{clean}="{image}"' if value.startswith('"') else f"{clean}={image}"

    def _disposition(self, value: str) -> str:
        kind = _DISPOSITION.match(value)
        if kind is None:
            return ""
        return "; ".join(
            [kind[1].lower(), *(self._file_parameter(n, v) for n, v in _PARAMETER.findall(value[kind.end() :]))]
        )

    def _file_parameter(self, name: str, value: str) -> str:
        bare = value.strip('"')
        if name.lower() == "name":
            return f'name="{self._walk.name(bare).clean}"'
        clean = "filename" if name.lower().startswith("filename") else self._walk.name(name).clean
        return f'{clean}="{file_name(self._walk, bare)}"'

    def _links(self, value: str) -> str:
        found = []
        for target, rest in _LINK.findall(value):
            relations = re.findall(r'rel="?([a-z -]{1,30})"?', rest)
            clean = f"<{self._urls.reference(target) or ''}>"
            found.append(
                clean + "".join(f'; rel="{r}"' for r in relations if all(is_known_name(w) for w in r.split()))
            )
        return ", ".join(found)

    def _refresh(self, value: str) -> str:
        delay, _, rest = value.partition(";")
        target = rest.partition("=")[2].strip().strip("'\"")
        seconds = str(known.duration_s(int(delay))) if _SECONDS.fullmatch(delay.strip()) else "0"
        return f"{seconds}; url={self._urls.reference(target) or ''}" if target else seconds


def file_name(walk: Walk, name: str) -> str:
    """A file's name with its ending."""
    stem, dot, ending = name.rpartition(".")
    if dot and stem and ending.lower() in ENDINGS:
        return f"{walk.leaves.text(stem)}.{ending}"
    return walk.leaves.text(name)


@lru_cache(maxsize=10_000)
def _is_usual(name: str) -> bool:
    """Whether a name is spelled in a way that many have: each of its words small, capitalised or in capitals."""
    return name == "ETag" or all(part in {part.lower(), part.title(), part.upper()} for part in name.split("-"))


@lru_cache(maxsize=500)
def media_type(value: str) -> str:
    """A media type of the allow-list with its charset; an unknown one is reduced to what its suffix says."""
    kind, *parameters = [piece.strip().lower() for piece in value.split(";")]
    if kind not in known.MIME_TYPES:
        suffix = kind.rpartition("+")[2] if "+" in kind else ""
        kind = f"application/{suffix}" if suffix in {"json", "xml"} else "application/octet-stream"
    charset = next((p.partition("=")[2].strip("\"' ") for p in parameters if p.startswith("charset=")), "")
    return f"{kind}; charset={charset}" if charset in known.CHARSETS else kind


def _accepted(value: str) -> str:
    found = []
    for piece in value.split(","):
        kind, *parameters = [part.strip() for part in piece.split(";")]
        kind = kind.lower()
        if kind not in known.MIME_TYPES and kind.endswith(("+json", "+xml")):
            kind = "application/" + kind.rpartition("+")[2]
        if kind in known.MIME_TYPES:
            found.append(";".join([kind, *(p for p in parameters if _QUALITY.fullmatch(p))]))
    return ",".join(dict.fromkeys(found)) or "*/*"


def _languages(value: str) -> str:
    found: dict[str, str] = {}
    for piece in value.split(","):
        match = _LANGUAGE.fullmatch(piece.strip())
        if match is not None:
            found.setdefault((match[1] or "*").lower(), match[2] or "")
    return ",".join(f"{tag};{quality}" if quality else tag for tag, quality in found.items())


def _agent(value: str) -> str:
    for mark, family in known.BROWSERS:
        at = value.find(mark)
        if at >= 0:
            major = _MAJOR.match(value, at + len(mark))
            mobile = " Mobile" if "Mobile" in value else ""
            prefix = "Mozilla/5.0 " if value.startswith("Mozilla/") else ""
            return f"{prefix}{family}/{major[0] if major else '0'}{mobile}"
    return "Mozilla/5.0" if value.startswith("Mozilla/") else "unknown/0"


def _listed(value: str, tokens: frozenset[str]) -> str:
    found = []
    for piece in _SPLIT.split(value):
        lower = piece.lower()
        valued = _VALUED.fullmatch(lower)
        if lower in tokens or _QUALITY.fullmatch(lower):
            found.append(piece)
        elif valued is not None and valued[1] in tokens:
            found.append(f"{valued[1]}={known.duration_s(int(valued[2]))}")
    # A quality belongs to the word before it; the separator that was there is put back.
    return ", ".join(found).replace(", q=", ";q=")
