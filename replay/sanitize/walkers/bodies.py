"""Bodies: decoded, recognised by what they hold before what they say they are, and walked; else sealed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from replay.exchange import Body, RawPair, Sealed
from replay.sanitize.codings import UndecodableError, decoded, text_of
from replay.sanitize.walk import Walk
from replay.sanitize.walkers import graphql
from replay.sanitize.walkers.headers import media_type
from replay.sanitize.walkers.json_text import JsonText
from replay.sanitize.walkers.lines import Lines
from replay.sanitize.walkers.markup import Markup
from replay.sanitize.walkers.multipart import Multipart
from replay.sanitize.walkers.urls import Urls

LONGEST_TEXT_BYTES = 1 << 20
"""Longer bodies are sealed: what takes a person's minutes to read is no request that a replay depends on."""
_SCRIPTS = frozenset(
    {"text/css", "text/javascript", "application/javascript", "application/x-javascript", "application/ecmascript"}
)
_MARKUP = re.compile(
    r"\s*+(?:<!--[^-]*+-->\s*+)?+<(?:!doctype\s|html[\s>]|\?xml\s|svg[\s>]|head[\s>])", re.IGNORECASE
)
_JSON_TYPES = ("application/json", "text/json", "+json")


@dataclass(frozen=True, slots=True)
class CleanBody:
    """A body that may be stored, and what the gate compares it with."""

    body: Body
    content_type: str | None
    """What the ``Content-Type`` header must say; None: as it was, reduced to the allow-list."""
    raw: bytes
    """The body as it was, without its codings; b'' where it is sealed."""


_NO_BODY = CleanBody(None, None, b"")


class Bodies:
    """Maps bodies of every kind that is understood, and seals the others."""

    def __init__(self, walk: Walk, urls: Urls, documents: JsonText) -> None:
        self._walk = walk
        self._urls = urls
        self._documents = documents
        self._markup = Markup(walk, urls, documents)
        self._lines = Lines(walk, documents)
        self._multipart = Multipart(walk, self._text)

    def clean(self, headers: list[RawPair], body: bytes | None, size: int) -> CleanBody:
        """The stored form of a body of ``size`` bytes on the wire."""
        if not (body or (body is None and size)):
            return _NO_BODY
        declared, codings = _header(headers, b"content-type"), _header(headers, b"content-encoding")
        kind = media_type(declared) if declared else ""
        if body is None:
            return self._sealed(size, kind, "body_not_kept")
        try:
            raw = decoded(body, codings)
        except UndecodableError:
            return self._sealed(size, kind, "undecodable_body")
        if len(raw) > LONGEST_TEXT_BYTES:
            return self._sealed(len(raw), kind, "long_body")
        bare = kind.partition(";")[0]
        if bare.startswith("multipart/"):
            return self._parts(raw, declared, kind)
        text = text_of(raw, _charset(declared))
        if text is None:
            return self._sealed(len(raw), kind, "opaque_body")
        clean = self._text(text, bare)
        if clean is None:
            return self._sealed(len(raw), kind, "opaque_body")
        return CleanBody(
            clean, f"{bare}; charset=utf-8" if "charset=" in kind else None, text.encode("utf-8", "replace")
        )

    def _text(self, text: str, kind: str) -> str | None:
        """The walked text; None where no walker understands it."""
        if kind == "application/x-www-form-urlencoded" and not text.lstrip().startswith(("{", "[")):
            return self._urls.pairs("form", text.strip("\r\n"))
        found = self._documents.any(text)
        if found is not None or kind in _SCRIPTS:
            return found
        if kind == "text/event-stream":
            return self._lines.events(text)
        if kind in {"text/csv", "text/tab-separated-values"}:
            return self._lines.table(text, "," if kind == "text/csv" else "\t")
        if kind == "application/graphql":
            return graphql.mapped(self._walk, text)
        is_xml = (kind.endswith(("/xml", "+xml")) and kind != "application/xhtml+xml") or text.startswith("<?xml")
        if kind in {"text/html", "application/xhtml+xml"} or is_xml or _MARKUP.match(text):
            return self._markup.document(text, is_xml=is_xml)
        if kind.startswith(_JSON_TYPES) or kind.endswith("+json") or kind == "text/plain":
            return self._walk.leaves.composite(text)  # it does not parse: text, mapped piece by piece
        return None

    def _parts(self, raw: bytes, declared: str, kind: str) -> CleanBody:
        found = self._multipart.body(raw, declared)
        if found is None:
            return self._sealed(len(raw), kind, "opaque_body")
        body, content_type = found
        try:
            return CleanBody(body.decode(), content_type, raw)
        except UnicodeDecodeError:
            return CleanBody(Sealed(base64=body, type=content_type.partition(";")[0]), content_type, raw)

    def _sealed(self, size: int, kind: str, note: str) -> CleanBody:
        self._walk.counts[note] += 1
        return CleanBody(Sealed(opaque_bytes=size, type=kind.partition(";")[0]), None, b"")


def _header(headers: list[RawPair], wanted: bytes) -> str:
    return ", ".join([value.decode("latin-1") for name, value in headers if name.lower() == wanted])


def _charset(declared: str) -> str:
    for piece in declared.split(";")[1:]:
        name, _, value = piece.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return ""
