"""What a planned request must get before it is sent, and what its answer must give: the plan's column ``bindings``.

A column of JSON, null for most rows. ``Fill`` names a span of the prepared bytes (``wire``) and where its live value
comes from; ``Take`` names a place of the answer and the key under which its value is remembered. Keys count the
values of one session, so a value that three requests carry is taken once. Who fills knows nothing of who found:

* ``link``: a value of an earlier answer of the same session and clone, by ``key``;
* ``pool``: a row of a table of staging's data, one for each clone (``values``); ``name`` is ``POOL.COLUMN``;
* ``fresh``: made anew for each session and clone, the same wherever its ``key`` stands; ``name`` is its sort, and
  ``same`` one that is made elsewhere: where that request was not sent, what stands in ``wire`` is;
* ``identity``: a column (``name``) of the account that the recorded person (``key``) has in this clone; ``a:b`` are
  two columns joined by a colon.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Collection, Container, Set
from urllib.parse import quote, unquote, unquote_plus

import msgspec

LINK, POOL, FRESH, IDENTITY = "link", "pool", "fresh", "identity"
SAME = "same"

_PATH_SAFE = "!$&'()*+,;=:@-._~"
_QUERY_SAFE = "!$'()*,:@-._~/?"


def _number(value: str) -> str:
    is_number = (
        value.isascii()
        and value.removeprefix("-").isdigit()
        and (value.lstrip("-") == "0" or value.lstrip("-")[0] != "0")
    )
    return value if is_number else msgspec.json.encode(value).decode()


def _base64(value: str, *, is_url: bool, is_padded: bool) -> str:
    encode = base64.urlsafe_b64encode if is_url else base64.b64encode
    text = encode(value.encode("utf-8", "surrogateescape")).decode()
    return text if is_padded else text.rstrip("=")


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda value: value,
    "path": lambda value: quote(value, safe=_PATH_SAFE),
    "query": lambda value: quote(value, safe=_QUERY_SAFE),
    "cookie": lambda value: value,
    "json": lambda value: msgspec.json.encode(value).decode()[1:-1],
    "number": _number,
    "html": html.escape,
    "base64": lambda value: _base64(value, is_url=False, is_padded=True),
    "base64-bare": lambda value: _base64(value, is_url=False, is_padded=False),
    "base64url": lambda value: _base64(value, is_url=True, is_padded=True),
    "base64url-bare": lambda value: _base64(value, is_url=True, is_padded=False),
}
"""How a value is written where it stands: ``json`` inside quotes, ``number`` where a bare number stood."""


def read_back(raw: bytes, encoding: str) -> str:
    """The value that stands as ``raw`` at a place whose values are written by ``encoding``, of ``ENCODINGS``."""
    if encoding == "json":
        return msgspec.json.decode(b'"%b"' % raw, type=str)
    text = raw.decode("utf-8", "surrogateescape")
    return {"path": unquote, "query": unquote_plus}.get(encoding, str)(text)


class Layer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One step from a value to the bytes of a request: its encoding, and the text that stands around it then."""

    encoding: str
    before: str = ""
    after: str = ""


class Fill(msgspec.Struct, frozen=True, omit_defaults=True):
    """A span of the prepared bytes whose value is put in before the request is sent."""

    at: int
    """Offset in ``wire``; spans are ascending and do not overlap."""
    size: int
    key: int
    source: str = LINK
    name: str = ""
    of: list[int] = []
    """The planned requests whose answers give the value, where ``source`` is ``link``."""
    layers: list[Layer] = []
    """From the value outwards; none: the value stands as it is."""
    values: list[str] = []
    """Of a ``pool``: what the second, third … clone sends here, as it is written; the first sends what stands in
    ``wire``. A clone beyond them has no row, and its request is ``unresolved``."""


