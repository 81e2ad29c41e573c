from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.exchange import RawExchange, RawRequest, RawResponse, Sealed
from replay.sanitize.self_test import canary_exchange, self_test
from tests.factories import raw_exchange
from tests.sanitize.making import EPOCH_NS, HOST, cleaned, leaves, sanitizer

WORD = "Qanarywerth"


def test_the_start_up_test_passes_under_every_built_in_policy() -> None:
    for name in ("builtin:strict", "builtin:demo"):
        self_test(sanitizer(name))


def test_times_are_counted_from_the_capture_and_unknown_ones_are_none() -> None:
    found = cleaned(started=EPOCH_NS + 5, requested=EPOCH_NS + 7, first_byte=0, ended=EPOCH_NS + 9)

    assert (found.started, found.requested, found.first_byte, found.ended) == (5, 7, None, 9)
    assert found.connect_started is None


def test_ids_and_connections_are_pseudonyms() -> None:
    found = cleaned(id=WORD, connection=WORD)

    assert found.id != found.connection
    assert WORD not in msgspec.json.encode(found).decode()


def test_two_keys_give_the_same_route_and_other_values() -> None:
    one, other = (cleaned(f"/users/{WORD}/77", by=sanitizer(byte=byte)) for byte in (1, 2))

    assert one.route == other.route == "GET /users/{slug}/{int}"
    assert one.request.path != other.request.path
    assert one.session != other.session


def test_the_clean_path_has_the_literals_and_the_kinds_of_its_route() -> None:
    found = cleaned("/api/v1/users/4711999/files/1234567.jpg")
    pieces = zip(found.route.partition(" ")[2].split("/"), found.request.path.split("/"), strict=True)

    for wanted, piece in pieces:
        assert piece == wanted or (wanted.startswith("{int}") and piece.partition(".")[0].isdigit())


def test_one_value_has_one_pseudonym_in_every_place() -> None:
    number = "4711999888"
    image = leaves().text(number)
    found = cleaned(
        f"/users/{number}?user={number}",
        method="POST",
        headers=[
            (b"Cookie", f"user={number}".encode()),
            (b"X-User-Id", number.encode()),
            (b"Referer", f"https://{HOST}/users/{number}".encode()),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
        ],
        body=f"user={number}&note=for+{number}".encode(),
        answer_headers=[(b"Location", f"/users/{number}".encode()), (b"Content-Type", b"application/json")],
        answer=b'{"id":%b,"text":"%b","inner":"{\\"id\\":%b}"}' % ((number.encode(),) * 3),
    )
    texts = [
        found.request.path,
        str(found.request.body),
        *(v for _, v in found.request.headers if v != "application/x-www-form-urlencoded"),
    ]
    assert found.response is not None
    texts += [str(found.response.body), found.response.headers[0][1]]

    assert all(image in text for text in texts), texts
    assert not any(number in text for text in texts)


def test_a_kept_host_stays_and_any_other_becomes_an_example() -> None:
    assert cleaned(host="127.0.0.1:8000", by=sanitizer("builtin:demo")).request.host == "127.0.0.1:8000"
    assert cleaned(host="birdsong-mill.org:8443").request.host.endswith(".example.com:8443")


def test_the_demo_policy_keeps_the_catalogue_and_nothing_else() -> None:
    mine = sanitizer("builtin:demo")

    assert cleaned("/products/12?ref=abc", by=mine).request.path.startswith("/products/12?ref=")
    assert cleaned("/products/12?ref=abc", by=mine).request.path != "/products/12?ref=abc"
    assert cleaned("/catalogue?page=2&category=lamp", by=mine).request.path == "/catalogue?page=2&category=lamp"
    assert cleaned("/search?q=lamp+chair", by=mine).request.path == "/search?q=lamp+chair"
    assert "lamp" not in cleaned(f"/search?q=lamp+{WORD}", by=mine).request.path


@pytest.mark.parametrize("value", ["ann@birdsong.org", "99999", "+49 1512 3456789", "AKIAIOSFODNN7EXAMPLE"])
def test_a_kept_place_keeps_no_value_outside_its_guard(value: str) -> None:
    found = cleaned(f"/catalogue?category={value}&page={value}", by=sanitizer("builtin:demo"))

    assert value not in found.request.path


def test_a_veto_takes_a_permission_away_and_is_counted() -> None:
    mine = sanitizer("builtin:demo")
    secret = "glpat-abcdefghijklmnopqrst"
    found = cleaned(f"/catalogue?category={secret}", by=mine)

    assert secret not in found.request.path
    assert mine.counts["veto"] == 1


def test_a_body_that_was_not_kept_is_its_length() -> None:
    request = RawRequest("POST", "http", HOST, b"/", "HTTP/1.1", [(b"Content-Type", b"image/png")], None, 12345)

    assert cleaned(request=request).request.body == Sealed(opaque_bytes=12345, type="image/png")


def test_an_unknown_method_or_scheme_is_withheld() -> None:
    mine = sanitizer()

    assert mine.clean(raw_exchange(method=WORD)) is None
    assert mine.counts["withheld:method"] == 1


def test_an_unknown_error_is_a_protocol_error() -> None:
    assert cleaned(error=f"no route to {WORD}", response=None).error == "protocol"


def test_the_canary_exchange_leaks_nothing_but_its_interface() -> None:
    found = sanitizer().clean(canary_exchange())

    assert found is not None
    assert found.route == "POST /users/{uuid}/{int}/{slug}"


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(
            b"Cookie Set-Cookie Authorization Link Content-Type ETag Location Date Accept Content-Encoding "
            b"Content-Disposition Refresh Range Accept-Language X-Thing".split()
        ),
        st.binary(max_size=60),
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60),
    PAIRS,
    st.binary(max_size=200),
    PAIRS,
    st.binary(max_size=200),
    st.integers(-(2**63), 2**63),
    st.text(max_size=30),
)
def test_nothing_raises_and_nothing_is_an_error(
    path: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    answer_headers: list[tuple[bytes, bytes]],
    answer: bytes,
    time_ns: int,
    host: str,
) -> None:
    mine = MINE
    request = RawRequest("POST", "http", host, b"/" + path, "HTTP/1.1", headers, body, len(body))
    response = RawResponse(200, "HTTP/1.1", answer_headers, answer, len(answer))
    raw = RawExchange("1", "1", time_ns, time_ns, 0, 0, 0, time_ns, request, response, "")

    found = mine.clean(raw)

    assert mine.counts["withheld:error"] == 0, mine.counts
    if found is not None:
        msgspec.json.encode(found)


MINE = sanitizer()
