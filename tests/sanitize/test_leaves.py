from __future__ import annotations

import base64
import ipaddress
import json
import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize import kinds
from replay.sanitize.leaves import Leaves
from tests.sanitize.making import EPOCH_NS, leaves

MAP = leaves()
OTHER = leaves()
"""Another process with the same key."""
WORD = "Qanarywerth"
TEXT = st.text(max_size=120)
ID = st.integers(10**6, 10**12).map(str)


def body_with_luhn(prefix: str, digits: str) -> str:
    body = prefix + digits
    return body + kinds.luhn_digit(body)


@given(TEXT)
def test_a_text_always_has_the_same_pseudonym(text: str) -> None:
    assert MAP.text(text) == OTHER.text(text)


@given(ID, st.sampled_from(["{}", "order-{}-A", "/files/{}.jpg", "a {} b", "{}:42", "[{}]", "x={}&y=1", "<b>{}</b>"]))
def test_an_id_inside_a_text_has_the_pseudonym_that_it_has_alone(number: str, around: str) -> None:
    assert MAP.text(number) in MAP.text(around.format(number))


@given(ID)
def test_an_id_joins_inside_json_and_base64_in_a_string(number: str) -> None:
    nested = json.dumps({"id": number})
    packed = base64.b64encode(nested.encode()).decode()

    assert json.loads(MAP.text(nested))["id"] == MAP.text(number)
    assert json.loads(base64.b64decode(MAP.text(packed)))["id"] == MAP.text(number)


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=30))
def test_a_run_keeps_its_length(run: str) -> None:
    if base64_text(run):
        return
    assert len(MAP.text(run)) == len(run)


def base64_text(run: str) -> bool:
    return MAP._decoded(run) is not None


@pytest.mark.parametrize("text", ["", " ", "\t\n", "-", "…"[:0]])
def test_text_without_content_is_itself(text: str) -> None:
    assert MAP.text(text) == text


@given(st.from_regex(r"[a-z]{1,20}(\.[a-z]{1,10})?(\+[a-z]{1,5})?@[a-z]{2,12}\.(org|com|de)", fullmatch=True))
def test_an_address_becomes_one_at_example_com(address: str) -> None:
    image = MAP.text(address)

    assert re.fullmatch(r"u[a-z2-7]+(\+[a-z2-7]+)?@[a-z2-7]{8}\.example\.com", image)
    assert ("+" in image) == ("+" in address)


def test_two_people_of_one_company_stay_colleagues() -> None:
    one, other = MAP.text("ann@birdsong.org"), MAP.text("bob@birdsong.org")

    assert one.partition("@")[2] == other.partition("@")[2]
    assert one != other


def test_an_address_is_the_same_in_any_case() -> None:
    assert MAP.text("Ann@Birdsong.org") == MAP.text("ann@birdsong.org")


@given(st.uuids(), st.sampled_from([1, 3, 4, 5, 7, 8]))
def test_a_uuid_keeps_version_variant_and_layout(raw: uuid.UUID, version: int) -> None:
    text = f"{raw.hex[:12]}{version}{raw.hex[13:16]}a{raw.hex[17:]}"
    original = uuid.UUID(text)
    image = uuid.UUID(MAP.text(str(original)))

    assert image.version == original.version
    assert image.variant == original.variant
    assert MAP.text(str(original).upper()) == str(image).upper()


@given(st.uuids(version=4))
def test_a_uuid_joins_with_and_without_its_dashes(raw: uuid.UUID) -> None:
    assert MAP.text(raw.hex) == MAP.text(str(raw)).replace("-", "")


def test_version_7_uuids_keep_their_order() -> None:
    at = 1_790_000_000_000
    texts = [
        f"{at + ms:012x}-7abc-8def-0123456789ab"[:8] + "-" + f"{at + ms:012x}"[8:] + "-7abc-8def-0123456789ab"
        for ms in (0, 50)
    ]

    assert MAP.text(texts[0]) < MAP.text(texts[1])


@given(st.sampled_from(["4539", "5301", "6011", "3782"]), st.from_regex(r"[0-9]{11}", fullmatch=True))
def test_a_card_becomes_a_test_card_with_a_right_check_digit(prefix: str, digits: str) -> None:
    number = body_with_luhn(prefix, digits)
    image = MAP.text(number)

    assert kinds.is_luhn(image)
    assert len(image) == len(number)
    assert image[:6] in {"411111", "555555", "601111", "378282", "305693", "675964"}


def test_a_card_is_one_card_in_groups() -> None:
    number = body_with_luhn("4539", "57876362148")
    grouped = " ".join(number[at : at + 4] for at in range(0, 16, 4))

    assert MAP.text(grouped).replace(" ", "") == MAP.text(number)


@given(st.integers(10**15, 10**16 - 1).map(str))
def test_what_is_no_card_becomes_none(number: str) -> None:
    if kinds.card_prefix(number) is None:
        assert kinds.card_prefix(MAP.text(number)) is None


@pytest.mark.parametrize("iban", ["GB33BUKB20201555555555", "DE75512108001245126199", "NO9386011117947"])
def test_an_iban_keeps_its_country_and_a_right_check(iban: str) -> None:
    image = MAP.text(iban)
    grouped = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))

    assert kinds.is_iban(image)
    assert image[:2] == iban[:2]
    assert MAP.text(grouped).replace(" ", "") == image


