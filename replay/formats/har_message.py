"""The two messages of a HAR entry → raw request and raw response, with their bodies in the bytes that were meant.

A HAR holds bodies decoded: as text whatever the charset, as base64 where they are no text, without their content
encoding. The headers that spoke of the encoded form are therefore dropped, so that nobody decodes twice.
"""

from __future__ import annotations

import base64
import binascii
from email.message import Message
from urllib.parse import quote, quote_plus, unquote_to_bytes, urlsplit

import msgspec

from replay.exchange import RawPair, RawRequest, RawResponse

_BOUNDARY = "----DressRehearsalHarBoundary"
_NO_BODY = frozenset({204, 205, 304})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_AS_SENT = "!$%&'()*+,-./:;=?@[]^_`{|}~\"<>\\"


class UnreadableError(ValueError):
    """A message of an entry that cannot be read; the text names the place, never a value."""


class _Pair(msgspec.Struct):
    name: str
    value: str | int | float | bool | None = ""

    @property
    def text(self) -> str:
        return "" if self.value is None else str(self.value)


class _Cookie(_Pair):
    path: str | None = None
    domain: str | None = None
    expires: str | int | None = None
    httpOnly: bool | None = None  # noqa: N815 - HAR's own name
    secure: bool | None = None


class _Param(_Pair):
    fileName: str | None = None  # noqa: N815 - HAR's own name
    contentType: str | None = None  # noqa: N815 - HAR's own name


class _PostData(msgspec.Struct, rename={"mime_type": "mimeType"}):
    mime_type: str | None = None
    text: str | None = None
    params: list[_Param] | None = None
    encoding: str | None = None


class HarRequest(
    msgspec.Struct,
    rename={"version": "httpVersion", "query": "queryString", "post": "postData", "body_size": "bodySize"},
):
    """``entry.request``."""

    method: str
    url: str
    version: str | None = None
    headers: list[_Pair] | None = None
    cookies: list[_Cookie] | None = None
    query: list[_Pair] | None = None
    post: _PostData | None = None
    body_size: float | None = None


class _Content(msgspec.Struct, rename={"mime_type": "mimeType"}):
    size: float | None = None
    mime_type: str | None = None
    text: str | None = None
    encoding: str | None = None


class HarResponse(
    msgspec.Struct, rename={"version": "httpVersion", "body_size": "bodySize", "error": "_error"}, kw_only=True
):
    """``entry.response``."""

    status: int | None = None
    version: str | None = None
    headers: list[_Pair] | None = None
    cookies: list[_Cookie] | None = None
    content: _Content | None = None
    body_size: float | None = None
    error: str | None = None


def raw_request(request: HarRequest) -> RawRequest:
    """The request of an entry.

    Raises:
        UnreadableError: the method or the URL is not one, or base64 does not decode.
    """
    if not request.method.isascii() or not request.method.isalpha():
        raise UnreadableError("its method is no HTTP method")
    scheme, host, path = _target(request)
    headers = _headers(request.headers)
    if request.cookies and not _has(headers, b"cookie"):
        pairs = "; ".join(f"{cookie.name}={cookie.text}" for cookie in request.cookies)
        headers.append((b"Cookie", _bytes(pairs)))
    body, headers = _request_body(request.post, headers)
    return RawRequest(
        method=request.method.upper(),
        scheme=scheme,
        host=host,
        path=path,
        version=_version(request.version),
        headers=headers,
        body=body,
        body_bytes=_length(request.body_size, body),
    )


def raw_response(response: HarResponse | None, method: str) -> RawResponse | None:
    """The response of an entry, None where none came (status 0 or absent).

    Raises:
        UnreadableError: the status is out of range, or base64 does not decode.
    """
    if response is None or not response.status:
        return None
    if not 100 <= response.status <= 999:
        raise UnreadableError("its status is no HTTP status")
    headers = _headers(response.headers)
    if response.cookies and not _has(headers, b"set-cookie"):
        headers += [(b"Set-Cookie", _bytes(_set_cookie(cookie))) for cookie in response.cookies]
    content = response.content or _Content()
    if content.mime_type and not _has(headers, b"content-type"):
        headers.append((b"Content-Type", _bytes(content.mime_type)))
    body: bytes | None
    if response.status in _NO_BODY or method.upper() == "HEAD":
        body = b""
    elif content.encoding and content.encoding.lower() == "base64" and content.text is not None:
        body = _unbase64(content.text)
        headers = _without(headers, b"content-encoding", b"transfer-encoding")
    elif content.text or not content.size or content.size < 0:
        body, headers = _encoded(content.text or "", headers)
        headers = _without(headers, b"content-encoding", b"transfer-encoding")
    else:
        body = None
    return RawResponse(
        status=response.status,
        version=_version(response.version),
        headers=headers,
        body=body,
        body_bytes=_length(response.body_size, body, content.size),
    )


