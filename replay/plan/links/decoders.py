"""Texts within texts: what stands inside a value, and how it is written back.

Base64 and base64url, JSON, the payload of a JWT, URLs, the header Link (RFC 8288), name–value pairs, quoted strings
as in GraphQL or an ETag, and runs that look like tokens. Nothing here knows what a value means.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

import msgspec

from replay.plan.bindings import Layer, written
from replay.plan.links.places import counted, plain, quoted
from replay.plan.spans import json_spans

DEPTH = 4
LONGEST = 1 << 18
"""Longer texts are values as a whole: nobody looks inside."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}|[A-Za-z0-9_-]{12,}={0,2}")
_JWT = re.compile(r"[A-Za-z0-9_-]{8,}\.([A-Za-z0-9_-]{8,})\.[A-Za-z0-9_-]*")
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//\S*+|/[^\s]*|\?[^\s]+", re.IGNORECASE)
_PAIRS = re.compile(r"[A-Za-z0-9_.%\[\]-]+=[^&\s]*(?:&[A-Za-z0-9_.%\[\]-]+=[^&\s]*)*")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*+)("?)')
_GRAPHQL = re.compile(r"\s*(?:query|mutation|subscription|\{)[\s\w(${]")
_LINK = re.compile(r"<([^<>\s]+)>\s*;[^,<]*?rel=\"?([A-Za-z0-9_.-]+)")
_WORD = re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{12,}(?![A-Za-z0-9_-])")


@dataclass(frozen=True, slots=True)
class Inner:
    """A value inside a text: the text is ``layer`` around it; without one it cannot be written back."""

    step: str
    value: str
    layer: Layer | None


@dataclass(frozen=True, slots=True)
class JsonLeaf:
    """A string or number in a JSON text and where it is written, strings without their quotes."""

    pointer: str
    value: str
    start: int
    end: int
    is_number: bool


def inside(text: str, *, is_url_text: bool = False) -> Iterator[Inner]:
    """The values directly inside ``text``; most texts hold none."""
    if len(text) < 4 or len(text) > LONGEST:
        return
    first = text[0]
    if first in "{[" and text.rstrip()[-1] in "}]":
        if _GRAPHQL.match(text) and not text.lstrip("{ \n").startswith(('"', "}")):
            yield from _quoted_strings(text)
            return
        for leaf in json_leaves(text):
            layer = Layer("number" if leaf.is_number else "json", text[: leaf.start], text[leaf.end :])
            yield Inner(f"json{leaf.pointer}", leaf.value, layer)
        return
    if first == "e" and (found := _JWT.fullmatch(text)):
        payload = unbase64(found[1])
        if payload is not None and payload.startswith("{"):
            for leaf in json_leaves(payload):
                yield Inner(f"jwt{leaf.pointer}", leaf.value, None)
        return
    if (is_url_text or "/" in text or first == "?") and _URL.fullmatch(text):
        yield from url_parts(text)
        return
    if (plain_text := base64_text(text)) is not None:
        encoding = _base64_encoding(text)
        layer = Layer(encoding)
        yield Inner("base64", plain_text, layer if written(plain_text, [layer]) == text else None)
        return
    if first == "<" and (links := list(_LINK.finditer(text))):
        for found in links:
            layer = Layer("raw", text[: found.start(1)], text[found.end(1) :])
            yield Inner(f"link/{quoted(found[2])}", found[1], layer)
    elif '"' in text or (_GRAPHQL.match(text) and "{" in text):
        yield from _quoted_strings(text)
    elif "=" in text and _PAIRS.fullmatch(text):
        yield from _pairs(text, 0, len(text), text, "pairs")
    elif len(text) > 12:
        for number, found in enumerate(_WORD.finditer(text)):
            if found[0] != text:
                yield Inner(f"word/{number}", found[0], Layer("raw", text[: found.start()], text[found.end() :]))


def url_parts(text: str) -> Iterator[Inner]:
    """The segments, the parameters and the fragment's parameters of a URL, absolute or not."""
    rest, start = text, 0
    scheme = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*", text)
    if scheme:
        start = scheme.end()
        rest = text[start:]
    path = re.match(r"[^?#]*", rest)
    path_text = path[0] if path else ""
    at = start
    for number, segment in enumerate(path_text.split("/")):
        if segment:
            layer = Layer("path", text[:at], text[at + len(segment) :])
            yield Inner(f"url/path/{number}", unquote(segment), layer)
        at += len(segment) + 1
    query = start + len(path_text)
    hash_at = text.find("#", query)
    end = len(text) if hash_at < 0 else hash_at
    if query < end and text[query] == "?":
        yield from _pairs(text, query + 1, end, text, "url/query")
    if 0 <= hash_at < len(text) - 1:
        yield from _pairs(text, hash_at + 1, len(text), text, "url/fragment")


def _pairs(text: str, start: int, end: int, whole: str, step: str) -> Iterator[Inner]:
    for name, value, at, stop in pairs(text[start:end]):
        yield Inner(f"{step}/{name}", value, Layer("query", whole[: start + at], whole[start + stop :]))


def pairs(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Each parameter of a query or form: its counted name, its value, and where that is written."""
    at, seen = 0, {}  # type: int, dict[str, int]
    for piece in text.split("&"):
        raw_name, equals, raw_value = piece.partition("=")
        if equals:
            name = unquote_plus(raw_name)
            count = seen.get(name, 0)
            seen[name] = count + 1
            start = at + len(raw_name) + 1
            yield counted(name, count), unquote_plus(raw_value), start, start + len(raw_value)
        at += len(piece) + 1


def _quoted_strings(text: str) -> Iterator[Inner]:
    closed = (found for found in _QUOTED.finditer(text) if found[2])
    for number, found in enumerate(closed):
        layer = Layer("json", text[: found.start(1)], text[found.end(1) :])
        yield Inner(f"quoted/{number}", found[1], layer)


def json_leaves(text: str) -> Iterator[JsonLeaf]:
    """The strings and numbers of a JSON text, in order; of one that breaks off, those before the break."""
    raw = text.encode("utf-8", "surrogateescape")
    is_ascii = len(raw) == len(text)
    for span in json_spans(raw, 0):
        start, end = span.offset, span.offset + span.length
        if not is_ascii:
            start = len(raw[:start].decode("utf-8", "surrogateescape"))
            end = start + len(raw[span.offset : end].decode("utf-8", "surrogateescape"))
        pointer = "".join(f"/{quoted(step)}" for step in span.pointer)
        yield JsonLeaf(pointer, span.text, start, end, span.encoding == "number")


def base64_text(text: str) -> str | None:
    """The printable text that base64 or base64url spells; None where it is none."""
    return unbase64(text) if len(text) >= 12 and _BASE64.fullmatch(text) else None


def unbase64(text: str) -> str | None:
    """The printable text behind an encoding, padded or not; None where it is none."""
    body = text.rstrip("=")
    if len(body) % 4 == 1:
        return None
    try:
        raw = binascii.a2b_base64(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4))
        found = raw.decode()
    except ValueError:
        return None
    return found if found and found.isprintable() else None


def _base64_encoding(text: str) -> str:
    name = "base64url" if "-" in text or "_" in text else "base64"
    return name if len(text) % 4 == 0 else f"{name}-bare"


def step_into(text: str, step: str) -> str | None:
    """What ``step`` finds in ``text``; None where nothing stands there."""
    if step == "base64":
        return base64_text(text)
    kind, _, rest = step.partition("/")
    if kind in {"json", "jwt"}:
        if kind == "jwt":
            found = _JWT.fullmatch(text)
            payload = unbase64(found[1]) if found else None
            if payload is None:
                return None
            text = payload
        try:
            return leaf_at(msgspec.json.decode(text.encode("utf-8", "surrogatepass")), rest)
        except (msgspec.DecodeError, RecursionError):
            return None
    return next((inner.value for inner in inside(text, is_url_text=kind == "url") if inner.step == step), None)


def leaf_at(document: object, pointer: str) -> str | None:
    """The string or number at ``a/0/b``; where it is not there, the one that stands most like it.

    An index beyond an array's end means its last element. A name that is not there is looked for in all of the
    document and taken where it stands once, as when an answer got an envelope.
    """
    names = pointer.split("/") if pointer else []
    found = _walked(document, names)
    if found is None and names:
        named = plain(names[-1])
        others = list(_named(document, named, 0))
        found = others[0] if len(others) == 1 else None
    return found


def _walked(document: object, names: list[str]) -> str | None:
    for name in names:
        if isinstance(document, dict):
            document = document.get(plain(name))
        elif isinstance(document, list) and name.isascii() and name.isdigit() and document:
            document = document[min(int(name), len(document) - 1)]
        else:
            return None
    return scalar(document)


def _named(document: object, name: str, depth: int) -> Iterator[str]:
    if depth > 32:
        return
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name and (leaf := scalar(value)) is not None:
                yield leaf
            elif isinstance(value, dict | list):
                yield from _named(value, name, depth + 1)
    elif isinstance(document, list):
        for value in document:
            yield from _named(value, name, depth + 1)


def scalar(value: object) -> str | None:
    """A string or number as text; None for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return msgspec.json.encode(value).decode()
    return None
