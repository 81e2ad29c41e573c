"""Every notation is undone, also one within another."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from replay.audit.decoding import decodings

VALUE = b"ann@corp.io & 4711"
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "percent": lambda value: quote(value, safe="").encode(),
    "entities": lambda value: "".join(f"&#{byte};" for byte in value).encode(),
    "json escapes": lambda value: "".join(f"\\u{byte:04x}" for byte in value).encode(),
    "script escapes": lambda value: "".join(f"\\x{byte:02x}" for byte in value).encode(),
    "json": lambda value: json.dumps({"a": value.decode("latin-1") + '"'}).encode(),
    "quoted-printable": lambda value: "".join(f"={byte:02X}" for byte in value).encode(),
    "base64": base64.b64encode,
    "base64 within a word": lambda value: b"tok" + base64.b64encode(value).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode,
    "hex": lambda value: value.hex().encode(),
    "hex within a word": lambda value: b"f" + value.hex().encode(),
    "utf-16": lambda value: value.decode("latin-1").encode("utf-16"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zstd": lambda value: zstandard.compress(value),
}


def found(text: bytes) -> bool:
    return any(VALUE in decoded.text for decoded in decodings(text))


@pytest.mark.parametrize("name", ENCODERS)
def test_a_notation_is_undone(name: str) -> None:
    assert found(ENCODERS[name](VALUE))


@pytest.mark.parametrize("inner", ENCODERS)
@pytest.mark.parametrize("outer", ["percent", "json escapes", "base64", "hex", "gzip"])
def test_a_notation_within_another_is_undone(inner: str, outer: str) -> None:
    assert found(ENCODERS[outer](ENCODERS[inner](VALUE)))


def test_compressions_without_a_magic_number_are_undone_within_base64() -> None:
    for packed in (brotli.compress(VALUE * 2), zlib.compress(VALUE * 2)[2:-4]):
        assert found(base64.b64encode(packed))


def test_text_among_other_bytes_is_read_behind_base64() -> None:
    assert found(base64.b64encode(b"\x08\x96\x01\x1a\x95\x80\x0a\x93" + VALUE))


def test_the_payload_of_a_jwt_is_decoded() -> None:
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"none"}', b'{"sub":"' + VALUE + b'"}')]

    assert found(b"Bearer " + b".".join(parts) + b".c2lnbmF0dXJl")


def test_surrogate_pairs_of_json_are_joined() -> None:
    (last,) = [d.text for d in decodings(json.dumps("😀 hidden").encode()) if b"\xf0\x9f\x98\x80" in d.text]
    assert "😀 hidden".encode() in last


def test_a_bomb_is_cut_off() -> None:
    bomb = gzip.compress(bytes(64 << 20))

    assert max(len(decoded.text) for decoded in decodings(bomb)) <= 4 << 20


def test_the_chain_names_the_notations_from_outside_in() -> None:
    text = base64.b64encode(quote(VALUE, safe="").encode())

    assert ("base64", "percent") in {decoded.chain for decoded in decodings(text)}


@given(text=st.binary(max_size=300) | st.from_regex(rb"[%&\\x=0-9a-fA-F;+/_-]{0,120}", fullmatch=True))
def test_no_bytes_raise(text: bytes) -> None:
    assert next(iter(decodings(text))).text == text
    assert len(list(decodings(text))) <= 2_000
