from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.routes import is_literal, kind_of
from replay.sanitize import kinds
from tests.sanitize.making import cleaned, sanitizer

MINE = sanitizer()
SEGMENTS = st.one_of(
    st.from_regex(r"[1-9][0-9]{0,17}", fullmatch=True),
    st.uuids().map(str),
    st.from_regex(r"[0-9][a-f][0-9][a-f0-9]{13,37}", fullmatch=True),
    st.from_regex(r"[a-z]{3,12}(-[a-z]{2,9}){1,4}", fullmatch=True),
    st.from_regex(r"[a-z][A-Z][0-9][A-Za-z0-9]{15,30}", fullmatch=True),
    st.from_regex(r"[a-z]{2,9}@[a-z]{3,9}\.(org|de)", fullmatch=True),
    st.from_regex(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])", fullmatch=True),
)


@given(SEGMENTS)
def test_a_pseudonym_in_a_path_is_of_the_kind_that_the_route_says(segment: str) -> None:
    if is_literal(segment):
        return
    found = cleaned(f"/users/{segment}", by=MINE)

    assert found.route == f"GET /users/{{{kind_of(segment)}}}"
    assert kind_of(unquote(found.request.path.rpartition("/")[2])) == kind_of(segment)


def pieces(text: str) -> list[tuple[str | None, str]]:
    return [(found.lastgroup, found[0]) for found in kinds.SCAN.finditer(text)]


@pytest.mark.parametrize(
    ("text", "kind", "piece"),
    [
        ("see https://birdsong.org/a?b=c now", "url", "https://birdsong.org/a?b=c"),
        ("to ann@birdsong.org, please", "email", "ann@birdsong.org"),
        ("id=6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21;", "uuid", "6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21"),
        ("at 2026-09-21T14:13:20Z.", "iso", "2026-09-21T14:13:20Z"),
        ("on Mon, 21 Sep 2026 14:13:20 GMT", "http", "Mon, 21 Sep 2026 14:13:20 GMT"),
        ("on 21/09/2026", "slashed", "21/09/2026"),
        ("from 81.2.69.142:443", "ipv4", "81.2.69.142"),
        ("from 2a02:8070:1:2::4", "ipv6", "2a02:8070:1:2::4"),
        ("from fe80::1c:2b, by", "ipv6", "fe80::1c:2b"),
        ("mac a4:5e:60:c2:1b:9f", "mac", "a4:5e:60:c2:1b:9f"),
        ("card 4539 5787 6362 1486", "card", "4539 5787 6362 1486"),
        ("iban GB33 BUKB 2020 1555 5555 55", "iban", "GB33 BUKB 2020 1555 5555 55"),
        ("ssn 219-09-9999", "ssn", "219-09-9999"),
        ("call +49 1512 3456789", "phone", "+49 1512 3456789"),
        ("call (212) 736-5000", "nanp", "(212) 736-5000"),
        ("at 10:33", "clock", "10:33"),
        ("host birdsong.org", "host", "birdsong.org"),
        ("héllo", "foreign", "é"),
    ],
)
def test_a_kind_is_found_inside_a_text(text: str, kind: str, piece: str) -> None:
    assert (kind, piece) in pieces(text)


@pytest.mark.parametrize(
    "text",
    [
        "81.2.69.142.7",
        "v1.2.3.4a",
        "2026-09-21-5",
        "a@",
        "x6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21",
        "1:2:3:4:5:6:7:8:9:1",
    ],
)
def test_what_only_begins_like_a_kind_is_still_mapped_run_by_run(text: str) -> None:
    covered = "".join(piece for _, piece in pieces(text))

    assert [c for c in text if c.isalnum()] == [c for c in covered if c.isalnum()]


@given(st.text(max_size=80))
def test_every_letter_and_digit_of_any_text_is_in_a_piece(text: str) -> None:
    rest = kinds.SCAN.sub("", text)

    assert not any(c.isalnum() or ord(c) > 127 for c in rest)


@given(st.text(max_size=80))
def test_the_plain_scan_and_the_full_one_agree_where_nothing_is_structured(text: str) -> None:
    if not kinds.may_be_structured(text):
        assert {name for name, _ in pieces(text)} <= {"run", "foreign"}


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117"])
def test_a_published_card_number_is_one_and_its_neighbour_is_none(number: str) -> None:
    neighbour = number[:-1] + str((int(number[-1]) + 1) % 10)

    assert kinds.card_prefix(number)
    assert kinds.card_prefix(neighbour) is None
