"""The shop's pages for people: HTML, a session cookie, and a token in every form that changes something."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, make_response, redirect, render_template, request
from gevent import get_hub
from werkzeug.exceptions import HTTPException, abort

from replay.demo.catalogue import WORDS, luhn_sum
from replay.demo.store import Account, Session, Store

COOKIE = "shop_session"
MOST_OF_ONE = 20
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def blueprint(store: Store) -> Blueprint:
    """The pages over a store."""
    pages = Blueprint("pages", __name__)
    pages.add_app_template_filter(lambda cents: f"€ {cents / 100:,.2f}", "price")
    pages.app_errorhandler(HTTPException)(_problem)

    @pages.after_app_request
    def harden(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @pages.app_context_processor
    def frame() -> dict[str, object]:
        return {"session": _session(store), "categories": WORDS}

    _browsing(pages, store)
    _signing_in(pages, store)
    _buying(pages, store)
    return pages


def _browsing(pages: Blueprint, store: Store) -> None:
    @pages.get("/")
    def home() -> str:
        return render_template("home.html", products=store.featured())

    @pages.get("/catalogue")
    def catalogue() -> str:
        category = request.args.get("category", "")
        if category and category not in WORDS:
            abort(404)
        page = store.page(_whole(request.args.get("page", "1"), 1, 10_000), category)
        if page.number > page.pages:
            abort(404)
        return render_template("catalogue.html", page=page, category=category)

    @pages.get("/search")
    def search() -> str:
        word = request.args.get("q", "").strip()[:60]
        return render_template("search.html", word=word, page=store.page(1, word=word) if word else None)

    @pages.get("/products/<int:product_id>")
    def product(product_id: int) -> str:
        found = store.product(product_id)
        if found is None:
            abort(404)
        return render_template("product.html", product=found, related=store.related(found))


def _signing_in(pages: Blueprint, store: Store) -> None:
    @pages.get("/login")
    def login_form() -> Response:
        session = _session(store)
        if session is not None:
            return make_response(render_template("login.html", csrf=session.csrf))
        secret = store.open_session()
        fresh = store.session(secret)
        assert fresh is not None
        return _with_cookie(make_response(render_template("login.html", csrf=fresh.csrf)), secret)

    @pages.post("/login")
    def login() -> Response:
        session = _checked(store)
        account = authenticate(store, request.form.get("email", ""), request.form.get("password", ""))
        if account is None:
            return make_response(render_template("login.html", csrf=session.csrf, failed=True), 401)
        # A new secret at sign-in: one that somebody else planted before it is worth nothing (session fixation).
        return _with_cookie(redirect("/", 303), store.open_session(account, instead_of=session))

    @pages.post("/logout")
    def logout() -> Response:
        store.close_session(_checked(store))
        response = redirect("/", 303)
        response.delete_cookie(COOKIE)
        return response


def _buying(pages: Blueprint, store: Store) -> None:
    @pages.get("/cart")
    def cart() -> str:
        session = _session(store)
        return render_template("cart.html", lines=store.cart(session) if session else ())

    @pages.post("/cart")
    def put() -> Response:
        session = _checked(store)
        product = store.product(_whole(request.form.get("product_id", ""), 1, 10**9))
        if product is None:
            abort(404)
        store.put(session, product, _whole(request.form.get("quantity", ""), 1, MOST_OF_ONE))
        return redirect("/cart", 303)

    @pages.post("/checkout")
    def checkout() -> Response:
        session = _checked(store)
        if session.account is None:
            return redirect("/login", 303)
        name, address = request.form.get("name", "").strip(), request.form.get("address", "").strip()
        card = request.form.get("card", "").replace(" ", "")
        if not (name and address and is_card(card) and store.cart(session)):
            abort(400)
        order = store.buy(session, session.account, address, card)
        return make_response(render_template("thanks.html", order=order, name=name))


def authenticate(store: Store, email: str, password: str) -> Account | None:
    """Whose address and password these are; the hashing runs in a thread, so that no other visitor waits for it."""
    known = store.credentials(email)
    if known is None or not get_hub().threadpool.apply(known.match, (password,)):
        return None
    return known.account


def is_card(digits: str) -> bool:
    """Whether this is a card number: 13 to 19 digits and a right check digit (ISO/IEC 7812-1)."""
    return digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19 and luhn_sum(digits) % 10 == 0


def _session(store: Store) -> Session | None:
    return store.session(request.cookies.get(COOKIE, ""))


def _checked(store: Store) -> Session:
    """The session of a form; 403 where the form's token is not the session's (cross-site request forgery)."""
    session = _session(store)
    if session is None or not hmac.compare_digest(session.csrf, request.form.get("csrf_token", "")):
        abort(403)
    return session


def _with_cookie(response: Response, secret: str) -> Response:
    response.set_cookie(COOKIE, secret, max_age=7200, httponly=True, samesite="Lax", path="/")
    return response


def _whole(text: str, least: int, most: int) -> int:
    """A whole number of a form or a query; 400 where it is none, or out of range."""
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        abort(400)
    return int(text)


def _problem(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response
    code = error.code or 500
    if request.path.startswith("/api/"):
        return make_response({"error": error.name}, code)
    return make_response(render_template("problem.html", code=code, name=error.name), code)
