"""The values that a request carries, with the span of the prepared bytes that each is written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from replay.plan.bindings import Layer
from replay.plan.links.decoders import DEPTH, inside
from replay.plan.links.places import counted, quoted
from replay.plan.spans import Span, spans
from replay.routes import word_set

_SKIPPED = word_set(
    """
    accept accept-charset accept-encoding accept-language age cache-control connection content-encoding content-length
    content-type cookie date dnt expect forwarded from host if-modified-since if-unmodified-since keep-alive origin
    pragma priority range referer te traceparent tracestate upgrade upgrade-insecure-requests user-agent via
    x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-requested-with
    """
)
_SKIPPED_PARTS = ("sec-", "cf-", "x-amzn-", "x-b3-", "trace-id")
_TRACE_PARTS = ("request-id", "correlation-id")
_SCHEME = re.compile(r"(?:Bearer|Token|Basic|JWT|ApiKey|DPoP) +", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value in a request: its place, its span in the prepared bytes and the layers from it outwards."""

    place: str
    value: str
    at: int
    size: int
    layers: tuple[Layer, ...]
    is_writable: bool = True
    """Another value can be put in its place; not so inside a signed token."""
    is_trace: bool = False
    """An id by which a request is followed through systems, which answers echo: no link, though made anew maybe."""
    span: str = ""
    """The place as a forecast names it: of a JSON value the nearest name alone."""


def sent(wire: bytes) -> Iterator[Leaf]:
    """The values of a prepared request, the outer one before those inside it."""
    seen: dict[str, int] = {}
    for span in spans(wire):
        where, _, name = span.place.partition("/")
        at, size, value = span.offset, span.length, span.text
        if where == "json":
            place = "json" + "".join(f"/{quoted(step)}" for step in span.pointer)
        elif where in {"query", "form"}:
            count = seen.get(span.place, 0)
            seen[span.place] = count + 1
            place = f"{where}/{counted(name, count)}"
        elif where == "header":
            if name in _SKIPPED or any(part in name for part in _SKIPPED_PARTS):
                continue
            if name.endswith("authorization") and (scheme := _SCHEME.match(value)):
                at, size, value = at + scheme.end(), size - scheme.end(), value[scheme.end() :]
            place = f"header/{quoted(name)}"
        else:
            place = f"{where}/{quoted(name)}"
        leaf = Leaf(place, value, at, size, (Layer(span.encoding),), span=span.place)
        if where == "header" and any(part in name for part in _TRACE_PARTS):
            yield replace(leaf, is_trace=True)
        else:
            yield from _nested(span, leaf, 0)


def _nested(span: Span, leaf: Leaf, depth: int) -> Iterator[Leaf]:
    yield leaf
    if depth >= DEPTH:
        return
    for inner in inside(leaf.value):
        layers = (inner.layer, *leaf.layers) if inner.layer is not None else leaf.layers
        is_writable = leaf.is_writable and inner.layer is not None
        place = f"{leaf.place}|{inner.step}"
        yield from _nested(
            span, Leaf(place, inner.value, leaf.at, leaf.size, layers, is_writable, span=span.place), depth + 1
        )


def cookies_at(wire: bytes) -> list[tuple[str, str, int, int]]:
    """The cookies of a prepared request: name, value as written, and where the pair stands."""
    found = []
    for span in spans(wire):
        if span.place.startswith("cookie/"):
            name = span.place.partition("/")[2]
            end = span.offset + span.length
            found.append((name, wire[span.offset : end].decode("latin-1"), span.offset - len(name) - 1, end))
    return found
