"""Exchanges that hold everything an exchange can hold, and what is left of them after a round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from hypothesis import strategies as st

from replay.capture.manifest import CaptureManifest
from replay.exchange import Body, Exchange, RawExchange, Request, Response, Sealed
from replay.formats.outgoing import known_bytes
from replay.formats.recording import LeftOut, Opener
from tests.factories import capture_manifest

type Writer = Callable[[CaptureManifest, Iterable[Exchange], BinaryIO], int]

_NAMES = st.sampled_from(["Accept", "X-Trace", "Content-Type", "Cookie"])
_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
_BODIES: st.SearchStrategy[Body] = st.one_of(
    st.none(),
    _TEXTS.filter(bool),
    st.binary(min_size=1, max_size=30).map(lambda content: Sealed(base64=content)),
    st.integers(1, 40).map(lambda size: Sealed(opaque_bytes=size)),
)
_NS = st.integers(0, 10**10).map(lambda value: value // 1000 * 1000)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    """Any clean exchange of a method that may have a body."""
    started = draw(_NS)
    requested = started + draw(_NS)
    opens = draw(st.booleans())
    opened = requested if opens else None
    ready = requested + draw(st.integers(1000, 10**9)) if opens else None
    head = (ready or requested) + draw(_NS)
    error = draw(st.sampled_from(["", "", "timeout", "reset", "connect", "protocol", "client"]))
    headers = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=3, unique_by=lambda pair: pair[0]))
    plain = [pair for pair in headers if pair[0] != "Content-Type"]
    sent, got = draw(_BODIES), draw(_BODIES)
    return Exchange(
        id=draw(st.text("abcdef", min_size=8, max_size=8)),
        session=draw(st.sampled_from(["s1", "s2"])),
        connection=draw(st.sampled_from(["c1", "c2"])),
        started=started,
        requested=requested,
        route="GET /",
        request=Request(
            draw(st.sampled_from(["GET", "POST", "DELETE"])),
            draw(st.sampled_from(["http", "https"])),
            draw(st.sampled_from(["shop.example", "api.example:8443"])),
            "/" + draw(st.text("abc/?=&%20.", max_size=12)).replace("%", "%25"),
            [*plain, ("Content-Type", "application/octet-stream")],
            sent,
            draw(st.sampled_from(["HTTP/1.1", "HTTP/2.0"])),
        ),
        response=None if error else Response(draw(st.sampled_from([200, 304, 404, 503])), plain, got),
        error=error,
        connect_started=opened,
        connected=ready,
        first_byte=None if error else head,
        ended=None if error else head + draw(_NS),
        bytes_out=size_of(sent),
        bytes_in=0 if error else size_of(got),
    )


def size_of(body: Body) -> int:
    """The body's length."""
    content = known_bytes(body)
    if content is not None:
        return len(content)
    assert isinstance(body, Sealed)
    return body.opaque_bytes or 0


def there_and_back(folder: Path, write: Writer, opener: Opener, given: list[Exchange]) -> list[RawExchange]:
    """The exchanges as the import reads what the export wrote, by their start."""
    path = folder / "exported"
    with path.open("wb") as file:
        assert write(capture_manifest(created="2024-01-01"), given, file) == len(given)
    found = list(opener(path, "x0"))
    assert not [item for item in found if isinstance(item, LeftOut)], found
    return sorted((item for item in found if isinstance(item, RawExchange)), key=lambda item: item.started)


def service_time_ns(raw: RawExchange) -> int | None:
    """As ``Exchange.service_time_ns``."""
    if not raw.ended:
        return None
    opening = max(0, raw.connected - max(raw.connect_started, raw.requested)) if raw.connected else 0
    return max(0, raw.ended - raw.requested - opening)