def _target(request: HarRequest) -> tuple[str, str, bytes]:
    """Scheme, host (port only where it is not the default) and origin form of the URL; a fragment is not sent."""
    try:
        url = urlsplit(request.url)
        port = url.port
    except ValueError:
        raise UnreadableError("its URL cannot be read") from None
    host = url.hostname or ""
    if not host:
        raise UnreadableError("its URL names no host")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS.get(url.scheme):
        host = f"{host}:{port}"
    query = url.query
    if not query and request.query:
        query = "&".join(f"{quote_plus(pair.name)}={quote_plus(pair.text)}" for pair in request.query)
    path = (url.path or "/") + (f"?{query}" if query or "?" in request.url.partition("#")[0] else "")
    return url.scheme, host, quote(path, safe=_AS_SENT, errors="replace").encode()


def _headers(pairs: list[_Pair] | None) -> list[RawPair]:
    """The header fields as sent. HTTP/2's pseudo-fields are no headers; repeated ones are joined by newlines."""
    return [
        (_bytes(pair.name), _bytes(line))
        for pair in pairs or []
        if pair.name and not pair.name.startswith(":")
        for line in pair.text.replace("\r", "").split("\n")
    ]


def _request_body(post: _PostData | None, headers: list[RawPair]) -> tuple[bytes, list[RawPair]]:
    if post is None or not (post.text or post.params):
        return b"", headers
    if post.mime_type and not _has(headers, b"content-type"):
        headers = [*headers, (b"Content-Type", _bytes(post.mime_type))]
    if post.text:
        if (post.encoding or "").lower() == "base64":
            return _unbase64(post.text), headers
        body, headers = _encoded(post.text, headers)
        return body, _without(headers, b"content-encoding", b"transfer-encoding")
    params = post.params or []
    if "multipart" not in (post.mime_type or "").lower():
        pairs = (f"{quote_plus(param.name)}={quote_plus(param.text)}" for param in params)
        return "&".join(pairs).encode(), headers
    boundary = _parameter(headers, "boundary")
    if not boundary:
        boundary = _BOUNDARY
        headers = _without(headers, b"content-type")
        headers.append((b"Content-Type", f"multipart/form-data; boundary={boundary}".encode()))
    return _multipart(params, boundary), headers


def _multipart(params: list[_Param], boundary: str) -> bytes:
    """RFC 7578. A file's value may be a ``data:`` URL, as k6 writes it."""
    parts: list[bytes] = []
    for param in params:
        disposition = f'form-data; name="{_quoted(param.name)}"'
        if param.fileName is not None:
            disposition += f'; filename="{_quoted(param.fileName)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if param.contentType:
            head += f"Content-Type: {param.contentType}\r\n"
        parts += [_bytes(head), b"\r\n", _param_bytes(param), b"\r\n"]
    return b"".join([*parts, _bytes(f"--{boundary}--\r\n")])


def _param_bytes(param: _Param) -> bytes:
    text = param.text
    head, comma, data = text.partition(",")
    if param.fileName is None or not comma or not head.startswith("data:"):
        return _bytes(text)
    return _unbase64(data) if head.endswith(";base64") else unquote_to_bytes(data)


def _encoded(text: str, headers: list[RawPair]) -> tuple[bytes, list[RawPair]]:
    """The text in the charset that its Content-Type declares, else in UTF-8 and with a type that says so."""
    charset = _parameter(headers, "charset")
    if not charset or charset.lower() in {"utf-8", "utf8"}:
        return _bytes(text), headers
    try:
        return text.encode(charset), headers
    except (LookupError, UnicodeEncodeError):
        kind = _content_type(headers).get_content_type()
        return _bytes(text), [
            *_without(headers, b"content-type"),
            (b"Content-Type", f"{kind}; charset=utf-8".encode()),
        ]


def _content_type(headers: list[RawPair]) -> Message:
    message = Message()
    value = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    message["Content-Type"] = value.decode("latin-1")
    return message


def _parameter(headers: list[RawPair], name: str) -> str:
    found = _content_type(headers).get_param(name, "")
    return found if isinstance(found, str) else ""


def _set_cookie(cookie: _Cookie) -> str:
    parts = [f"{cookie.name}={cookie.text}"]
    for attribute, value in (("Path", cookie.path), ("Domain", cookie.domain), ("Expires", cookie.expires)):
        if value:
            parts.append(f"{attribute}={value}")
    parts += [name for name, on in (("HttpOnly", cookie.httpOnly), ("Secure", cookie.secure)) if on]
    return "; ".join(parts)


def _version(written: str | None) -> str:
    """HTTP/1.0, HTTP/1.1, HTTP/2.0 or HTTP/3, however the writer spells it."""
    digits = (written or "").lower().removeprefix("http/").removeprefix("h")
    return {"1.0": "HTTP/1.0", "2": "HTTP/2.0", "2.0": "HTTP/2.0", "3": "HTTP/3", "3.0": "HTTP/3"}.get(
        digits, "HTTP/1.1"
    )


def _length(written: float | None, body: bytes | None, size: float | None = None) -> int:
    """The length on the wire where the writer knows it, else that of the body."""
    if written is not None and 0 < written < 2**53:
        return int(written)
    if body is None:
        return int(size) if size and 0 < size < 2**53 else 0
    return len(body)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableError("its body is no base64") from None


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _has(headers: list[RawPair], name: bytes) -> bool:
    return any(found.lower() == name for found, _ in headers)


def _without(headers: list[RawPair], *names: bytes) -> list[RawPair]:
    return [pair for pair in headers if pair[0].lower() not in names]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
