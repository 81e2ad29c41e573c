from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.learn.observe import Observation, Spot, observe
from replay.routes import Routes, Template
from tests.factories import raw_exchange

ROUTES = Routes([Template("/products/{product_id}")])
JSON = [(b"Content-Type", b"application/json")]


def seen(path: str = "/cart", **parts: Any) -> dict[Spot, set[str]]:
    """The values that are seen at each place of one exchange."""
    found = observe([raw_exchange(path, **parts)], ROUTES, k=2)
    return {spot: set(tally.values.sights) for spot, tally in found.places.items()}


def test_a_template_s_parameter_is_seen_without_a_route() -> None:
    assert seen("/products/7?page=2") == {
        Spot("path", "", "product_id"): {"7"},
        Spot("query", "GET /products/{product_id}", "page"): {"2"},
    }


def test_members_are_seen_by_pointers_with_stars_for_indices() -> None:
    found = seen(
        "/orders", method="POST", headers=JSON, body=b'{"items":[{"sku":"A-1"},{"sku":"A-2"}],"tags":["x","y"]}'
    )

    assert found == {
        Spot("json", "POST /orders", "sku", ("items", "*", "sku")): {"A-1", "A-2"},
        Spot("json", "POST /orders", "*", ("tags", "*")): {"x", "y"},
    }


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([(b"Content-Type", b"application/x-www-form-urlencoded")], b"quantity=3"),
        (
            [(b"Content-Type", b"multipart/form-data; boundary=b")],
            b'--b\r\nContent-Disposition: form-data; name="quantity"\r\n\r\n3\r\n--b--\r\n',
        ),
    ],
)
def test_fields_of_forms_are_seen(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    assert seen(method="POST", headers=headers, body=body) == {Spot("form", "POST /cart", "quantity"): {"3"}}


def test_cookies_and_headers_of_the_service_are_seen_and_read_headers_are_not() -> None:
    headers = [(b"Cookie", b"lang=en"), (b"X-Shop-Region", b"north"), (b"Accept", b"a/b"), (b"User-Agent", b"curl/8")]

    assert seen(headers=headers) == {
        Spot("cookie", "GET /cart", "lang"): {"en"},
        Spot("header", "GET /cart", "x-shop-region"): {"north"},
    }


def test_a_document_in_a_string_and_a_packed_body_are_looked_into() -> None:
    inner = json.dumps({"page": 3})
    body = gzip.compress(json.dumps({"state": inner}).encode())

    found = seen(answer=body, answer_headers=[*JSON, (b"Content-Encoding", b"gzip")])
    assert found[Spot("json", "GET /cart", "page", ("page",))] == {"3"}


def test_what_was_seen_before_is_counted_again() -> None:
    raws = [raw_exchange("/cart?next=%2Fsearch%3Fpage%3D2", connection=f"c{at}") for at in range(5)]
    tally = observe(raws, ROUTES, k=3).places[Spot("query", "GET /cart", "page")]

    assert tally.count == 5
    assert tally.values.shared() == {"2"}


@pytest.mark.parametrize(
    "body", [b'{"token":"abc"}', b'{"session":{"id":7}}', b'{"user":{"page":1}}', b'{"emails":["a"]}']
)
def test_what_a_barred_name_holds_is_not_held(body: bytes) -> None:
    found = observe([raw_exchange("/cart", headers=JSON, body=body, method="POST")], ROUTES, k=2)

    assert not any(tally.values.sights for tally in found.places.values())
    assert found.barred


def test_names_that_are_data_are_a_star() -> None:
    found = seen(answer=b'{"u1234567":{"page":1},"alice@example.org":{"page":2}}', answer_headers=JSON)

    assert found == {Spot("json", "GET /cart", "page", ("*", "page")): {"1", "2"}}


def test_a_client_is_a_session_cookie_else_credentials_else_a_connection() -> None:
    mine = Observation(ROUTES, 2)
    for at in range(4):
        mine.take(raw_exchange(connection=f"a{at}", headers=[(b"Cookie", b"sid=1234567890")]))
        mine.take(raw_exchange(connection=f"b{at}", headers=[(b"Authorization", b"Bearer abc")]))
    for _ in range(4):
        mine.take(raw_exchange(connection="c"))

    assert len(mine.clients.seen) == 3
    assert len(mine.clients.by_connection) == 1


def test_places_and_values_stay_bounded() -> None:
    mine = Observation(ROUTES, 2)
    for number in range(12):
        body = json.dumps({f"zorn_{chr(97 + number)}_{at}": at for at in range(999)}).encode()
        mine.take(raw_exchange("/cart", method="POST", headers=JSON, body=body))

    assert len(mine.places) <= 5_000
    assert len(mine.names.sights) <= 5_000


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"application/json", b"text/html", b"multipart/form-data; boundary=b", b"text/csv", b""]),
    st.text(max_size=40),
)
def test_whatever_is_sent_is_looked_at_without_an_error(body: bytes, kind: bytes, path: str) -> None:
    observe([raw_exchange("/" + path, headers=[(b"Content-Type", kind)], body=body, method="POST")], ROUTES, k=2)
