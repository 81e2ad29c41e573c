"""The shop's JSON API: bearer tokens (RFC 6750), products, orders."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response, request
from werkzeug.exceptions import abort

from replay.demo.catalogue import Product
from replay.demo.pages import MOST_OF_ONE, authenticate
from replay.demo.store import Account, Line, Order, Store

TOKEN_SECONDS = 3600
LINES_LIMIT = 50


def blueprint(store: Store) -> Blueprint:
    """The API over a store."""
    api = Blueprint("api", __name__)

    @api.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    @api.post("/api/v1/token")
    def token() -> Response:
        given = _object()
        account = authenticate(store, _text(given, "email"), _text(given, "password"))
        if account is None:
            abort(401)
        return jsonify(access_token=store.open_token(account), token_type="Bearer", expires_in=TOKEN_SECONDS)

    @api.get("/api/v1/products")
    def products() -> Response:
        number = request.args.get("page", "1")
        if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) < 10_000):
            abort(400)
        page = store.page(int(number))
        return jsonify(page=page.number, pages=page.pages, products=[_product(item) for item in page.products])

    @api.get("/api/v1/products/<int:product_id>")
    def product(product_id: int) -> Response:
        found = store.product(product_id)
        if found is None:
            abort(404)
        return jsonify(_product(found) | {"description": found.description, "stock": found.stock})

    @api.get("/api/v1/orders")
    def orders() -> Response:
        return jsonify(orders=[_order(order) for order in store.orders(_account(store))])

    @api.post("/api/v1/orders")
    def order() -> Response:
        account = _account(store)
        return make_response(jsonify(_order(store.order(account, _lines(store)))), 201)

    return api


def _account(store: Store) -> Account:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    account = store.token_account(secret.strip()) if scheme.lower() == "bearer" else None
    if account is None:
        refusal = make_response(jsonify(error="Unauthorized"), 401)
        refusal.headers["WWW-Authenticate"] = 'Bearer realm="shop"'
        abort(refusal)
    return account


def _lines(store: Store) -> tuple[Line, ...]:
    items = _object().get("items")
    if not isinstance(items, list) or not 0 < len(items) <= LINES_LIMIT:
        abort(400)
    return tuple(_line(store, item) for item in items)


def _line(store: Store, item: object) -> Line:
    if not isinstance(item, dict):
        abort(400)
    product, quantity = store.by_sku(_text(item, "sku")), item.get("quantity")
    if product is None or type(quantity) is not int or not 1 <= quantity <= MOST_OF_ONE:
        abort(400)
    return Line(product, quantity)


def _object() -> dict[str, object]:
    given = request.get_json()
    if not isinstance(given, dict):
        abort(400)
    return given


def _text(given: dict[str, object], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        abort(400)
    return value


def _product(product: Product) -> dict[str, object]:
    return {
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "price_cents": product.price_cents,
    }


def _order(order: Order) -> dict[str, object]:
    items = [{"sku": line.product.sku, "quantity": line.quantity} for line in order.lines]
    return {"id": order.id, "items": items, "total_cents": order.cents}
