"""Planted values are found in every form."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.audit.canaries import PART, Canary, Search, read_canaries
from replay.errors import InputError

VALUE = "Zoë Müller+77@corp.io"
FORMS: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "upper case": lambda value: value.upper().encode(),
    "percent": lambda value: quote(value, safe="").encode(),
    "form": lambda value: quote_plus(value).encode(),
    "form, decoded but for its spaces": lambda value: value.replace(" ", "+").encode(),
    "percent lower case": lambda value: quote(value, safe="").lower().encode(),
    "percent twice": lambda value: quote(quote(value, safe=""), safe="").encode(),
    "every byte percent": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()).encode(),
    "html": lambda value: html.escape(value).encode(),
    "html decimal": lambda value: "".join(f"&#{ord(c)};" for c in value).encode(),
    "html hexadecimal": lambda value: "".join(f"&#x{ord(c):X};" for c in value).encode(),
    "json": lambda value: json.dumps(value)[1:-1].encode(),
    "unicode escapes": lambda value: "".join(f"\\u{ord(c):04X}" for c in value).encode(),
    "hex": lambda value: value.encode().hex().upper().encode(),
    "utf-16 little": lambda value: value.encode("utf-16-le"),
    "utf-16 big": lambda value: value.encode("utf-16-be"),
    "latin-1": lambda value: value.encode("latin-1"),
    "base64": lambda value: base64.b64encode(value.encode()),
    "base64 behind 1": lambda value: base64.b64encode(b"x" + value.encode()),
    "base64 behind 2": lambda value: base64.b64encode(b"xy" + value.encode() + b"more"),
    "base64url": lambda value: base64.urlsafe_b64encode(b"xyz" + value.encode() + b"a"),
    "md5": lambda value: hashlib.md5(value.encode()).hexdigest().encode(),
    "sha1": lambda value: hashlib.sha1(value.encode()).hexdigest().encode(),
    "sha256 in base64": lambda value: base64.b64encode(hashlib.sha256(value.encode()).digest()),
}


def hits(text: bytes, *values: str) -> list[tuple[int, str]]:
    search = Search([Canary(number, value) for number, value in enumerate(values, 1)])
    return [(hit.canary, hit.form) for hit in search.find(text)]


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_value_is_found_in_each_form(form: str) -> None:
    assert hits(b"around " + FORMS[form](VALUE) + b" it", "something else", VALUE)[0][0] == 2


@pytest.mark.parametrize("form", FORMS)
def test_another_value_is_not_found(form: str) -> None:
    assert hits(b"around " + FORMS[form]("Ann.Other+11@firm.de") + b" it", VALUE) == []


@given(
    value=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=6, max_size=30),
    around=st.binary(max_size=20),
)
def test_any_value_is_found_in_base64_at_any_alignment(value: str, around: bytes) -> None:
    assert hits(base64.b64encode(around + value.encode() + around), value)


def test_digits_are_found_whatever_parts_them() -> None:
    for written in ("4539 5787 6362 1486", "4539-5787-6362-1486", "(4539) 578763.621486", "4539578763621486"):
        assert hits(f"card {written}, ok".encode(), "4539-5787 6362-1486"), written


def test_a_short_number_within_a_longer_one_is_chance() -> None:
    assert hits(b"id 1234567 ok", "1234567")
    assert hits(b"id 91234567 ok", "1234567") == []


def test_a_part_of_a_long_value_is_found() -> None:
    assert hits(b"... 8Kq2LmZx7R ...", "sess-9f8Kq2LmZx7Rt4Vw1Bn6")[0] == (1, PART)


def test_parts_that_two_values_share_or_that_are_words_are_not_searched() -> None:
    assert hits(b"tenant42abc and /example.com/", "tenant42abc-Q1w2E3r4T5", "tenant42abc-Z9x8C7v6B5") == []
    assert hits(b"our customers", "our customers are 12 good people") == []


def test_values_too_short_to_search_are_counted() -> None:
    assert Search([Canary(1, "abc"), Canary(2, "abcd")]).not_judged == 1


def test_a_position_is_that_in_the_text_as_it_stands() -> None:
    search = Search([Canary(1, "4539578763621486")])

    assert [hit.position for hit in search.find(b"1 2 3: 4539-5787-6362-1486")] == [7]


def test_the_file_of_planted_values_holds_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "planted.txt"
    path.write_text("first\r\n\n third \n")

    assert read_canaries(path) == [Canary(1, "first"), Canary(3, " third ")]


@pytest.mark.parametrize(("content", "match"), [(b"\xff\xfe", "UTF-8"), (b"\n\n", "no planted value")])
def test_a_file_without_planted_values_says_so(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "planted.txt"
    path.write_bytes(content)

    with pytest.raises(InputError, match=match):
        read_canaries(path)
