"""The cookies of one session and clone, by the rules of a browser (RFC 6265 §5.2–5.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"-?[0-9]{1,10}")
_LOOPBACK = ("localhost", "127.", "[::1]")
MOST_COOKIES = 100
MOST_NAMES = 1000
LONGEST_BYTES = 8192


@dataclass(frozen=True, slots=True)
class _Cookie:
    name: str
    value: str
    domain: str
    is_host_only: bool
    path: str
    is_secure: bool
    expires_s: float | None
    """Seconds since 1970; None: with the session."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a request goes."""

    host: str
    """Without a port."""
    is_secure: bool
    """TLS, or loopback, which browsers trust as well."""


def site(authority: str, *, is_tls: bool) -> Site:
    """The site of a target."""
    host = authority.lower() if authority.endswith("]") else re.sub(r":[0-9]*$", "", authority.lower())
    return Site(host, is_tls or host.startswith(_LOOPBACK))


class Jar:
    """Cookies as servers set them; at most 100, the oldest go first."""

    __slots__ = ("_cookies", "seen")

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}
        self.seen: set[str] = set()
        """The names that any answer has set, deleted ones too; the first 1,000."""

    def take(self, lines: Iterable[str], where: Site, path: str, now_s: float) -> None:
        """Take the ``Set-Cookie`` lines of an answer to a request for ``path``."""
        for line in lines:
            cookie = _parsed(line, where, path, now_s)
            if cookie is None:
                continue
            if len(self.seen) < MOST_NAMES:
                self.seen.add(cookie.name)
            key = (cookie.name, cookie.domain, cookie.path)
            if cookie.expires_s is not None and cookie.expires_s <= now_s:
                self._cookies.pop(key, None)
                continue
            self._cookies[key] = cookie
            if len(self._cookies) > MOST_COOKIES:
                del self._cookies[next(iter(self._cookies))]

    def sent(self, where: Site, path: str, now_s: float) -> str:
        """``name=value; name=value`` for a request, the longest paths first; '' for none."""
        found = [
            cookie
            for cookie in self._cookies.values()
            if (cookie.expires_s is None or cookie.expires_s > now_s)
            and (where.is_secure or not cookie.is_secure)
            and _is_under(path, cookie.path)
            and (
                where.host == cookie.domain or (not cookie.is_host_only and where.host.endswith(f".{cookie.domain}"))
            )
        ]
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)


def _parsed(line: str, where: Site, request_path: str, now_s: float) -> _Cookie | None:
    pair, *attributes = line.split(";")
    name, equals, value = pair.strip().partition("=")
    if not equals or not name.strip() or len(line) > LONGEST_BYTES or any(ord(c) < 32 or ord(c) == 127 for c in line):
        return None
    domain, path, is_secure = "", "", False
    max_age: float | None = None
    expires: float | None = None
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        text = text.strip()
        match key.strip().lower():
            case "domain":
                domain = text.lower().lstrip(".")
            case "path":
                path = text if text.startswith("/") else ""
            case "secure":
                is_secure = True
            case "max-age" if _SECONDS.fullmatch(text):
                max_age = now_s + int(text)
            case "expires":
                expires = _date(text)
    if domain and where.host != domain and not where.host.endswith(f".{domain}"):
        return None
    return _Cookie(
        name.strip(),
        value.strip(),
        domain or where.host,
        not domain,
        path or _default_path(request_path),
        is_secure,
        max_age if max_age is not None else expires,
    )


def _date(text: str) -> float | None:
    try:
        found = parsedate_to_datetime(text.replace("-", " "))
        # RFC 6265 §5.1.1: without a zone it is UTC; Python would have it local.
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _default_path(path: str) -> str:
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def _is_under(path: str, cookie_path: str) -> bool:
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )
