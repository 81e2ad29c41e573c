"""Names are data: one that reads like a person's address passes nowhere, although each of its words is known."""

from __future__ import annotations

import json

import pytest

from tests.sanitize.making import answer, cleaned

ADDRESS = "mark.grant@bank.org"


def test_an_address_as_a_name_does_not_pass_in_a_body() -> None:
    assert ADDRESS not in str(answer(json.dumps({ADDRESS: 1, "users": {ADDRESS: {"id": 1}}}).encode()))


def test_an_address_as_a_name_does_not_pass_in_a_query_or_cookie() -> None:
    found = cleaned(f"/search?{ADDRESS}=1", headers=[(b"Cookie", f"{ADDRESS}=1".encode())])

    assert "grant" not in found.request.path
    assert "grant" not in str(found.request.headers)


@pytest.mark.parametrize("name", ["billing_address_line_1", "@type", "$ref"])
def test_a_long_name_of_known_words_passes(name: str) -> None:
    assert name in json.loads(answer(json.dumps({name: "a"}).encode()))