@given(st.ip_addresses())
def test_an_ip_address_goes_to_a_range_that_reaches_nobody(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_loopback or address.is_unspecified:
        return
    image = ipaddress.ip_address(MAP.shapes.ip(str(address)) or "8.8.8.8")

    assert image.is_private
    assert image.version == address.version


@pytest.mark.parametrize("text", ["+1 212 736 5000", "(212) 736-5000", "212-736-5000", "+12127365000"])
def test_a_north_american_phone_becomes_one_of_fiction(text: str) -> None:
    image = MAP.text(text)

    assert re.search(r"555.?01\d\d$", image)
    assert [c for c in image if not c.isdigit()] == [c for c in text if not c.isdigit()]


def test_a_phone_is_the_same_with_and_without_its_country() -> None:
    assert MAP.text("+12127365000")[2:] == MAP.text("212-736-5000").replace("-", "")


def test_a_german_phone_keeps_its_country_and_cannot_be_dialled() -> None:
    assert MAP.text("+49 1512 3456789").startswith("+49 00")


def test_a_social_security_number_becomes_one_that_is_never_issued() -> None:
    assert re.fullmatch(r"9\d\d-(0[1-9]|[1-4]\d)-\d{4}", MAP.text("219-09-9999"))


def test_a_hardware_address_becomes_a_local_one() -> None:
    image = MAP.text("a4:5e:60:c2:1b:9f")

    assert int(image[:2], 16) & 3 == 2
    assert MAP.text("A4-5E-60-C2-1B-9F") == image.upper().replace(":", "-")


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def opened(part: str) -> dict[str, object]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(found, dict)
    return found


def test_a_jwt_is_walked_and_its_signature_is_dead() -> None:
    first = segment({"alg": "HS256", "typ": "JWT", "kid": WORD})
    token = f"{first}.{segment({'sub': '12345678', 'name': WORD})}.c2lnbmF0dXJlMTIz"
    head, claims, signature = MAP.text(token).split(".")

    assert opened(head) == {"alg": "HS256", "typ": "JWT"}
    assert opened(claims) == {"sub": MAP.text("12345678"), "name": MAP.text(WORD)}
    assert len(signature) == len("c2lnbmF0dXJlMTIz")
    assert signature != "c2lnbmF0dXJlMTIz"


def test_the_times_in_a_jwt_are_moved() -> None:
    token = f"{segment({'alg': 'HS256'})}.{segment({'iat': 1_790_000_000, 'exp': 1_790_003_600})}.sig"
    claims = opened(MAP.text(token).split(".")[1])

    assert claims == {"iat": 2_082_758_400, "exp": 2_082_762_000}


def test_a_broken_jwt_is_filler() -> None:
    image = MAP.text("eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.c2lnbmF0dXJl")

    assert "bm90IGpzb24" not in image
    assert image.startswith("eyJ")


@given(st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=9, max_size=20))
def test_running_text_keeps_its_bytes_and_no_word(words: list[str]) -> None:
    text = " ".join([WORD.lower(), *words, "hélas"])
    image = MAP.text(text)

    assert len(image.encode()) == len(text.encode())
    assert WORD.lower() not in image


def test_a_word_in_running_text_cannot_be_counted() -> None:
    text = "the cat and the dog and the cow are in the barn with the hen"
    image = MAP.text(text).split()

    assert len({image[at] for at, word in enumerate(text.split()) if word == "the"}) > 1


def test_a_prefix_of_a_live_secret_is_rewritten() -> None:
    assert not MAP.text("sk_live_4eC39HqLyjWDarjtT1zdp7dc").startswith("sk_live_")


def test_strings_within_strings_end_at_a_depth() -> None:
    text = WORD
    for _ in range(12):
        text = json.dumps([text])

    image = MAP.text(text)

    assert WORD not in image
    assert len(image) == len(text)


@given(TEXT, st.integers(0, 3))
def test_another_key_gives_another_map(text: str, byte: int) -> None:
    word = WORD + text

    assert Leaves.text(leaves(byte), word) != MAP.text(word)


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(time_ms: int, tail: str) -> str:
    return "".join(CROCKFORD[time_ms >> 5 * at & 31] for at in range(9, -1, -1)) + tail


def ulid_time_ms(text: str) -> int:
    number = 0
    for c in text[:10]:
        number = number * 32 + CROCKFORD.index(c)
    return number


@given(st.integers(0, 300 * 86_400_000), st.integers(1, 10**9), st.text(CROCKFORD, min_size=16, max_size=16))
def test_ulids_keep_their_order_and_their_distance_in_time(offset_ms: int, later_ms: int, tail: str) -> None:
    start_ms = EPOCH_NS // 10**6 + offset_ms
    first, second = MAP.text(ulid(start_ms, tail)), MAP.text(ulid(start_ms + later_ms, tail))

    assert kinds.ULID.fullmatch(first)
    assert ulid_time_ms(second) - ulid_time_ms(first) == later_ms
    assert ulid_time_ms(first) != start_ms
    assert first[10:] not in {second[10:], tail}


def test_a_token_that_looks_like_a_ulid_of_another_age_keeps_nothing_of_it() -> None:
    images = {MAP.text(ulid(0x3FFF_FFFF_FFFF + n, "A" * 16))[:3] for n in range(50)}

    assert len(images) > 25
