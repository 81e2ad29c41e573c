"""A clean request as the bytes that an engine sends: HTTP/1.1, in origin form and without Host.

The engine inserts what belongs to the run (Host, marking header, ``--header``) behind the first CRLF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.exchange import Body, Request, Sealed
from replay.plan.times import NO_SHIFT, Shift
from replay.safety import OVERRIDE_HEADERS

NOT_SENT = frozenset(
    {
        "host",  # the target's, set by the engine
        "content-length",  # computed from the body as sent
        # Connection-specific fields belong to the recorded connection (RFC 9110 §7.6.1).
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "expect",  # the body follows at once
        *OVERRIDE_HEADERS,  # the method and the path that were checked are those that count
        *("forwarded", "x-forwarded-host", "x-original-host", "x-host"),  # and the host
    }
)

BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say the length of their body though it is empty (RFC 9110 §8.6)."""

MAX_FILLER_BYTES = 8 << 20
"""An opaque body is replayed as filler of its length, up to this."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Changes that ``replay plan`` makes to every request."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    """Captured host → host that takes its place in the plan."""
    set_headers: Mapping[str, str] = field(default_factory=dict)
    drop_headers: frozenset[str] = frozenset()
    """Lower-case names."""
    times: Shift = NO_SHIFT
    """Where times near the sanitiser's fixed day are moved to."""

    def host(self, captured: str) -> str:
        """The host that stands in the plan."""
        return self.hosts.get(captured, captured)


def serialise(request: Request, rewrite: Rewrite) -> bytes:
    """The request as sent, without Host."""
    replaced = {name.lower() for name in rewrite.set_headers}
    moved = rewrite.times
    lines = [f"{request.method} {moved.head(request.path)} HTTP/1.1"]
    lines += [
        f"{name}: {moved.head(value)}"
        for name, value in request.headers
        if (lower := name.lower()).replace("_", "-") not in NOT_SENT
        and lower not in replaced
        and lower not in rewrite.drop_headers
        and not name.startswith(":")
    ]
    lines += [f"{name}: {value}" for name, value in rewrite.set_headers.items()]
    body = body_bytes(moved.body(request.body) if isinstance(request.body, str) else request.body)
    if body or request.method in BODY_EXPECTED:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines)
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def body_bytes(body: Body) -> bytes:
    """The body as sent; an opaque one becomes filler of its length."""
    match body:
        case None:
            return b""
        case str():
            return body.encode("utf-8", "surrogatepass")
        case Sealed(base64=bytes() as content):
            return content
        case Sealed(opaque_bytes=size):
            return b"x" * min(size or 0, MAX_FILLER_BYTES)
