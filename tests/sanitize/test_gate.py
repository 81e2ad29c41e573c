from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.gate import Gate, tokens
from tests.factories import raw_exchange
from tests.sanitize.making import pseudonyms, sanitizer

MAP = pseudonyms()
GATE = Gate(["skugroup"], MAP.digits)
SECRET = "Qanarywerth42"


def passes(raw: str, written: str, kept: tuple[str, ...] = ()) -> bool:
    return GATE.passes([raw.encode()], [written.encode()], kept)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"x={SECRET}&y",
        SECRET.upper(),
        f"%51anarywerth42 {SECRET[:0]}",
        f'"{SECRET}"',
        "\\u0051anarywerth42",
        base64.b64encode(f"to {SECRET} from".encode()).decode(),
    ],
)
def test_a_token_that_was_raw_and_is_written_is_a_hit(written: str) -> None:
    assert not passes(f"name={SECRET}", written)


@pytest.mark.parametrize(
    "raw",
    [SECRET.replace("Q", "%51"), SECRET.replace("Q", "%2551"), SECRET.replace("Q", "\\u0051"), SECRET.swapcase()],
)
def test_the_raw_side_is_decoded_too(raw: str) -> None:
    assert not passes(f'{{"a":"{raw}"}}', SECRET)


@pytest.mark.parametrize("written", ["4539 5787 6362 1486", "4539-5787-6362-1486", "4539578763621486"])
def test_digits_are_compared_without_their_separators(written: str) -> None:
    assert not passes("card 4539.5787.6362.1486", written)


def test_short_tokens_and_words_of_interfaces_may_be_in_both() -> None:
    assert passes("created_at description abc12 /products/orders", "created_at description abc12 /products/orders")


@pytest.mark.parametrize("token", ["f9c2b7e1d4", "user1234", "marion", "a1b2c3d4", "manonlescaut"])
def test_what_only_resembles_words_is_a_hit(token: str) -> None:
    assert not passes(f'{{"{token}":1}}', f'{{"{token}":2}}')


def test_words_run_together_are_words() -> None:
    assert passes("cartItemCount2 getOrderStatus", "cartitemcount2 getorderstatus")


def test_words_of_the_policy_and_kept_values_may_be_in_both() -> None:
    assert passes("skugroup wooden floorlamp", "skugroup floorlamp", ("floorlamp",))
    assert not passes("skugroup floorlamp", "skugroup floorlamp")


def test_a_chance_hit_of_a_pseudonym_is_explained_by_its_source() -> None:
    image = MAP.digits("123456")

    assert passes(f"123456 {image}", f"{image} 777777")


def test_a_number_that_is_its_own_pseudonym_passes() -> None:
    maps = (pseudonyms(byte) for byte in range(20))
    mapped, digit = next((each, digit) for each in maps for digit in "123456789" if each.digits(digit) == digit)
    own = f"000000{digit}".encode()

    assert Gate([], mapped.digits).passes([own], [own], [])


def test_a_chance_hit_hides_no_leak() -> None:
    image = MAP.digits("123456")

    assert not passes(f"123456 {image}", f"{image} {image}")


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    tokens(raw)


@given(st.from_regex(r"[a-z0-9]{6,30}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_any_token_is_seen_between_any_texts(token: str, before: str, after: str) -> None:
    text = f"{before}<{token}>{after}".encode("utf-8", "replace")
    found = tokens(text)

    assert token.encode() in found or b"%" in text or b"\\" in text or tokens(token.encode()) <= found


def test_the_gate_sees_into_a_multipart_body_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = sanitizer()
    monkeypatch.setattr(mine._walk.leaves, "text", lambda text: text)  # a map that maps nothing
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="b"; filename="x.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\xff\xfe\xff\r\n--XX--\r\n"
    ) % SECRET.encode()
    headers = [(b"Content-Type", b"multipart/form-data; boundary=XX")]

    assert mine.clean(raw_exchange(method="POST", headers=headers, body=body)) is None
    assert mine.counts["withheld:gate"] == 1
