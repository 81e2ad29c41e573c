"""Services of pages: a forum with sessions and CSRF tokens, an application in steps, a sign-in by redirects."""

from __future__ import annotations

import base64
import json
import random
import re
from typing import ClassVar

from tests.services.web import Answered, Asked, Browser, page, seen


def token(dice: random.Random, size: int = 24) -> str:
    """A token with letters and digits."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "t" + "".join(dice.choice(alphabet) for _ in range(size - 2)) + "7"


def hidden(text: str, name: str) -> str:
    """The value of a field of a form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found[1]


class Forum:
    """A cookie for the session, a token in every form, and posts with numbers."""

    name = "cookie session, CSRF"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.sessions: dict[str, str] = {}
        self.posts: dict[str, list[str]] = {}

    def answer(self, asked: Asked) -> Answered:
        sid = asked.cookies.get("sid", "")
        match asked.method, asked.path:
            case "GET", ["login"]:
                csrf = token(self.dice)
                sid = token(self.dice)
                self.sessions[sid] = csrf
                form = f'<form action="/login" method="post"><input type="hidden" name="csrf" value="{csrf}"></form>'
                return page(form, headers=[("Set-Cookie", f"sid={sid}; Path=/; HttpOnly")])
        csrf = self.sessions.get(sid, "")
        if not csrf:
            return seen("/login", 302)
        match asked.method, asked.path:
            case "POST", ["login"]:
                if asked.form.get("csrf") != csrf:
                    return page("no", 403)
                del self.sessions[sid]
                fresh = token(self.dice)
                self.sessions[fresh] = token(self.dice)
                return seen("/posts", headers=[("Set-Cookie", f"sid={fresh}; Path=/; HttpOnly")])
            case "GET", ["posts"]:
                field = f'<input type="hidden" name="csrf" value="{csrf}">'
                rows = "".join(f'<a href="/posts/{number}">post</a>' for number in self.posts)
                return page(f'<form action="/posts" method="post">{field}</form>{rows}')
            case "POST", ["posts"]:
                if asked.form.get("csrf") != csrf:
                    return page("no", 403)
                number = str(1000 + len(self.posts))
                self.posts[number] = []
                return seen(f"/posts/{number}")
            case "GET", ["posts", number]:
                field = f'<input type="hidden" name="csrf" value="{csrf}">'
                return page(field) if number in self.posts else page("", 404)
            case "POST", ["posts", number, "comments"]:
                if asked.form.get("csrf") != csrf:
                    return page("no", 403)
                if number not in self.posts:
                    return page("", 404)
                self.posts[number].append(asked.form.get("text", ""))
                return seen(f"/posts/{number}")
        return page("", 404)

    links: ClassVar = {
        ("GET /login", "html/input/csrf", "POST /login", "form/csrf"),
        ("GET /posts", "html/input/csrf", "POST /posts", "form/csrf"),
        ("GET /posts", "html/input/csrf", "POST /posts/{int}/comments", "form/csrf"),
        ("POST /posts", "header/location|url/path/2", "GET /posts/{int}", "path/2"),
        ("POST /posts", "header/location|url/path/2", "POST /posts/{int}/comments", "path/2"),
    }
    cookies: ClassVar = {"sid"}
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        text = browser.get("/login").text
        browser.form("/login", csrf=hidden(text, "csrf"), user=f"user{browser.number}", password="correct horse")
        for _ in range(browser.dice.randint(1, 3)):
            csrf = hidden(browser.get("/posts").text, "csrf")
            where = browser.form("/posts", csrf=csrf, text=f"hello {browser.number}").header("location")
            csrf = hidden(browser.get(where).text, "csrf")
            browser.form(f"{where}/comments", csrf=csrf, text="well said")


class Application:
    """Three steps; each form holds the state of those before in base64, and the number of the application."""

    STEPS = ("address", "payment", "confirm")

    name = "HTML forms, hidden state"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.open: dict[str, int] = {}
        self.states: dict[str, str] = {}

    def _form(self, case: str, step: int) -> Answered:
        state = base64.b64encode(json.dumps({"step": step + 1, "mark": token(self.dice, 16)}).encode()).decode()
        self.open[case] = step
        self.states[case] = state
        fields = f'<input type="hidden" name="state" value="{state}"><input type="hidden" name="case" value="{case}">'
        return page(f'<form action="/apply/{self.STEPS[step]}" method="post">{fields}<input name="answer"></form>')

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "GET", ["apply"]:
                return self._form(f"A-{self.dice.randrange(10**7, 10**8)}", 0)
            case "POST", ["apply", step]:
                case = asked.form.get("case", "")
                if case not in self.open or asked.form.get("state") != self.states[case]:
                    return page("no", 409)
                if step not in self.STEPS:
                    return page("", 404)
                if step != self.STEPS[-1]:
                    return self._form(case, self.STEPS.index(step) + 1)
                return seen(f"/cases/{case}")
            case "GET", ["cases", case]:
                return page("done") if case in self.open else page("", 404)
        return page("", 404)

    links: ClassVar = {
        ("GET /apply", "html/input/state", "POST /apply/address", "form/state"),
        ("POST /apply/address", "html/input/state", "POST /apply/payment", "form/state"),
        ("POST /apply/payment", "html/input/state", "POST /apply/confirm", "form/state"),
        ("GET /apply", "html/input/case", "POST /apply/address", "form/case"),
        ("GET /apply", "html/input/case", "POST /apply/payment", "form/case"),
        ("GET /apply", "html/input/case", "POST /apply/confirm", "form/case"),
        ("GET /apply", "html/input/case", "GET /cases/{token}", "path/2"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        got = browser.get("/apply")
        for step in Application.STEPS:
            fields = {"state": hidden(got.text, "state"), "case": hidden(got.text, "case")}
            got = browser.form(f"/apply/{step}", **fields, answer=str(browser.dice.randint(2, 9)))
        browser.get(got.header("location"))


class SignIn:
    """Authorisation by redirect: a code comes back in Location and is spent for a cookie."""

    name = "redirect codes"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.requests: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.sessions: set[str] = set()

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "GET", ["start"]:
                state = token(self.dice)
                self.requests[state] = ""
                return seen(f"/authorize?client=shop&state={state}", 302)
            case "GET", ["authorize"]:
                state = asked.query.get("state", "")
                if state not in self.requests:
                    return page("", 400)
                code = token(self.dice, 20)
                self.codes[code] = state
                return seen(f"/callback?code={code}&state={state}", 302)
            case "GET", ["callback"]:
                state = self.codes.pop(asked.query.get("code", ""), None)
                if state is None or state != asked.query.get("state"):
                    return page("", 400)
                sid = token(self.dice)
                self.sessions.add(sid)
                return seen("/me", 302, headers=[("Set-Cookie", f"sid={sid}; Path=/me; Max-Age=3600")])
            case "GET", ["me", *_]:
                return page("hello") if asked.cookies.get("sid") in self.sessions else page("", 401)
        return page("", 404)

    links: ClassVar = {
        ("GET /start", "header/location|url/query/state", "GET /authorize", "query/state"),
        ("GET /start", "header/location|url/query/state", "GET /callback", "query/state"),
        ("GET /authorize", "header/location|url/query/code", "GET /callback", "query/code"),
    }
    cookies: ClassVar = {"sid"}
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        where = browser.get("/start").header("location")
        where = browser.get(where).header("location")
        where = browser.get(where).header("location")
        browser.get(where)
        browser.get("/me/orders")


PAGES = (Forum, Application, SignIn)
