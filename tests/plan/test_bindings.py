"""What is filled into requests, on disk and through its layers."""

from __future__ import annotations

import base64
import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.plan.bindings import Bindings, Cookies, Fill, Layer, Take, decode, encode, written


def test_bindings_survive_the_plan() -> None:
    whole = Bindings(
        fill=[Fill(10, 4, 3, of=[1, 2], layers=[Layer("json", '{"a":"', '"}'), Layer("base64")])],
        take=[Take(3, "json/id")],
        cookies=Cookies(40, ["sid"], [1], is_line=True),
        sets_cookies=True,
        until=12,
    )

    assert decode(encode(whole)) == whole
    assert encode(Bindings()) == b"{}"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_can_be_read_back_through_its_layers(value: str) -> None:
    layers = [Layer("json", '{"csrf":"', '"}'), Layer("base64url-bare"), Layer("query")]

    text = unquote(written(value, layers))
    plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    assert json.loads(plain) == {"csrf": value}


@pytest.mark.parametrize(
    ("value", "text"), [("17", "17"), ("-3", "-3"), ("017", '"017"'), ("x", '"x"'), ("²", '"²"'), ("", '""')]
)
def test_where_a_number_stood_only_a_number_stands_bare(value: str, text: str) -> None:
    assert written(value, [Layer("number")]) == text
