from __future__ import annotations

import contextlib
import gzip
import zlib

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.codings import UndecodableError, decoded, text_of

RAW = b'{"a": 1}' * 40


def deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress(RAW),
    "x-gzip": gzip.compress(RAW[:100]) + gzip.compress(RAW[100:]),
    "deflate": zlib.compress(RAW),
    "Deflate": deflate(RAW),
    "br": brotli.compress(RAW),
    "zstd": zstandard.compress(RAW),
    "gzip, br": brotli.compress(gzip.compress(RAW)),
    "br, identity, gzip": gzip.compress(brotli.compress(RAW)),
    "": RAW,
    "aws-chunked": RAW,
}


@pytest.mark.parametrize("codings", PACKED)
def test_a_stack_of_codings_is_undone(codings: str) -> None:
    assert decoded(PACKED[codings], codings) == RAW


@pytest.mark.parametrize("codings", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_cut_off_is_undecodable(codings: str) -> None:
    with pytest.raises(UndecodableError):
        decoded(PACKED[codings][:-12], codings)


@pytest.mark.parametrize("codings", ["compress", "gzip, unknown", "gzip, gzip, gzip, gzip"])
def test_an_unknown_coding_or_too_many_are_refused(codings: str) -> None:
    with pytest.raises(UndecodableError):
        decoded(PACKED["gzip"], codings)


@pytest.mark.parametrize(
    "bomb", [("gzip", gzip.compress(bytes(64 << 20))), ("br", brotli.compress(bytes(64 << 20), quality=1)),
             ("zstd", zstandard.compress(bytes(64 << 20)))], ids=lambda bomb: bomb[0],
)  # fmt: skip
def test_a_bomb_is_refused(bomb: tuple[str, bytes]) -> None:
    with pytest.raises(UndecodableError):
        decoded(bomb[1], bomb[0])


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br"]))
def test_no_bytes_raise_anything_else(body: bytes, codings: str) -> None:
    with contextlib.suppress(UndecodableError):
        decoded(body, codings)


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("été".encode(), "", "été"),
        ("été".encode("latin-1"), "ISO-8859-1", "été"),
        ("\ufeffété".encode(), "latin-1", "été"),
        ("été".encode("utf-16"), "", "été"),
        ("été".encode("utf-32"), "utf-8", "été"),
        (b"\xff\xfe\x00", "", None),
        (b"a\x00b", "", None),
        (b"\xe9", "utf-8", None),
        (b"abc", "unicode_escape", None),
        (b"abc", "no such charset", None),
        (b"abc", "rot13", None),
    ],
)
def test_text_is_read_by_its_mark_its_charset_or_not_at_all(body: bytes, charset: str, text: str | None) -> None:
    assert text_of(body, charset) == text
