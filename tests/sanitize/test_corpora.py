"""Every walker against published cases: nothing raises, and what is no document fails closed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from replay.exchange import RawExchange, Sealed
from replay.sanitize.sanitizer import Sanitizer
from tests.factories import raw_exchange
from tests.sanitize.making import CORPORA, needs_corpora, sanitizer

pytestmark = needs_corpora
HEADERS = (
    *(b"Referer", b"Link", b"Forwarded", b"Accept", b"Accept-Language", b"User-Agent", b"Range", b"If-None-Match"),
    *(
        b"Content-Disposition",
        b"Refresh",
        b"Date",
        b"Via",
        b"Origin",
        b"Cache-Control",
        b"X-Request-Id",
        b"Traceparent",
    ),
)


def cases(folder: str, pattern: str) -> list[Path]:
    return sorted((CORPORA / folder).glob(pattern))


def through(mine: Sanitizer, body: bytes, content_type: bytes, path: str = "/") -> object:
    found = mine.clean(
        raw_exchange(
            path, method="POST", headers=[(b"Content-Type", content_type)], body=body,
            answer_headers=[(b"Content-Type", content_type)], answer=body,
        )
    )  # fmt: skip
    assert mine.counts["withheld:error"] == 0, mine.counts
    return None if found is None or found.response is None else found.response.body


@pytest.mark.parametrize("path", cases("json", "y_*.json"), ids=lambda path: path.stem)
def test_json_that_must_parse_is_walked(path: Path) -> None:
    raw = path.read_bytes()
    found = through(sanitizer(), raw, b"application/json")

    assert isinstance(found, str)
    assert shape(json.loads(found)) == shape(json.loads(raw))


def shape(node: object) -> object:
    if isinstance(node, dict):
        return {"members": [shape(child) for child in node.values()]}
    if isinstance(node, list):
        return [shape(child) for child in node]
    return type(node).__name__


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"text/plain", b"text/html", b"application/x-www-form-urlencoded", b""]
)
def test_json_that_must_not_parse_fails_closed(content_type: bytes) -> None:
    mine = sanitizer()
    for path in [*cases("json", "n_*.json"), *cases("json", "i_*.json")]:
        found = through(mine, path.read_bytes(), content_type)

        assert found is None or isinstance(found, str | Sealed)


def test_multipart_cases_are_built_anew_or_sealed() -> None:
    mine = sanitizer()
    paths = cases("multipart", "*.http")
    for path in paths:
        found = through(mine, path.read_bytes(), b"multipart/form-data; boundary=boundary")

        assert found is None or isinstance(found, str | Sealed)
    assert len(paths) > 20


def strings() -> Iterator[str]:
    for each in json.loads((CORPORA / "strings" / "blns.json").read_text()):
        if isinstance(each, str):
            yield each


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "text/html",
        "text/csv",
        "text/xml",
        "text/event-stream",
        "application/graphql",
        "application/x-www-form-urlencoded",
    ],
)
def test_naughty_strings_raise_nowhere(kind: str) -> None:
    mine = sanitizer()
    for text in strings():
        body = text.encode("utf-8", "surrogatepass")
        through(
            mine, json.dumps({"a": text, text: 1}).encode() if kind == "application/json" else body, kind.encode()
        )


def in_every_place(text: str) -> RawExchange:
    """One exchange that carries a text in its heads and, as names and values, in the parts of its bodies."""
    raw = text.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
    quoted = quote(raw)
    part = (
        b'--b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n%b\r\n--b--\r\n'
    )
    token = base64.urlsafe_b64encode(json.dumps({"sub": text}).encode()).rstrip(b"=")
    return raw_exchange(
        f"/{quoted}/{quoted};v={quoted}?{quoted}={quoted}&a[]={quoted}",
        method="POST",
        headers=[
            (b"Cookie", b"a=%b; %b=1" % (raw, raw)),
            (b"Authorization", b"Bearer eyJhbGciOiJIUzI1NiJ9.%b.x" % token),
            (b"Content-Type", b"multipart/form-data; boundary=b"),
            *((name, raw) for name in HEADERS),
        ],
        body=part % (raw, raw, raw, raw),
        answer_headers=[
            (b"Set-Cookie", b"%b=%b; Path=%b" % (raw, raw, raw)),
            (b"Content-Type", raw),
            (b"X-Own", raw),
        ],
        answer=b")]}'\n" + json.dumps({text: [text, {"a": text}]}).encode(),
    )


def test_naughty_strings_in_every_place_raise_nowhere() -> None:
    mine = sanitizer()
    count = 0
    for text in strings():
        mine.clean(in_every_place(text))
        count += 1
        assert mine.counts["withheld:error"] == 0, (count, mine.counts)
    assert count > 400


def test_urls_of_every_sort_raise_nowhere() -> None:
    mine = sanitizer()
    listed = json.loads((CORPORA / "url" / "urltestdata.json").read_text())
    count = 0
    for case in listed:
        if not isinstance(case, dict):
            continue
        text = case["input"].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        headers = [(b"Referer", text.encode()), (b"Location", text.encode())]
        mine.clean(raw_exchange("/" + text.replace("\n", ""), headers=headers, answer_headers=headers))
        count += 1
        assert mine.counts["withheld:error"] == 0, mine.counts
    assert count > 500


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        ("a@", "text/plain"),
        ("-eyJaaaaa", "text/plain"),
        ("1.", "text/plain"),
        ("1-", "text/plain"),
        ("a.", "text/plain"),
        ("a:", "text/plain"),
        ("<a ", "text/html"),
        ("<a x='", "text/html"),
        ("<!--", "text/html"),
        ("<![CDATA[", "text/xml"),
        ("&", "text/html"),
        ('{"a":', "application/json"),
        ("[", "application/json"),
        ('\\"', "application/graphql"),
        ("a=b;", "application/x-www-form-urlencoded"),
        ("%25", "application/x-www-form-urlencoded"),
        ("data: {\n", "text/event-stream"),
        ('a,"', "text/csv"),
        ("QUFBQUFBQUFBQUFB ", "text/plain"),
        ("--b\r\n", "multipart/form-data; boundary=b"),
    ],
)
def test_time_is_linear_in_a_hostile_body(piece: str, kind: str) -> None:
    mine = sanitizer()
    took = []
    for size in (1 << 16, 1 << 18):
        start = time.process_time()
        through(mine, (piece * (size // len(piece))).encode(), kind.encode())
        took.append(time.process_time() - start)

    assert took[1] < max(0.5, 12 * took[0]), took
