"""The walker of cookies: ``Cookie`` and ``Set-Cookie`` (RFC 6265), names, values and attributes."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from replay.exchange import RawPair
from replay.sanitize.walk import Walk
from replay.sanitize.walkers.header_names import duration_s
from replay.sanitize.walkers.urls import Urls

_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_FLAGS = {"secure": "Secure", "httponly": "HttpOnly", "partitioned": "Partitioned"}
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}
_SECONDS = re.compile(r"-?[0-9]{1,9}")
_PREFIX = re.compile(r"__(?:Host|Secure)-")


class Cookies:
    """Maps cookies. A value has the same pseudonym in ``Set-Cookie`` and in every later ``Cookie``."""

    def __init__(self, walk: Walk, urls: Urls) -> None:
        self._walk = walk
        self._urls = urls

    def sent(self, value: str) -> str:
        """A ``Cookie`` header."""
        found = []
        for name, raw in split(value):
            pair = self._pair(name, raw)
            if pair is not None:
                found.append(pair)
        return "; ".join(found)

    def given(self, value: str) -> str:
        """A ``Set-Cookie`` header with the attributes that are known."""
        first, *attributes = value.split(";")
        name, equals, raw = first.strip().partition("=")
        if not equals:
            name, raw = "", name
        pair = self._pair(name, raw)
        if pair is None:
            return ""
        return "; ".join([pair, *filter(None, map(self._attribute, attributes))])

    def _pair(self, name: str, raw: str) -> str | None:
        prefix = _PREFIX.match(name)
        start = prefix[0] if prefix else ""
        clean = start + self._walk.name(name[len(start) :]).clean if name else ""
        quotes = '"' if len(raw) >= 2 and raw[0] == raw[-1] == '"' else ""
        bare = raw.strip('"') if quotes else raw
        escaped = "%" in bare
        value = self._walk.value("cookie", name, unquote(bare) if escaped else bare)
        if value is None:
            return None
        # What has no place in a cookie's value is escaped even where it was not.
        image = quote(value, safe=_SAFE if not escaped else "!$&'()*+-./:@_~")
        return f"{clean}={quotes}{image}{quotes}" if clean else f"{quotes}{image}{quotes}"

    def _attribute(self, text: str) -> str:
        name, _, value = text.strip().partition("=")
        lower, value = name.strip().lower(), value.strip()
        if lower in _FLAGS:
            return _FLAGS[lower]
        if lower == "samesite":
            return f"SameSite={_SAME_SITE[value.lower()]}" if value.lower() in _SAME_SITE else ""
        if lower == "max-age":
            return f"Max-Age={duration_s(int(value))}" if _SECONDS.fullmatch(value) else ""
        if lower == "path":
            return f"Path={self._urls.reference(value) or '/'}" if value != "/" else "Path=/"
        if lower == "domain":
            return f"Domain={self._urls.host(value.lstrip('.'))}"
        if lower == "expires":
            moved = self._walk.leaves.clock.http(value)
            return f"Expires={moved}" if moved else ""
        return ""


def split(value: str) -> list[tuple[str, str]]:
    """The names and raw values in a ``Cookie`` header."""
    found = []
    for piece in value.split(";"):
        name, equals, raw = piece.strip().partition("=")
        if name or raw:
            found.append((name, raw) if equals else ("", name))
    return found


def cookies_of(headers: list[RawPair]) -> list[tuple[str, str]]:
    """The cookies that a request sent."""
    return [pair for name, value in headers if name.lower() == b"cookie" for pair in split(value.decode("latin-1"))]


def given_of(headers: list[RawPair]) -> list[tuple[str, str]]:
    """The cookies that a response set; a deletion sets none."""
    found = []
    for name, value in headers:
        if name.lower() != b"set-cookie":
            continue
        text = value.decode("latin-1")
        first, _, attributes = text.partition(";")
        cookie, equals, raw = first.strip().partition("=")
        if equals and raw.strip('"') and "max-age=0" not in attributes.lower().replace(" ", ""):
            found.append((cookie, raw))
    return found
