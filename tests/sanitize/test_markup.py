"""Markup keeps its tree: a measure only where HTML has one, and of words only those that the attribute may say."""

from __future__ import annotations

import pytest

from tests.sanitize.making import answer

PATIENT = '<patient height="182" size="4711" max="1985" version="1234" role="bill gates" type="price"/>'


@pytest.mark.parametrize("content_type", ["application/xml", "text/html"])
def test_attributes_of_an_element_that_html_does_not_know_are_replaced(content_type: str) -> None:
    stored = answer(f"<root>{PATIENT}</root>".encode(), content_type)

    for value in ("182", "4711", "1985", "1234", "bill", "gates", "price"):
        assert f'"{value}' not in stored


def test_a_measure_is_one_in_html_alone() -> None:
    image = b'<img width="640" height="480"/>'

    assert answer(b"<html>" + image + b"</html>", "text/html") == "<html>" + image.decode() + "</html>"
    assert "640" not in answer(b"<root>" + image + b"</root>", "application/xml")


@pytest.mark.parametrize(
    "tag",
    [
        '<input type="hidden" autocomplete="off">',
        '<link rel="stylesheet" type="text/css">',
        '<form method="post" enctype="multipart/form-data">',
        '<div role="navigation">',
        '<a rel="noopener noreferrer" target="_blank">',
        '<svg version="1.1">',
    ],
)
def test_the_words_of_an_attribute_stay(tag: str) -> None:
    assert answer(f"<html>{tag}".encode(), "text/html") == f"<html>{tag}"


@pytest.mark.parametrize("tag", ['<div role="bill">', '<input type="price">', '<a rel="mark">', '<div dir="grant">'])
def test_a_word_that_is_not_the_attributes_own_is_replaced(tag: str) -> None:
    value = tag.split('"')[1]

    assert value not in answer(f"<html>{tag}".encode(), "text/html")


def test_the_text_and_attribute_of_a_secret_keep_no_mark() -> None:
    xml = b"<user password='p@$$w0rd!'><password>p@$$w0rd!</password><pwd><![CDATA[!!x@@]]></pwd></user>"
    stored = answer(xml, "application/xml")

    assert "$$" not in stored
    assert "!!" not in stored
