"""The record of one request and its response: raw in memory, clean on disk.

Two types on purpose. A ``RawExchange`` holds what a person sent; it passes through one pipe and lives in the
memory of two processes only. An ``Exchange`` is built by the sanitiser from clean parts alone, and it is the
only one that has a place in a file. No function turns the first into the second but ``replay.sanitize``.
"""

from __future__ import annotations

import msgspec

CAPTURE_FORMAT = "capture/1"
MARK_HEADER = "X-Dress-Rehearsal"
"""Every replayed request carries it; a capture proxy refuses whatever does."""

type Pair = tuple[str, str]
type RawPair = tuple[bytes, bytes]


class RawRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A request as the proxy saw it; ``body`` is still encoded as the headers say."""

    method: str
    scheme: str
    host: str
    """The host that the client asked for (Host header or authority), with its port where it is not the default."""
    path: bytes
    """Path and query as sent (origin form)."""
    version: str
    headers: list[RawPair]
    body: bytes | None
    """None where the body was not kept (longer than the cap, or the stream broke off)."""
    body_bytes: int
    """The body's length on the wire, also where ``body`` is None."""


class RawResponse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A response as the proxy saw it; ``body`` is still encoded as the headers say."""

    status: int
    version: str
    headers: list[RawPair]
    body: bytes | None
    body_bytes: int


class RawExchange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One exchange in memory. Times are nanoseconds of the wall clock since the epoch; 0 means unknown.

    It has no printable form: a value of this type in a log or a traceback must not show what a person sent.
    """

    id: str
    connection: str
    started: int
    """Request head read (mitmproxy ``request.timestamp_start``)."""
    requested: int
    """Request body complete (``request.timestamp_end``): production's latency counts from here."""
    connect_started: int
    """Upstream connect began, where this exchange opened the connection; else 0."""
    connected: int
    """Upstream connection (and TLS) ready, where this exchange opened it; else 0."""
    first_byte: int
    """Response head read (``response.timestamp_start``)."""
    ended: int
    """Response body complete at the proxy (``response.timestamp_end``)."""
    request: RawRequest
    response: RawResponse | None
    error: str
    """'' or one of ``connect``, ``timeout``, ``reset``, ``protocol``, ``client``: never a message."""

    def __repr__(self) -> str:
        return "RawExchange(…)"


class Sealed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A body that is not text: either its bytes, or nothing but its length and media type.

    In JSON ``{"base64": "…"}`` or ``{"$opaque": 1234, "type": "image/png"}``.
    """

    opaque_bytes: int | None = msgspec.field(name="$opaque", default=None)
    base64: bytes | None = None
    type: str = ""


type Body = str | Sealed | None


class Request(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A clean request: every leaf is kept by the policy or replaced by its pseudonym."""

    method: str
    scheme: str
    host: str
    path: str
    """Path and query in origin form."""
    headers: list[Pair]
    body: Body = None
    version: str = "HTTP/1.1"


class Response(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A clean response."""

    status: int
    headers: list[Pair]
    body: Body = None
    version: str = "HTTP/1.1"


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One JSON line of a capture. All times are nanoseconds from the capture's start; None means unknown."""

    id: str
    session: str
    connection: str
    started: int
    requested: int
    route: str
    """``METHOD /kept/{kind}``, made from raw values in memory; the same for every key."""
    request: Request
    response: Response | None = None
    error: str = ""
    connect_started: int | None = None
    connected: int | None = None
    first_byte: int | None = None
    ended: int | None = None
    bytes_out: int = 0
    """Length of the request's body on the wire."""
    bytes_in: int = 0
    """Length of the response's body on the wire."""
    mapped: list[str] = []
    """Places in path, query and body of the request whose value is a pseudonym, as ``path/2``, ``query/q``,
    ``json/sku``, ``form/email``, or ``body`` for an opaque one: what staging's data may not hold."""

    @property
    def status(self) -> int:
        """The response's status, 0 where there was none."""
        return self.response.status if self.response else 0

    @property
    def service_time_ns(self) -> int | None:
        """Request complete to response complete, without the time spent on opening the upstream connection."""
        if self.ended is None:
            return None
        opening = 0
        if self.connect_started is not None and self.connected is not None:
            opening = max(0, self.connected - max(self.connect_started, self.requested))
        return max(0, self.ended - self.requested - opening)
