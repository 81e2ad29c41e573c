from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.routes import Routes, Template, is_literal, kind_of

ROUTES = Routes(
    [
        Template("/products/{product_id}"),
        Template("/products/{product_id}/{slug}", frozenset({"GET"})),
        Template("/products/new/{step}"),
        Template("/shops/{shop}"),
    ],
    {"product_id": lambda text: text.isdigit(), "shop": lambda text: text in {"books", "garden"}},
    "rules",
)
PLAIN = Routes()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/users/me", "/users/me"),
        ("/users/42", "/users/{int}"),
        ("/users/4f9c2b7e1d", "/users/{hex}"),
        ("/api/v1/orders/6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21", "/api/v1/orders/{uuid}"),
        ("/api/v1.2/users/ann@birdsong.org/messages", "/api/v1.2/users/{email}/messages"),
        ("/u/qanary-werth", "/u/{slug}"),
        ("/files/1234567.jpg", "/files/{int}.jpg"),
        ("/static/shop.css", "/static/shop.css"),
        ("/forgot-password", "/forgot-password"),
        ("/getOrderStatus/2026-11-20", "/getOrderStatus/{date}"),
        ("/t/aB3dE5fG7hJ9kL1m", "/t/{token}"),
        ("/q/%C3%A9t%C3%A9", "/q/{text}"),
        ("/users/", "/users/"),
        ("/users?id=7#x", "/users"),
        ("*", "*"),
    ],
)
def test_a_path_gives_its_route(path: str, route: str) -> None:
    assert PLAIN.route("GET", path) == f"GET {route}"


def test_a_template_speaks_before_words_and_kinds() -> None:
    assert ROUTES.route("GET", "/products/12") == "GET /products/{product_id}"
    assert ROUTES.route("GET", "/products/blue-lamp") == "GET /products/{product_id}"


def test_a_word_of_interfaces_is_no_parameter_unless_its_guard_takes_it() -> None:
    assert ROUTES.route("GET", "/products/search") == "GET /products/search"
    assert ROUTES.route("GET", "/shops/books") == "GET /shops/{shop}"
    assert ROUTES.route("GET", "/shops/search") == "GET /shops/search"


def test_the_template_with_more_words_speaks_first() -> None:
    assert ROUTES.route("GET", "/products/new/7") == "GET /products/new/{step}"


def test_a_template_holds_for_its_methods() -> None:
    assert ROUTES.route("GET", "/products/1/a-lamp") == "GET /products/{product_id}/{slug}"
    assert ROUTES.route("PUT", "/products/1/a-lamp") == "PUT /products/{int}/{slug}"


def test_a_long_path_ends_in_rest() -> None:
    assert PLAIN.route("GET", "/x" * 200).endswith("{rest}")


def test_the_hash_follows_templates_and_rules() -> None:
    hashes = {PLAIN.hash, ROUTES.hash, Routes([Template("/a")]).hash, Routes(rules="other").hash}

    assert len(hashes) == 4
    assert Routes([Template("/b"), Template("/a")]).hash == Routes([Template("/a"), Template("/b")]).hash


@pytest.mark.parametrize(
    "segment", ["alice", "qanary", "acme-corp-internal", "a1", "42", "v1234567", "users-orders-cart-items"]
)
def test_what_is_no_word_of_interfaces_is_never_literal(segment: str) -> None:
    assert not is_literal(segment)


@given(st.text(max_size=60))
def test_any_segment_has_a_kind_and_a_route(segment: str) -> None:
    assert kind_of(segment)
    assert PLAIN.route("GET", f"/{segment}").startswith("GET /")


@given(st.from_regex(r"[0-9]{5,9}", fullmatch=True))
def test_no_number_is_in_a_route(number: str) -> None:
    assert number not in PLAIN.route("GET", f"/users/{number}/x{number}x/{number}.html")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/users/bill.price", "GET /users/{slug}"),
        ("/u/MaxPrice", "GET /u/{slug}"),
        ("/coupon/GOLD-STAR-SALE", "GET /coupon/{slug}"),
        ("/reset/mark-bill", "GET /reset/{slug}"),
        ("/users/orders", "GET /users/orders"),
        ("/users/me/order-items", "GET /users/me/order-items"),
        ("/users/sign_in", "GET /users/sign_in"),
        ("/shop/order-items", "GET /shop/order-items"),
        ("/accounts/v1", "GET /accounts/v1"),
    ],
)
def test_words_that_may_be_a_persons_are_no_literal_behind_people(path: str, route: str) -> None:
    assert Routes().route("GET", path) == route
