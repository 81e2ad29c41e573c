"""What is made of punctuation alone is data like any other, and so is the punctuation of a password."""

from __future__ import annotations

import base64
import json
import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.marks import NO_MARKS, TOKEN_MARKS, is_bare
from tests.sanitize.making import answer, cleaned, leaves

MAP = leaves()
BARE = st.text(string.punctuation + "–—…¡§", min_size=3, max_size=40)
PLANTS = ["!!@@##$$%%", "!!--!!", "..--..", "!!!---", "***", "¡¡§§", "–—…"]
MIXED = "p@$$w0rd!"


def header(name: str, value: str) -> str:
    found = cleaned(headers=[(name.encode(), value.encode())])
    return dict(found.request.headers)[name]


@given(BARE)
def test_text_of_marks_alone_has_no_mark_in_its_place(text: str) -> None:
    image = MAP.text(text)
    if any(c.isalnum() for c in image + text):
        return

    assert len(image.encode()) == len(text.encode()) or "%" in text
    assert image == leaves().text(text)
    assert "%" in text or all(new != old for new, old in zip(image, text, strict=True))


@pytest.mark.parametrize("plant", PLANTS)
def test_a_plant_of_marks_survives_nowhere_in_a_body(plant: str) -> None:
    document = {"password": plant, "note": plant, "items": [plant], plant: 1}
    stored = answer(json.dumps(document, ensure_ascii=False).encode())

    assert plant not in json.dumps(json.loads(stored), ensure_ascii=False)


@pytest.mark.parametrize("plant", ["!!@@##$$", "!!--!!", "..--.."])
def test_a_plant_of_marks_survives_in_no_header_and_no_cookie(plant: str) -> None:
    assert plant not in header("X-Api-Key", plant)
    assert plant not in header("Cookie", f"sid={plant}")
    assert plant not in header("Authorization", f"Bearer {plant}")
    assert plant not in header("X-Request-Id", plant)


def test_a_tag_of_marks_keeps_its_form_only() -> None:
    image = header("If-None-Match", 'W/"!!!---"')

    assert re.fullmatch(r'W/"[^"]{6}"', image)
    assert "!!!---" not in image


def test_a_query_and_a_form_of_marks_are_replaced() -> None:
    assert "!!--!!" not in cleaned("/search?password=!!--!!&q=!!--!!").request.path
    form = [(b"Content-Type", b"application/x-www-form-urlencoded")]
    assert "!!--!!" not in str(cleaned(method="POST", headers=form, body=b"password=!!--!!&q=!!--!!").request.body)


@pytest.mark.parametrize("name", ["password", "pwd", "user_password", "client_secret", "oldPassword"])
def test_no_mark_of_a_password_stays_where_it_stood(name: str) -> None:
    [image] = json.loads(answer(json.dumps({name: MIXED}).encode())).values()

    assert len(image) == len(MIXED)
    assert all(new != old for new, old in zip(image, MIXED, strict=True) if not old.isalnum())


def test_a_password_has_one_pseudonym_in_json_a_form_and_basic_credentials() -> None:
    credentials = base64.b64encode(f"ann:{MIXED}".encode()).decode()
    form = [(b"Content-Type", b"application/x-www-form-urlencoded")]
    inside = json.loads(answer(json.dumps({"password": MIXED}).encode()))["password"]
    basic = base64.b64decode(header("Authorization", f"Basic {credentials}").split()[1]).decode()
    body = cleaned(method="POST", headers=form, body=b"password=p%40%24%24w0rd%21").request.body

    assert basic.endswith(":" + inside)
    assert body == as_form(inside)


def as_form(value: str) -> str:
    return "password=" + quote(value, safe="!$'()*,:@-._~/?[]")


@given(st.text(string.ascii_letters + string.digits + "-_.~+/=:", min_size=3, max_size=60))
def test_a_token_has_the_same_pseudonym_under_a_secret_name_and_elsewhere(token: str) -> None:
    if is_bare(token):
        return
    assert MAP.secret(token, TOKEN_MARKS) == MAP.text(token)


@pytest.mark.parametrize(
    "text", ["9b2e61f0-1c9d-4d55-8e53-0b6c1f4a7d21", "2026-09-21T14:13:20Z", "4111-1111-1111-1111"]
)
def test_what_is_recognised_keeps_its_layout_in_a_secret(text: str) -> None:
    assert MAP.secret(text, NO_MARKS) == MAP.text(text)


@pytest.mark.parametrize("text", ["-", "--", "a-b", "x: y", "", "   ", "\n\t "])
def test_layout_of_other_text_stays(text: str) -> None:
    image = MAP.text(text)

    assert [c for c in image if not c.isalnum()] == [c for c in text if not c.isalnum()]


def test_a_comment_of_marks_is_replaced() -> None:
    assert "!!@@##" not in answer(b"<html><body><!--!!@@##--></body></html>", "text/html")
