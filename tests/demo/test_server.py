"""The shop over real HTTP: what a visitor, a customer and a program can do, and what is refused."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from replay.demo.browser import Answer, Browser
from replay.demo.catalogue import customers, products

CUSTOMER = customers()[0]
JSON = {"Content-Type": "application/json"}


def browser(shop: str) -> Browser:
    place = urlsplit(shop)
    return Browser(place.hostname or "", place.port or 0, "shop.example", "test")


def get(shop: str, path: str) -> Answer:
    return once(browser(shop).get(path))


def once[T](doing: Coroutine[object, object, T]) -> T:
    return asyncio.run(doing)


async def signed_in(shop: str) -> tuple[Browser, str]:
    """A browser with a customer's session, and the session's form token."""
    visitor = browser(shop)
    form = {"csrf_token": (await visitor.get("/login")).hidden_field("csrf_token")}
    answer = await visitor.submit("/login", form | {"email": CUSTOMER.email, "password": CUSTOMER.password})
    assert answer.status == 200
    return visitor, answer.hidden_field("csrf_token")


async def token(visitor: Browser) -> str:
    account = {"email": CUSTOMER.email, "password": CUSTOMER.password}
    answer = await visitor.send("POST", "/api/v1/token", JSON, json.dumps(account).encode())
    return str(json.loads(answer.body)["access_token"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "Things that stay."),
        ("/catalogue?page=2", "page 2 of 17"),
        ("/catalogue?category=lamp", "20 things"),
        ("/search?q=mirror", "20 for “mirror”"),
        ("/search?q=nothingness", "Nothing for"),
        ("/search", "What are you looking for?"),
        ("/products/7", products()[6].name),
        ("/static/shop.css", "--accent"),
        ("/cart", "It is empty."),
        ("/api/v1/products?page=2", '"pages":17'),
        ("/api/v1/products/7", products()[6].sku),
        ("/healthz", '"ok"'),
    ],
)
def test_a_page_shows_what_it_is_for(shop: str, path: str, text: str) -> None:
    answer = get(shop, path)

    assert answer.status == 200
    assert text in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/products/401", 404),
        ("/products/abc", 404),
        ("/catalogue?category=yacht", 404),
        ("/catalogue?page=18", 404),
        ("/catalogue?page=-1", 400),
        ("/catalogue?page=1e3", 400),
        ("/api/v1/products/401", 404),
        ("/api/v1/orders", 401),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_there_is_said_so(shop: str, path: str, status: int) -> None:
    assert get(shop, path).status == status


def test_what_a_visitor_typed_comes_back_escaped(shop: str) -> None:
    page = get(shop, "/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22").body.decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_looking_around_sets_no_cookie(shop: str) -> None:
    assert [get(shop, path).header("set-cookie") for path in ("/", "/products/1", "/cart")] == ["", "", ""]


def test_a_customer_signs_in_buys_and_signs_out(shop: str) -> None:
    async def shopping() -> None:
        visitor, csrf = await signed_in(shop)
        assert CUSTOMER.name.replace("'", "&#39;") in (await visitor.get("/")).body.decode()
        form = {"csrf_token": csrf}
        cart = await visitor.submit("/cart", form | {"product_id": "7", "quantity": "2"})
        assert products()[6].name in cart.body.decode()
        buyer = {"name": "<b>Ada</b>", "address": CUSTOMER.address, "card": CUSTOMER.card}
        thanks = await visitor.submit("/checkout", form | buyer)
        assert "Thank you, &lt;b&gt;Ada&lt;/b&gt;." in thanks.body.decode()
        assert "It is empty." in (await visitor.get("/cart")).body.decode()
        await visitor.submit("/logout", form)
        assert "shop_session" not in visitor.cookies
        assert "Sign in" in (await visitor.get("/")).body.decode()

    once(shopping())


def test_signing_in_changes_the_session_and_the_cookie_is_http_only(shop: str) -> None:
    async def cookies() -> tuple[str, str, str]:
        visitor = browser(shop)
        form = await visitor.get("/login")
        before = visitor.cookies["shop_session"]
        content = {"csrf_token": form.hidden_field("csrf_token"), "email": CUSTOMER.email}
        await visitor.submit("/login", content | {"password": CUSTOMER.password})
        return before, visitor.cookies["shop_session"], form.header("set-cookie")

    before, after, header = once(cookies())

    assert before != after
    assert "HttpOnly" in header


def test_a_wrong_password_is_refused(shop: str) -> None:
    async def attempt() -> Answer:
        visitor = browser(shop)
        form = {"csrf_token": (await visitor.get("/login")).hidden_field("csrf_token")}
        return await visitor.submit("/login", form | {"email": CUSTOMER.email, "password": "guess"})

    assert once(attempt()).status == 401


@pytest.mark.parametrize("path", ["/login", "/cart", "/checkout", "/logout"])
@pytest.mark.parametrize("forged", ["", "another"])
def test_a_form_without_its_sessions_token_is_refused(shop: str, path: str, forged: str) -> None:
    async def forge() -> Answer:
        visitor, _ = await signed_in(shop)
        return await visitor.submit(path, {"csrf_token": forged, "product_id": "1", "quantity": "1"})

    assert once(forge()).status == 403


def test_a_form_without_a_session_is_refused(shop: str) -> None:
    assert once(browser(shop).submit("/cart", {"product_id": "1", "quantity": "1"})).status == 403


@pytest.mark.parametrize("fault", [{"card": "4111111111111112"}, {"name": " "}, {"address": ""}])
def test_a_checkout_that_lacks_something_is_refused(shop: str, fault: dict[str, str]) -> None:
    async def buy() -> Answer:
        visitor, csrf = await signed_in(shop)
        await visitor.submit("/cart", {"csrf_token": csrf, "product_id": "7", "quantity": "1"})
        buyer = {"csrf_token": csrf, "name": "Ada", "address": "Here", "card": CUSTOMER.card}
        return await visitor.submit("/checkout", buyer | fault)

    assert once(buy()).status == 400


def test_a_program_orders_with_its_token_and_sees_the_order(shop: str) -> None:
    async def ordering() -> tuple[Answer, Answer]:
        program = browser(shop)
        bearer = {"Authorization": f"Bearer {await token(program)}"}
        items = json.dumps({"items": [{"sku": products()[0].sku, "quantity": 3}]}).encode()
        placed = await program.send("POST", "/api/v1/orders", JSON | bearer, items)
        return placed, await program.get("/api/v1/orders", bearer)

    placed, listed = once(ordering())

    assert placed.status == 201
    assert json.loads(placed.body)["total_cents"] == 3 * products()[0].price_cents
    assert json.loads(listed.body)["orders"][0] == json.loads(placed.body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"{",
        b'{"items": [{"sku": "NO-1", "quantity": 1}]}',
        b'{"items": [{"sku": "LAM-0001", "quantity": true}]}',
    ],
)
def test_an_order_that_is_none_is_refused(shop: str, body: bytes) -> None:
    async def order() -> Answer:
        program = browser(shop)
        return await program.send(
            "POST", "/api/v1/orders", JSON | {"Authorization": f"Bearer {await token(program)}"}, body
        )

    assert once(order()).status == 400


def test_an_unknown_token_is_refused_with_a_challenge(shop: str) -> None:
    answer = once(browser(shop).get("/api/v1/orders", {"Authorization": "Bearer guess"}))

    assert (answer.status, answer.header("www-authenticate")) == (401, 'Bearer realm="shop"')


def test_a_worse_build_fails_where_it_was_told_to(database: Path) -> None:
    command = [sys.executable, "-m", "replay.demo.server", "--database", str(database), "--fail", "GET /search=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        shop = process.stdout.readline().strip()
        statuses = [get(shop, path).status for path in ("/search?q=lamp", "/catalogue")]
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
    assert statuses == [500, 200]


def test_an_unknown_route_is_refused_before_anything_is_served(database: Path) -> None:
    command = [sys.executable, "-m", "replay.demo.server", "--database", str(database), "--slow", "GET /nowhere=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 1
    assert "no such route" in done.stderr
