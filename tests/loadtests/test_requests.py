"""From a planned request to the bytes that go out."""

from __future__ import annotations

import random

import pytest

from loadtests.engine.requests import Stamp, header_values, is_one_request, whole_requests
from replay.errors import ReplayError
from replay.safety import OVERRIDE_HEADERS

WIRE = b"POST /a?b=1 HTTP/1.1\r\nX-Token: old\r\nAccept: */*\r\nContent-Length: 20\r\n\r\nx-token: in the body"


def test_host_and_mark_stand_behind_the_request_line_and_the_rest_is_as_planned() -> None:
    out = Stamp("staging.example:81", "cafe", {}).wire(WIRE, "POST", 7)

    assert out == WIRE.replace(b"1.1\r\n", b"1.1\r\nHost: staging.example:81\r\nX-Dress-Rehearsal: cafe-7\r\n", 1)


def test_a_header_of_the_run_replaces_the_planned_one_and_leaves_the_body_alone() -> None:
    out = Stamp("h", "cafe", {"x-token": "new", "X-More": "m"}).wire(WIRE, "POST", 1)
    head, _, body = out.partition(b"\r\n\r\n")

    assert b"old" not in head
    assert head.lower().count(b"x-token: ") == 1
    assert b"x-token: new" in head
    assert b"X-More: m" in head
    assert head.endswith(b"Content-Length: 20")
    assert body == b"x-token: in the body"


NOT_ONE = [
    (b"GET http://h/ HTTP/1.1\r\n\r\n", "GET"),
    (b"GET //h/ HTTP/1.1", "GET"),
    (b"POST / HTTP/1.1\r\n\r\n", "GET"),
    (b"CONNECT h:443 HTTP/1.1\r\n\r\n", "CONNECT"),
    (b"GET * HTTP/1.1\r\n\r\n", "GET"),
    (b"", "GET"),
    (b"GET / HTTP/1.1\r\nX: 1\r\n", "GET"),
    (b"GET / HTTP/1.1\r\n\r\nDELETE / HTTP/1.1\r\n\r\n", "GET"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n12", "POST"),
    (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n12", "POST"),
    (b"POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n12", "POST"),
    (b"POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n12", "POST"),
    (b"POST / HTTP/1.1\r\nContent-Length : 2\r\n\r\n12", "POST"),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "POST"),
    (b"GET / HTTP/1.1\r\nHOST: production\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\r\nA: b\nHost: production\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\r\nA: b\r\n Host: folded\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\nDELETE / HTTP/1.1\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\r\nA: b\nHost: production\r\r\n\r\n", "GET"),
    (b"GET /\rHost: HTTP/1.1\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\r\nX_HTTP_METHOD_OVERRIDE: DELETE\r\n\r\n", "GET"),
    (b"POST / HTTP/1.1\r\nContent_Length: 9\r\n\r\n", "POST"),
    (b"GET /a b HTTP/1.1\r\n\r\n", "GET"),
    (b"GET / HTTP/1.0\r\n\r\n", "GET"),
    (b"GET / HTTP/1.1\r\nX-Dress-Rehearsal: ours\r\n\r\n", "GET"),
    *((f"GET / HTTP/1.1\r\n{name}: DELETE\r\n\r\n".encode(), "GET") for name in sorted(OVERRIDE_HEADERS)),
]


@pytest.mark.parametrize(("wire", "method"), NOT_ONE)
def test_nothing_but_one_request_in_origin_form_goes_out(wire: bytes, method: str) -> None:
    assert Stamp("h", "cafe", {}).wire(wire, method, 1) == b""


@pytest.mark.parametrize("seed", range(20))
def test_requests_looked_at_together_pass_as_each_would_alone(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"/",
        b"Host: h\r\n",
        b"\x00content-length: 0\r\n",
        b"\xff\n",
        b":",
        b"HEAD",
    ]

    def spoilt(wire: bytes) -> bytes:
        at = dice.randrange(len(wire) + 1)
        return wire[:at] + dice.choice(pieces) + wire[at + dice.randrange(4) :]

    plain = [(b"GET /%d HTTP/1.1\r\nAccept: */*\r\nX: \xff\r\n\r\n" % n, "GET") for n in range(150)]
    plain += [(b"HEAD / HTTP/1.1\r\n\r\n", "HEAD"), (b"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS"), (WIRE, "POST")]
    bad = [(spoilt(wire), method) for wire, method in dice.choices(plain, k=seed)]
    both = [*plain, *bad, *dice.sample(NOT_ONE, seed)]
    dice.shuffle(both)
    found = whole_requests([wire for wire, _ in both], [method for _, method in both])

    assert list(found) == [wire if is_one_request(wire, method) else b"" for wire, method in both]
    assert sum(wire != b"" for wire in found) >= len(plain)


def test_the_same_bytes_are_checked_anew_for_another_method() -> None:
    stamp = Stamp("h", "cafe", {})

    assert stamp.wire(WIRE, "POST", 1) != b""
    assert stamp.wire(WIRE, "GET", 2) == b""


def test_options_may_ask_about_the_server_itself() -> None:
    assert (
        Stamp("h", "cafe", {}).wire(b"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", 1).startswith(b"OPTIONS * HTTP/1.1\r\n")
    )


def test_the_values_of_headers_come_from_the_environment_and_are_not_shown() -> None:
    values = header_values({"Authorization": "TOKEN"}, {"TOKEN": "Bearer canary"})

    assert values == {"Authorization": "Bearer canary"}
    assert "canary" not in repr(Stamp("h", "cafe", values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"),
        ("content-length", "1"),
        ("X-Method-Override", "PUT"),
        ("A B", "x"),
        ("X-A", "canary\r\nX-B: 1"),
        ("X-A", None),
        ("", "x"),
    ],
)
def test_a_header_that_cannot_be_set_is_refused_without_its_value(name: str, value: str | None) -> None:
    with pytest.raises(ReplayError) as caught:
        header_values({name: "V"}, {} if value is None else {"V": value})

    assert "canary" not in str(caught.value)
