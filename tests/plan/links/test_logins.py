"""Logins, by the names of their fields; and what only looks like one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from replay.exchange import Exchange
from replay.plan.links.detect import detect
from replay.plan.links.logins import BASIC
from replay.plan.links.rules import Login
from replay.sanitize.policy import load_policy
from tests.factories import exchange
from tests.services.apis import Notes, OAuth
from tests.services.recorded import recorded, sanitised

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
JSON = [("Content-Type", "application/json")]


def post(path: str, body: str | dict[str, Any], **changes: Any) -> Exchange:
    """A form, or JSON."""
    if isinstance(body, str):
        return exchange(path, method="POST", headers=FORM, body=body, **changes)
    return exchange(path, method="POST", headers=JSON, body=json.dumps(body), **changes)


def basic(path: str, **changes: Any) -> Exchange:
    credentials = base64.b64encode(b"qwertz:asdfgh").decode()
    return exchange(path, headers=[("Authorization", f"Basic {credentials}")], **changes)


@pytest.mark.parametrize(
    ("found", "fields"),
    [
        (
            post("/login", "csrf=x&email=a%40b.example&password=pw1"),
            {"form/email": "email", "form/password": "password"},
        ),
        (
            post("/session", {"user": {"login": "abc", "passwd": "pw"}, "remember": True}),
            {"json/user/login": "login", "json/user/passwd": "passwd"},
        ),
        (
            post("/users/sign_in", "user%5Bemail%5D=a&user%5Bpassword%5D=b&commit=Log+in"),
            {"form/user[email]": "email", "form/user[password]": "password"},
        ),
        (post("/user/login", "name=abc&pass=def&form_id=g"), {"form/name": "name", "form/pass": "pass"}),
        (
            post("/graphql", {"query": "mutation { signIn }", "variables": {"userName": "a", "password": "b"}}),
            {"json/variables/userName": "userName", "json/variables/password": "password"},
        ),
        (
            post("/token", "grant_type=password&username=a&password=b&client_id=c&client_secret=d"),
            {
                "form/username": "username",
                "form/password": "password",
                "form/client_id": "client_id",
                "form/client_secret": "client_secret",
            },
        ),
        (
            post("/token", "grant_type=client_credentials&client_id=c&client_secret=d"),
            {"form/client_id": "client_id", "form/client_secret": "client_secret"},
        ),
        (basic("/private"), {BASIC: "username:password"}),
    ],
    ids=lambda value: value.route if isinstance(value, Exchange) else "",
)
def test_a_login_is_known_by_the_names_of_its_fields(found: Exchange, fields: dict[str, str]) -> None:
    evidence = "1 of 1 requests in 1 sessions hold these fields, 1 accepted"

    assert detect([found]).login == [Login([found.route], fields, evidence)]


@pytest.mark.parametrize(
    "found",
    [
        post("/signup", "email=a&password=b"),
        post("/users", {"email": "a", "password": "b"}, status=201),
        post("/account", "email=a&first_name=b&password=c"),
        post("/account/password", "email=a&password=b&new_password=c"),
        post("/login", "email=a&password=b", status=401),
        post("/search", "q=password"),
        post("/login", "password=b"),
    ],
    ids=lambda found: found.route,
)
def test_what_signs_up_or_changes_a_password_or_never_came_through_is_no_login(found: Exchange) -> None:
    assert detect([found]).login == []


def test_routes_that_take_the_same_fields_are_one_rule_with_its_evidence() -> None:
    found = [
        post("/login", "user=a&password=b", session="one"),
        post("/login", "user=a&password=c", session="two", status=401),
        post("/admin/login", "user=a&password=b", session="two"),
        post("/login", "resend=1", session="two"),
    ]

    (login,) = detect(found).login
    assert login.to == ["POST /admin/login", "POST /login"]
    assert login.evidence == "3 of 4 requests in 2 sessions hold these fields, 2 accepted"


def test_logins_are_found_in_what_the_sanitiser_leaves() -> None:
    strict = load_policy("builtin:strict")

    (notes,) = detect(sanitised(recorded(Notes, 4), strict)).login
    (token,) = detect(sanitised(recorded(OAuth, 4), strict)).login

    assert notes.fields == {"json/user": "user", "json/password": "password"}
    assert token.fields == {"form/username": "username", "form/password": "password"}
