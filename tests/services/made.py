"""Services whose clients make values up: sign-ups, times with nonces, pairs of cookie and header, idempotency."""

from __future__ import annotations

import random
import string
import time
import uuid
from collections.abc import Callable
from typing import ClassVar

from tests.services.pages import token
from tests.services.web import Answered, Asked, Browser, data, page, seen


def made_up(dice: random.Random) -> str:
    """A UUID of version 4."""
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def word(dice: random.Random, size: int) -> str:
    """Letters that are no word."""
    return "".join(dice.choice(string.ascii_lowercase) for _ in range(size))


class SignUps:
    """Accounts with names and addresses that no other has; then a login with them, and a page of one's own."""

    name = "sign-ups"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.mails: dict[str, str] = {}
        self.names: set[str] = set()
        self.sessions: dict[str, str] = {}

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "GET", ["names"]:
                return data({"free": asked.query.get("username") not in self.names})
            case "POST", ["signup"]:
                mail, name = asked.json.get("email", ""), asked.json.get("username", "")
                if not mail or mail in self.mails or name in self.names:
                    return data({"error": "taken"}, 409)
                self.mails[mail] = name
                self.names.add(name)
                return data({"email": mail, "username": name, "plan": "free"}, 201)
            case "POST", ["login"]:
                if asked.form.get("email") not in self.mails:
                    return page("no", 401)
                sid = token(self.dice)
                self.sessions[sid] = self.mails[asked.form["email"]]
                return seen("/home", headers=[("Set-Cookie", f"sid={sid}; Path=/")])
            case "GET", ["people", name, "page"]:
                return page("hello") if self.sessions.get(asked.cookies.get("sid", "")) == name else page("", 403)
        return data({}, 404)

    links: ClassVar[set[tuple[str, str, str, str]]] = set()
    cookies: ClassVar = {"sid"}
    fresh: ClassVar = {
        ("POST /signup", "json/email", "unique"),
        ("POST /signup", "json/username", "unique"),
        ("POST /login", "form/email", "same"),
        ("GET /people/{slug}/page", "path/2", "same"),
    }

    @staticmethod
    def visit(browser: Browser) -> None:
        name = f"{word(browser.dice, 6)}_{browser.dice.randrange(1000, 10000)}"
        mail = f"{name}@mail.example"
        browser.get("/names", username=name)
        browser.send("POST", "/signup", {"email": mail, "username": name, "newsletter": True})
        browser.form("/login", email=mail, password="correct horse")
        browser.get(f"/people/{name}/page")


class Exchange:
    """Orders under a key of the client's, sent with a time that must be now and a nonce that must be new."""

    name = "times, nonces, idempotency"
    now_s: Callable[[], float] = staticmethod(time.time)

    def __init__(self, seed: int) -> None:
        self.nonces: set[str] = set()
        self.keys: set[str] = set()
        self.orders: set[str] = set()

    def answer(self, asked: Asked) -> Answered:
        stamp, nonce = asked.header("x-timestamp"), asked.header("x-nonce")
        if not stamp.isdigit() or abs(int(stamp) / 1000 - self.now_s()) > 60 or nonce in self.nonces or not nonce:
            return data({"error": "stale"}, 401)
        self.nonces.add(nonce)
        match asked.method, asked.path:
            case "GET", ["rates"]:
                return data({"price": 7})
            case "POST", ["orders"]:
                key, number = asked.header("idempotency-key"), asked.json.get("id", "")
                if key in self.keys or number in self.orders:
                    return data({"error": "again"}, 409)
                self.keys.add(key)
                self.orders.add(number)
                return data({"id": number, "state": "open"}, 201)
            case "GET", ["orders", number]:
                return data({"id": number}) if number in self.orders else data({}, 404)
        return data({}, 404)

    links: ClassVar[set[tuple[str, str, str, str]]] = set()
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar = {
        *((route, "header/x-timestamp", "time") for route in ("GET /rates", "POST /orders", "GET /orders/{uuid}")),
        *((route, "header/x-nonce", "random") for route in ("GET /rates", "POST /orders", "GET /orders/{uuid}")),
        ("POST /orders", "header/idempotency-key", "uuid"),
        ("POST /orders", "json/id", "uuid"),
        ("GET /orders/{uuid}", "path/2", "same"),
    }

    @staticmethod
    def visit(browser: Browser) -> None:
        def signed() -> None:
            browser.headers = {
                "X-Timestamp": str(round(browser.now_s() * 1000)),
                "X-Nonce": f"{browser.dice.getrandbits(128):032x}",
            }

        signed()
        browser.get("/rates", symbol="EURUSD")
        for _ in range(browser.dice.randint(1, 3)):
            number = made_up(browser.dice)
            signed()
            order = {"id": number, "amount": browser.dice.randint(1, 99)}
            browser.send("POST", "/orders", order, Idempotency_Key=made_up(browser.dice))
            signed()
            browser.get(f"/orders/{number}")


class DoubleSubmit:
    """A script makes a token, keeps it as a cookie and repeats it in a header; each token is good for one account."""

    name = "double submit"

    def __init__(self, seed: int) -> None:
        self.used: dict[str, str] = {}
        self.dice = random.Random(seed)

    def answer(self, asked: Asked) -> Answered:
        mark = asked.cookies.get("csrftoken", "")
        match asked.method, asked.path:
            case "GET", ["start"]:
                return page("", headers=[("Set-Cookie", f"sid={token(self.dice)}; Path=/")])
            case "POST", ["cart"]:
                if not mark or asked.header("x-csrftoken") != mark:
                    return data({}, 403)
                if self.used.setdefault(mark, asked.cookies.get("sid", "")) != asked.cookies.get("sid"):
                    return data({"error": "another's"}, 409)
                return data({"count": 1})
        return data({}, 404)

    links: ClassVar[set[tuple[str, str, str, str]]] = set()
    cookies: ClassVar = {"sid"}
    fresh: ClassVar = {
        ("POST /cart", "cookie/csrftoken", "random"),
        ("POST /cart", "header/x-csrftoken", "same"),
    }

    @staticmethod
    def visit(browser: Browser) -> None:
        browser.get("/start")
        browser.cookies["csrftoken"] = token(browser.dice, 32)
        browser.headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
        for _ in range(browser.dice.randint(1, 3)):
            browser.send("POST", "/cart", {"product": "milk", "quantity": browser.dice.randint(1, 9)})


MADE = (SignUps, Exchange, DoubleSubmit)