class Take(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value of the answer to remember."""

    key: int
    place: str
    """Where in the answer, in the grammar of ``replay.plan.links.places``."""


class Cookies(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cookies that this request carried because an answer had set them; they are not in ``wire``."""

    at: int
    """Offset in ``wire`` at which ``; name=value; name=value`` goes, behind the cookies that are the client's own."""
    names: list[str]
    of: list[int] = []
    instead: dict[int, list[int]] = {}
    """For a write of ``of``: the requests whose answers had set its cookies before, the latest first. Where the write
    is not sent, the cookie of one of those will do."""
    is_line: bool = False
    """There is no other cookie: the whole line of the header is put in, ``Cookie: `` and CRLF with it."""


class Bindings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything of one request that lives."""

    fill: list[Fill] = []
    take: list[Take] = []
    cookies: Cookies | None = None
    sets_cookies: bool = False
    """The recorded answer set cookies: those of the live answer go into the jar of the session and clone."""
    until: int = 0
    """When, in nanoseconds of the plan, the last request of the session that needs or gives something is due."""


_decoder = msgspec.json.Decoder(Bindings)


def decode(text: str | bytes) -> Bindings:
    """The bindings in a cell of the plan."""
    return _decoder.decode(text)


def encode(bindings: Bindings) -> bytes:
    """The cell of the plan."""
    return msgspec.json.encode(bindings)


def needed(bindings: Bindings) -> list[int]:
    """The planned requests whose answers a request needs."""
    found = [request for fill in bindings.fill for request in fill.of]
    return found + bindings.cookies.of if bindings.cookies is not None else found


def resolved(bindings: Bindings, unsent: Container[int]) -> Bindings | None:
    """The bindings of a request where the requests ``unsent`` are not sent; None: it needs a value of one of them."""
    if any(request in unsent for fill in bindings.fill for request in fill.of):
        return None
    cookies = bindings.cookies
    if cookies is None or not any(request in unsent for request in cookies.of):
        return bindings
    found = []
    for request in cookies.of:
        sent = next((each for each in (request, *cookies.instead.get(request, ())) if each not in unsent), None)
        if sent is None:
            return None
        found.append(sent)
    return msgspec.structs.replace(bindings, cookies=msgspec.structs.replace(cookies, of=found))


def renumbered(bindings: Bindings, number: Callable[[int], int]) -> Bindings:
    """The bindings with another number for each request that they name."""
    fill = [msgspec.structs.replace(each, of=[number(of) for of in each.of]) for each in bindings.fill]
    cookies = bindings.cookies
    if cookies is not None:
        instead = {number(of): [number(each) for each in before] for of, before in cookies.instead.items()}
        cookies = msgspec.structs.replace(cookies, of=[number(of) for of in cookies.of], instead=instead)
    return msgspec.structs.replace(bindings, fill=fill, cookies=cookies)


def beside(bindings: Bindings, wire: bytes, headers: Set[str]) -> Bindings:
    """The bindings of a request whose ``headers`` (lower case) the run replaces: what stands there needs no value."""
    head_end = wire.find(b"\r\n\r\n")

    def is_replaced(at: int) -> bool:
        line = wire.rfind(b"\r\n", 0, at) + 2
        is_header = 2 <= line <= at < head_end
        return is_header and wire[line : wire.find(b":", line)].decode("latin-1").lower() in headers

    fill = [each for each in bindings.fill if not is_replaced(each.at)]
    cookies = None if "cookie" in headers else bindings.cookies
    return msgspec.structs.replace(bindings, fill=fill, cookies=cookies)


def as_known(bindings: Bindings, columns: Collection[str]) -> Bindings | None:
    """The bindings of a run whose accounts have ``columns`` alone: what else somebody said stays as recorded."""
    fill = [each for each in bindings.fill if each.source != IDENTITY or columns_of(each).issubset(columns)]
    if len(fill) == len(bindings.fill):
        return bindings
    is_living = fill or bindings.take or bindings.cookies is not None or bindings.sets_cookies
    return msgspec.structs.replace(bindings, fill=fill) if is_living else None


def columns_of(fill: Fill) -> frozenset[str]:
    """The columns of an account that a span takes; none where it takes none."""
    return frozenset(fill.name.split(":") if fill.source == IDENTITY else ())


def later(bindings: Bindings, requests: int, by: int) -> Bindings:
    """The bindings of a request that is sent again, as the ``requests``-th after itself, at a time later ``by``."""
    found = renumbered(bindings, lambda of: of + requests)
    return msgspec.structs.replace(found, until=bindings.until + by)


def written(value: str, layers: list[Layer]) -> str:
    """``value`` as it stands in a request, through all its layers."""
    for layer in layers:
        value = layer.before + ENCODINGS[layer.encoding](value) + layer.after
    return value
