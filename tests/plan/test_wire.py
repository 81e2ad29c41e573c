"""A clean request as bytes."""

from __future__ import annotations

import httptools
import pytest

from replay.exchange import Body, Request, Sealed
from replay.plan.wire import Rewrite, serialise


class Seen:
    """What a strict HTTP/1.1 parser makes of the bytes."""

    def __init__(self, wire: bytes) -> None:
        self.url = b""
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(wire)
        self.method = self._parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


def request(method: str = "GET", headers: list[tuple[str, str]] | None = None, body: Body = None) -> Request:
    return Request(method, "https", "shop.example", "/a?b=c", headers or [], body)


def test_headers_of_the_recorded_connection_are_not_sent() -> None:
    headers = [
        ("Host", "x"),
        ("Connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Original-URL", "/admin"),
        ("X-Forwarded-Host", "shop.example"),
        ("Forwarded", "host=shop.example"),
        ("X-Original-Host", "shop.example"),
        (":path", "/"),
        ("Accept", "*/*"),
    ]

    seen = Seen(serialise(request(headers=headers), Rewrite()))

    assert seen.headers == [(b"Accept", b"*/*")]
    assert seen.is_complete


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ('{"name": "Zoë"}', '{"name": "Zoë"}'.encode()),
        (Sealed(base64=b"\x00\xff"), b"\x00\xff"),
        (Sealed(opaque_bytes=5, type="image/png"), b"xxxxx"),
        (None, b""),
    ],
)
def test_a_body_is_sent_with_its_true_length(body: Body, sent: bytes) -> None:
    seen = Seen(serialise(request("POST", [("Content-Length", "999")], body), Rewrite()))

    assert seen.headers == [(b"Content-Length", str(len(sent)).encode())]
    assert seen.body == sent
    assert seen.is_complete


def test_a_get_without_a_body_has_no_length() -> None:
    assert b"Content-Length" not in serialise(request(), Rewrite())


def test_headers_are_rewritten_whatever_their_case() -> None:
    rewrite = Rewrite(set_headers={"User-Agent": "replay"}, drop_headers=frozenset({"cookie"}))

    seen = Seen(serialise(request(headers=[("user-agent", "x"), ("COOKIE", "a=b"), ("Accept", "*/*")]), rewrite))

    assert seen.headers == [(b"Accept", b"*/*"), (b"User-Agent", b"replay")]


def test_a_line_break_in_a_header_cannot_make_a_second_header() -> None:
    seen = Seen(serialise(request(headers=[("X-A", "1\r\nX-B: 2")]), Rewrite()))

    assert [name for name, _ in seen.headers] == [b"X-A"]
