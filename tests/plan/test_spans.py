"""Values of a prepared request: where they stand, and others in their place."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.engine.requests import is_one_request
from replay.plan.spans import Patch, Span, patched, spans
from replay.plan.wire import Rewrite, serialise
from tests.factories import exchange

JSON = ("Content-Type", "application/json")


def wire(
    path: str = "/a", method: str = "GET", headers: list[tuple[str, str]] | None = None, body: str = ""
) -> bytes:
    return serialise(exchange(path, method=method, headers=headers or [], body=body or None).request, Rewrite())


def at(found: bytes, place: str) -> Span:
    return next(span for span in spans(found) if span.place == place)


def patch(span: Span, value: str) -> Patch:
    return Patch(span.offset, span.length, span.written(value))


def test_every_place_of_a_request_is_found_where_it_stands() -> None:
    found = wire(
        "/users/8123/orders/77%20a?q=red+lamp&page=2",
        "POST",
        [("Cookie", "sid=abc; uid=9%2F1"), ("X-Tenant", "north"), JSON],
        '{"items": [{"sku": "A\\u002d1", "n": 2}], "ids": [5, 6], "ok": true}',
    )

    assert [(span.place, span.text) for span in spans(found) if not span.place.startswith("header/content")] == [
        ("path/1", "users"),
        ("path/2", "8123"),
        ("path/3", "orders"),
        ("path/4", "77 a"),
        ("query/q", "red lamp"),
        ("query/page", "2"),
        ("cookie/sid", "abc"),
        ("cookie/uid", "9/1"),
        ("header/x-tenant", "north"),
        ("json/sku", "A-1"),
        ("json/n", "2"),
        ("json/ids", "5"),
        ("json/ids", "6"),
    ]
    assert at(found, "json/sku").pointer == ("items", "0", "sku")
    assert {
        place: found[s.offset : s.offset + s.length] for place in ("path/4", "query/q") for s in [at(found, place)]
    } == {
        "path/4": b"77%20a",
        "query/q": b"red+lamp",
    }


def test_forms_are_found_by_their_type() -> None:
    kind = [("Content-Type", "application/x-www-form-urlencoded")]
    found = wire("/cart", "POST", kind, "product_id=7&note=a%26b")

    assert [(s.place, s.text) for s in spans(found) if s.place.startswith("form/")] == [
        ("form/product_id", "7"),
        ("form/note", "a&b"),
    ]


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_is_put_in_is_one_whole_request_and_reads_back(first: str, second: str) -> None:
    found = wire("/users/8123?q=x", "POST", [JSON], '{"sku": "A-1"}')
    first = first or "0"

    made = patched(
        found,
        [
            patch(at(found, "path/2"), first),
            patch(at(found, "query/q"), second),
            patch(at(found, "json/sku"), second),
        ],
    )

    assert is_one_request(made, "POST")
    got = {span.place: span.text for span in spans(made)}
    assert (got["path/2"], got["query/q"], got["json/sku"]) == (first, second, second)


def test_a_value_that_is_no_number_becomes_a_string_in_a_number_s_place() -> None:
    found = wire("/a", "POST", [JSON], '{"id": 12}')

    made = patched(found, [patch(at(found, "json/id"), 'x"y')])

    assert msgspec.json.decode(made.partition(b"\r\n\r\n")[2]) == {"id": 'x"y'}


def test_no_value_breaks_out_of_a_header() -> None:
    found = wire("/a", headers=[("X-Tenant", "north")])

    made = patched(found, [patch(at(found, "header/x-tenant"), "south\r\nX-Evil: 1")])

    assert b"X-Tenant: southX-Evil: 1\r\n" in made
    assert is_one_request(made, "GET")


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/x-www-form-urlencoded", b"a" * (1 << 19)), ("application/json", b'["' + b'\\"' * (1 << 18))],
)
def test_a_body_that_breaks_off_is_read_in_a_time_that_grows_with_it(kind: str, body: bytes) -> None:
    head = f"POST /a HTTP/1.1\r\nContent-Type: {kind}\r\n\r\n".encode()

    assert [span.place for span in spans(head + body)] == ["path/1", "header/content-type"]


def test_what_is_no_pair_is_passed_over() -> None:
    wire = b"GET /a?flag&b=1&&c= HTTP/1.1\r\nCookie: flag; sid=x; y\r\n\r\n"

    assert [(span.place, span.text) for span in spans(wire)][1:] == [
        ("query/b", "1"),
        ("query/c", ""),
        ("cookie/sid", "x"),
    ]
