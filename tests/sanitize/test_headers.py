from __future__ import annotations

import base64

import pytest

from replay.exchange import RawPair
from tests.sanitize.making import HOST, cleaned, leaves, sanitizer

WORD = "Qanarywerth"
NUMBER = "4711999888"
MAP = leaves()


def sent(*pairs: tuple[str, str], policy: str = "builtin:strict") -> dict[str, str]:
    headers: list[RawPair] = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    return dict(cleaned(headers=headers, by=sanitizer(policy)).request.headers)


def given(name: str, value: str) -> str | None:
    response = cleaned(answer_headers=[(name.encode(), value.encode("latin-1"))]).response
    assert response is not None
    return dict(response.headers).get(name)


@pytest.mark.parametrize(
    ("name", "value", "clean"),
    [
        ("Accept", f"text/html,application/{WORD};q=0.9,*/*;q=0.8", "text/html,*/*;q=0.8"),
        ("Accept", "application/vnd.acme.v2+json", "application/json"),
        ("Accept-Encoding", f"gzip, br, {WORD}", "gzip, br"),
        ("Accept-Language", "en-GB,en;q=0.9,de-CH;q=0.5", "en,de;q=0.5"),
        ("Cache-Control", f"max-age=3601, private, {WORD}=1", "max-age=3600, private"),
        ("Content-Type", f"application/json; charset=UTF-8; {WORD}=x", "application/json; charset=utf-8"),
        ("Content-Type", f"application/vnd.{WORD}", "application/octet-stream"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/120.0.6099.71 Safari/537.36",
            "Mozilla/5.0 Chrome/120",
        ),
        ("User-Agent", f"{WORD}/1.0", "unknown/0"),
        ("Sec-Fetch-Mode", "navigate", "navigate"),
        ("X-Requested-With", "XMLHttpRequest", "XMLHttpRequest"),
        ("If-Modified-Since", "Mon, 21 Sep 2026 14:13:20 GMT", "Tue, 01 Jan 2036 00:00:00 GMT"),
        ("Range", "bytes=0-499", "bytes=0-499"),
    ],
)
def test_a_structured_header_passes_reduced_to_what_is_known(name: str, value: str, clean: str) -> None:
    assert sent((name, value))[name] == clean


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "X-Amz-Security-Token", "DPoP",
        "X-Hub-Signature-256", "Digest", "X-Forwarded-Client-Cert", "Proxy-Authorization", f"X-{WORD}",
        "Content-Length", ":authority",
    ],
)  # fmt: skip
def test_a_header_that_may_not_be_stored_is_not(name: str) -> None:
    assert sent((name, WORD)) == {}


@pytest.mark.parametrize("name", ["X-Request-Id", "X-Api-Key", "X-Customer-Id", "Idempotency-Key", "X-Csrf-Token"])
def test_a_header_of_known_words_holds_a_pseudonym(name: str) -> None:
    assert sent((name, NUMBER))[name] == MAP.text(NUMBER)


def test_an_entity_tag_is_the_same_in_answer_and_question() -> None:
    tag = given("ETag", f'W/"{NUMBER}"')

    assert tag == f'W/"{MAP.text(NUMBER)}"'
    assert sent(("If-None-Match", f'W/"{NUMBER}", "x"'))["If-None-Match"].startswith(str(tag))


def test_credentials_are_read_by_their_scheme() -> None:
    basic = base64.b64encode(f"{NUMBER}:{WORD}".encode()).decode()
    clean = sent(("Authorization", f"Basic {basic}"))["Authorization"]

    assert base64.b64decode(clean.removeprefix("Basic ")).decode() == f"{MAP.text(NUMBER)}:{MAP.text(WORD)}"
    assert sent(("Authorization", f"Bearer {NUMBER}"))["Authorization"] == f"Bearer {MAP.text(NUMBER)}"
    assert sent(("Authorization", NUMBER))["Authorization"] == MAP.text(NUMBER)
    assert WORD not in sent(("Authorization", f'Digest username="{WORD}", realm="{WORD}"'))["Authorization"]


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
def test_a_link_joins_with_the_path_that_it_leads_to(name: str) -> None:
    path = cleaned(f"/users/{NUMBER}?of={WORD}").request.path

    assert given(name, f"/users/{NUMBER}?of={WORD}") == path
    assert given(name, f"https://{HOST}/users/{NUMBER}?of={WORD}") == f"https://{MAP.shapes.host(HOST)}{path}"


def test_links_refreshes_and_dispositions_are_taken_apart() -> None:
    assert (
        given("Link", f'</users?page={NUMBER}>; rel="next"; title="{WORD}"')
        == f'</users?page={MAP.text(NUMBER)}>; rel="next"'
    )
    assert given("Refresh", f"5; url=/users/{NUMBER}") == f"5; url=/users/{MAP.text(NUMBER)}"
    assert (
        given("Content-Disposition", f'attachment; filename="{WORD}.pdf"')
        == f'attachment; filename="{MAP.text(WORD)}.pdf"'
    )


def test_a_list_of_header_names_holds_known_ones() -> None:
    assert given("Vary", f"Accept-Encoding, X-{WORD}, Origin") == "Accept-Encoding, Origin"


def test_a_cookie_is_the_same_when_it_is_given_and_sent() -> None:
    set_cookie = given(
        "Set-Cookie", f"sid={NUMBER}; Path=/; HttpOnly; Secure; SameSite=lax; {WORD}={WORD}; Max-Age=3599"
    )

    assert set_cookie == f"sid={MAP.text(NUMBER)}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=3600"
    assert (
        sent(("Cookie", f"sid={NUMBER}; {WORD}={WORD}"))["Cookie"]
        == f"sid={MAP.text(NUMBER)}; {MAP.text(WORD)}={MAP.text(WORD)}"
    )


def test_the_domain_of_a_cookie_is_mapped_like_a_host() -> None:
    assert given("Set-Cookie", f"sid=1; Domain=.{HOST}") == f"sid={MAP.text('1')}; Domain={MAP.shapes.host(HOST)}"


@pytest.mark.parametrize(
    "value", ["__Host-sid=4711999888", '"4711999888"', "a%2Fb%204711999888=%7B%224711999888%22%7D", "=;;=", ";"]
)
def test_odd_cookies_leak_nothing(value: str) -> None:
    assert NUMBER not in sent(("Cookie", value)).get("Cookie", "")


def test_user_info_and_fragments_of_a_url_are_replaced() -> None:
    found = sent(("Referer", f"https://{WORD}:{NUMBER}@{HOST}/users#{WORD}"))["Referer"]

    assert WORD not in found
    assert NUMBER not in found
    assert "@" in found


@pytest.mark.parametrize("name", ["Age", "Refresh", "Retry-After", "Set-Cookie", "Expires", "Range", "Cache-Control"])
@pytest.mark.parametrize(
    "value", ["²", "--5", "9" * 5000, "-", "1e5", "a=1; Max-Age=--5", "a=1; Max-Age=²", "max-age=²"]
)
def test_odd_numbers_in_headers_are_no_error(name: str, value: str) -> None:
    mine = sanitizer()
    pair = (name.encode(), value.encode("latin-1"))
    cleaned(headers=[pair], answer_headers=[pair], by=mine)

    assert not any(counted.startswith("error") for counted in mine.counts)
