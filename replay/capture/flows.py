"""From a flow of the proxy to a raw exchange: nothing but copying.

A flow is mitmproxy's object; it is only looked at here, so that this can be tested without a proxy. What the
timestamps mean stands with ``RawExchange``. A flow's error message may quote what was sent, so it is only classified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from replay.capture.bodies import Tee
from replay.exchange import RawExchange, RawRequest, RawResponse

STREAM_BYTES = 64 << 10
"""A body of known length up to this is buffered by the proxy and sent on in one piece; any other streams."""
TRANSFER_ENCODING = b"transfer-encoding"
CONTENT_LENGTH = b"content-length"
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


@dataclass(slots=True, eq=False)
class Pending:
    """One exchange under way."""

    flow: Any
    request_body: Tee | None = None
    response_body: Tee | None = None
    requested: bool = False
    """The request is complete."""
    answered: bool = False
    """The response is complete."""
    opening: Any = None
    """The upstream connection that this exchange opened."""
    chunked: bool = False
    """The proxy added a Transfer-Encoding, which the client did not send."""

    def release(self) -> None:
        """Give back the memory of bodies that were not taken."""
        for tee in (self.request_body, self.response_body):
            if tee is not None:
                tee.take()


@dataclass(frozen=True, slots=True)
class Body:
    """What is known of a body: its bytes, where they were kept, and its length on the wire."""

    content: bytes | None
    size_bytes: int


def field(message: Any, name: bytes) -> bytes | None:
    """The value of a field of the head, several joined, by its name in lower case; None where there is none.

    mitmproxy's own look-up decodes each time, at several times the cost, and every exchange asks three times.
    """
    found = [value for key, value in message.headers.fields if key.lower() == name]
    return b", ".join(found) if found else None


def must_stream(message: Any) -> bool:
    """Whether a body must pass through at once: it is long, or of unknown length (SSE, gRPC, chunked)."""
    length = field(message, CONTENT_LENGTH) or b""
    return not (length.isdigit() and len(length) < 10 and int(length) <= STREAM_BYTES)


def is_short(request: Any) -> bool:
    """Whether the head of a request promises no body, or a short one of known length."""
    if field(request, TRANSFER_ENCODING) is not None:
        return False
    if field(request, CONTENT_LENGTH) is not None:
        return not must_stream(request)
    return not (request.is_http2 or request.is_http3)


def must_be_chunked(flow: Any) -> bool:
    """Whether an HTTP/2 request needs a frame for its body on its way to an HTTP/1 upstream.

    HTTP/2 needs no Content-Length; mitmproxy (12.2) hands such a body on without any, which HTTP/1 cannot read.
    """
    request = flow.request
    return (
        (request.is_http2 or request.is_http3)
        and request.method not in _WITHOUT_BODY
        and field(request, CONTENT_LENGTH) is None
        and getattr(flow.server_conn, "alpn", None) not in {b"h2", b"h3"}
    )


def exchange_of(pending: Pending, error: str) -> RawExchange:
    """The exchange; with an ``error`` it has no response, even where a part of one came."""
    flow, opening = pending.flow, pending.opening
    response = None if error else flow.response
    return RawExchange(
        id=flow.id,
        connection=flow.client_conn.id,
        started=_ns(flow.request.timestamp_start),
        requested=_ns(flow.request.timestamp_end),
        connect_started=_ns(opening.timestamp_start) if opening else 0,
        connected=_ns(_ready_at(opening)) if opening else 0,
        first_byte=_ns(response.timestamp_start) if response else 0,
        ended=_ns(response.timestamp_end) if response else 0,
        request=_request(pending),
        response=_response(pending) if response else None,
        error=error,
    )


def error_class(flow: Any) -> str:
    """The class of a failed flow, from its state and the wording of mitmproxy's own messages (12.2)."""
    message = flow.error.msg.lower() if flow.error else ""
    if "refusing to prevent" in message:
        return "protocol"
    if not flow.request.timestamp_end or "client disconnected" in message or "reset by client" in message:
        return "client"
    server = flow.server_conn
    if not server or not _ready_at(server):
        return "connect"
    if "timed out" in message or "timeout" in message:
        return "timeout"
    if "closed" in message or "reset" in message:
        return "reset"
    return "protocol"


def _ready_at(server: Any) -> float | None:
    ready: float | None = server.timestamp_tls_setup if server.tls else server.timestamp_tcp_setup
    return ready


def _request(pending: Pending) -> RawRequest:
    request = pending.flow.request
    body = _body(request, pending.request_body, pending.requested)
    return RawRequest(
        method=_text(request.method),
        scheme="https" if pending.flow.client_conn.tls_established else "http",
        host=_text(request.host_header or request.host),
        path=request.data.path,
        version=_text(request.http_version),
        headers=[pair for pair in request.headers.fields if not (pending.chunked and pair[0] == TRANSFER_ENCODING)],
        body=body.content,
        body_bytes=body.size_bytes,
    )


def _response(pending: Pending) -> RawResponse:
    response = pending.flow.response
    body = _body(response, pending.response_body, pending.answered)
    return RawResponse(
        status=response.status_code,
        version=_text(response.http_version),
        headers=list(response.headers.fields),
        body=body.content,
        body_bytes=body.size_bytes,
    )


def _body(message: Any, tee: Tee | None, complete: bool) -> Body:
    if tee is not None and tee.size_bytes:
        return Body(tee.take(), tee.size_bytes)
    content = message.raw_content
    if content is None:  # it streamed, and not one byte came
        return Body(b"" if complete else None, 0)
    return Body(content, len(content))


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _ns(seconds: float | None) -> int:
    return int(seconds * 1e9) if seconds else 0
