"""The walker of URLs: host, path, query and fragment, in request lines, headers, bodies and strings."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, unquote_plus

from replay.routes import ENDINGS, Match, word_set
from replay.sanitize.marks import NO_MARKS
from replay.sanitize.recent import Recent
from replay.sanitize.walk import Walk

_SCHEMES = word_set("http https ws wss ftp ftps file s3 gs urn app mailto tel sms data blob about")
_AUTHORITIES_BYTES = 1 << 20
_PATH_SAFE = "!$&'()*+,;=:@-._~[]"
_QUERY_SAFE = "!$'()*,:@-._~/?[]"
# RFC 3986, appendix B; every part is bounded by a character that it cannot hold.
_REFERENCE = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*+):)?+(?://([^/?#]*+))?+([^?#]*+)(?:\?([^#]*+))?+(?:#(.*+))?+", re.DOTALL
)
_PORT = re.compile(r":([0-9]{1,5})?")
_OUTSIDE = re.compile(r"[\s\x00-\x1f\"<>\\^`{|}]")


class Urls:
    """Maps URLs piece by piece. The path is cut and decided by the policy's routes, so path and route agree."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._authorities = Recent[str, str](self._authority, _AUTHORITIES_BYTES)

    def match(self, method: str, path: str) -> Match:
        """The raw path's route; the query is left out."""
        return self._walk.policy.routes.match(method, path.partition("?")[0].partition("#")[0])

    def target(self, target: str, found: Match) -> str:
        """A request's path and query in origin form."""
        path, mark, query = target.partition("#")[0].partition("?")
        clean = self._path(found)
        if not clean.startswith("/") and path != "*":
            clean = "/" + clean
        for number, (segment, image) in enumerate(zip(found.segments, clean.split("/"), strict=False)):
            if image != segment.raw:
                self._walk.note_mapped("path", str(number), segment.raw, image)
        return clean + (mark and "?" + self.pairs("query", query))

    def reference(self, text: str) -> str | None:
        """A URL or a relative reference; None where the text is none."""
        if _OUTSIDE.search(text):
            return None
        scheme, authority, path, query, fragment = _REFERENCE.fullmatch(text).groups()  # type: ignore[union-attr]
        clean = f"{scheme}:" if scheme and self._is_scheme(scheme) else ("x:" if scheme else "")
        if authority is not None:
            clean += "//" + self.authority(authority)
        clean += self._path(self.match("", path))
        if query is not None:
            clean += "?" + self.pairs("query", query)
        if fragment is not None:
            clean += "#" + quote(self._walk.leaves.composite(unquote(fragment)), safe=_QUERY_SAFE + "&=+;%")
        return clean

    def authority(self, authority: str) -> str:
        """A host with its port; whoever was named before an ``@`` is replaced."""
        return self._authorities[authority]

    def _authority(self, authority: str) -> str:
        userinfo, at, host = authority.rpartition("@")
        user, colon, password = userinfo.partition(":")
        leaves = self._walk.leaves
        prefix = leaves.text(unquote(user)) + colon + leaves.secret(unquote(password), NO_MARKS) + at
        if host.startswith("["):
            name, _, port = host[1:].partition("]")
        else:
            name, colon, number = host.partition(":")
            port = colon + number
        port = port if _PORT.fullmatch(port) else ""
        found = quote(prefix, safe=":@") + self.host(name) + port
        if not at:
            self._authorities.keep(authority, found)
        return found

    def host(self, name: str) -> str:
        """A host without its port: itself where the policy keeps it, else an address or name of a reserved range."""
        lower = name.lower().rstrip(".")
        if not name:
            return name
        if lower in self._walk.policy.hosts_kept:
            return lower
        if lower == "localhost":
            return lower
        if lower.replace(".", "").isdigit() or ":" in lower:
            image = self._walk.leaves.shapes.ip(lower) or self._walk.leaves.shapes.host(lower)
            return f"[{image}]" if ":" in image else image
        return self._walk.leaves.shapes.host(lower)

    def pairs(self, where: str, text: str) -> str:
        """A query or form (``a=1&b=2``), in its order, repeated names and all."""
        separator = ";" if "&" not in text and text.count(";") and text.count("=") > text.count(";") else "&"
        found = []
        for piece in text.split(separator):
            raw_name, equals, raw_value = piece.partition("=")
            name = unquote_plus(raw_name)
            clean = _quoted(self._walk.name(name).clean, raw_name)
            if equals:
                value = self._walk.value(where, name, unquote_plus(raw_value))
                if value is None:
                    continue
                clean += "=" + _quoted(value, raw_value)
            found.append(clean)
        return separator.join(found)

    def _path(self, found: Match) -> str:
        policy, walk = self._walk.policy, self._walk
        clean = []
        for segment in found.segments:
            if segment.is_literal:
                clean.append(segment.raw)
                continue
            plain = unquote(segment.raw)
            domain = policy.parameters.get(segment.parameter)
            if domain is not None and walk.keeps(domain, plain):
                clean.append(quote(plain, safe=_PATH_SAFE))
                continue
            stem, dot, ending = plain.rpartition(".")
            if dot and stem and ending in ENDINGS:
                plain = stem
            else:
                dot = ending = ""
            clean.append(quote(walk.leaves.text(plain), safe=_PATH_SAFE) + dot + ending)
        return "/".join(clean)

    @staticmethod
    def _is_scheme(scheme: str) -> bool:
        return scheme.lower() in _SCHEMES


def _quoted(text: str, like: str) -> str:
    if text.isascii() and text.isalnum():
        return text
    if "%20" not in like:
        text = quote(text, safe=_QUERY_SAFE + " ")
        return text.replace(" ", "+")
    return quote(text, safe=_QUERY_SAFE)
