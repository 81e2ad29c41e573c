"""What the record says of the places that staging's data may not hold."""

from __future__ import annotations

import pytest

from tests.sanitize.making import cleaned, sanitizer

JSON = [(b"Content-Type", b"application/json")]
FORM = [(b"Content-Type", b"application/x-www-form-urlencoded")]


@pytest.mark.parametrize(
    ("path", "headers", "body", "mapped"),
    [
        ("/products/7", [], b"", []),
        ("/products/7?page=2", [], b"", []),
        ("/users/81234/orders", [], b"", ["path/2"]),
        ("/search?q=lamp", [], b"", []),
        ("/search?q=alice.smith", [], b"", ["query/q"]),
        ("/api/v1/orders", JSON, b'{"items": [{"sku": "L-1", "quantity": 2}], "email": "a@b.org"}', ["json/email"]),
        ("/cart", FORM, b"product_id=7&email=a%40b.org", ["form/email"]),
        ("/upload", [(b"Content-Type", b"image/png")], b"\x89PNG\x00\x01\x02", ["body"]),
    ],
)
def test_the_places_of_pseudonyms_in_what_is_asked_for_are_named(
    path: str, headers: list[tuple[bytes, bytes]], body: bytes, mapped: list[str]
) -> None:
    found = cleaned(path, by=sanitizer("builtin:demo"), method="POST", headers=headers, body=body)

    assert found.mapped == mapped


def test_headers_cookies_and_answers_are_not_what_is_asked_for() -> None:
    found = cleaned(
        "/catalogue",
        by=sanitizer("builtin:demo"),
        headers=[(b"Referer", b"http://shop/users/1234567?q=alice"), (b"Cookie", b"sid=abcdefgh1234")],
        answer_headers=JSON,
        answer=b'{"email": "a@b.org"}',
    )

    assert found.mapped == []


def test_a_name_that_is_data_is_named_by_its_pseudonym() -> None:
    found = cleaned("/search?alice%40example.org=1234567")

    assert "alice" not in found.mapped[0]
