from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.exchange import Sealed
from tests.sanitize.making import answer, cleaned, leaves, sanitizer

WORD = "Qanarywerth"
NUMBER = "4711999888"
MAP = leaves()

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def shape(node: Any) -> Any:
    if isinstance(node, dict):
        return len(node)
    if isinstance(node, list):
        return [shape(child) for child in node]
    return type(node).__name__


@given(JSON)
def test_any_json_keeps_its_shape(document: Any) -> None:
    found = answer(json.dumps(document).encode())

    assert shape(json.loads(found)) == shape(document)


def test_strings_numbers_and_odd_names_are_mapped_and_constants_pass() -> None:
    found = json.loads(
        answer(json.dumps({"id": int(NUMBER), "name": WORD, WORD: [True, None, f"{NUMBER}"]}).encode())
    )

    assert found == {
        "id": int(MAP.text(NUMBER)),
        "name": MAP.text(WORD),
        MAP.text(WORD): [True, None, MAP.text(NUMBER)],
    }


def test_a_decimal_keeps_its_scale_and_an_exponent_its_form() -> None:
    found = answer(b'{"price":12.50,"rate":-0.075,"far":1.5e10}')

    assert [len(piece.partition(".")[2]) for piece in found.replace("}", "").split(",")] == [2, 3, 4]
    assert "e10" in found


def test_a_negative_number_stays_negative() -> None:
    assert answer(b"[-123456]") == f"[-{MAP.text('123456')}]"


@given(st.decimals(-90, 90, places=5))
def test_a_coordinate_stays_on_the_globe(degrees: Any) -> None:
    found = json.loads(answer(f'{{"lat":{degrees:f},"position":{{"longitude":"{degrees:f}"}}}}'.encode()))

    assert -90 < found["lat"] < 90
    assert -180 < float(found["position"]["longitude"]) < 180
    assert len(found["position"]["longitude"].partition(".")[2]) == 5


@pytest.mark.parametrize("indent", [None, 2, 4])
def test_the_layout_of_json_survives(indent: int | None) -> None:
    body = json.dumps({"id": [1, 2], "name": {"first": WORD}}, indent=indent)
    found = answer(body.encode())

    assert len(found) == len(body)
    assert found.count("\n") == body.count("\n")


def test_a_time_by_its_name_is_moved_and_a_pin_is_random() -> None:
    mine = sanitizer()
    bodies = [
        json.loads(answer(b'{"created_at":1790000000,"order":1790000000,"pin":"48151623"}', by=mine))
        for _ in range(2)
    ]

    assert bodies[0]["created_at"] == 2_082_758_400
    assert bodies[0]["order"] not in {1_790_000_000, 2_082_758_400}
    assert bodies[0]["pin"] != bodies[1]["pin"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/json+protobuf", "", "text/html"]
)
def test_what_parses_as_json_is_walked_as_json_whatever_it_says(content_type: str) -> None:
    assert json.loads(answer(json.dumps({"name": WORD}).encode(), content_type))["name"] == MAP.text(WORD)


def test_what_says_json_and_does_not_parse_is_text() -> None:
    found = answer(f'{{"name": "{WORD}", '.encode())

    assert WORD not in found
    assert MAP.text(WORD) in found


@pytest.mark.parametrize(
    "wrapped",
    [
        '{{"id":{}}}\n{{"id":2}}\n',
        ")]}}',\n{{\"id\":{}}}",
        "while(1);[{}]",
        'callback({{"id":{}}});',
        '\x1e{{"id":{}}}\n',
    ],
)  # fmt: skip
def test_the_relatives_of_json_keep_their_form(wrapped: str) -> None:
    found = answer(wrapped.format(NUMBER).encode(), "application/x-ndjson")

    assert MAP.text(NUMBER) in found
    assert found[0] == wrapped[0]
    assert found.count("\n") == wrapped.count("\n")


def test_a_packed_body_is_stored_unpacked() -> None:
    found = cleaned(
        answer=gzip.compress(json.dumps({"name": WORD}).encode()),
        answer_headers=[
            (b"Content-Encoding", b"gzip"),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"99"),
        ],
    )

    assert found.response is not None
    assert found.response.body == json.dumps({"name": MAP.text(WORD)})
    assert [name for name, _ in found.response.headers] == ["Content-Type"]


@pytest.mark.parametrize(
    ("body", "coding", "content_type", "note"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", b"", "image/png", "opaque_body"),
        (b"not gzip", b"gzip", "application/json", "undecodable_body"),
        (b"a{color:red}", b"", "text/css", "opaque_body"),
        (b"[" * 200_000, b"", "application/x-thing", "opaque_body"),
    ],
)
def test_what_is_not_understood_is_its_length(body: bytes, coding: bytes, content_type: str, note: str) -> None:
    mine = sanitizer()
    found = answer(body, content_type, by=mine, answer_headers=[(b"Content-Encoding", coding)])

    assert isinstance(found, Sealed)
    assert found.opaque_bytes == len(body)
    assert mine.counts[note] == 1


def test_a_type_outside_the_list_is_not_stored() -> None:
    found = answer(b"\xff\xfe\xff\xff", f"application/vnd.{WORD}")

    assert found == Sealed(opaque_bytes=4, type="application/octet-stream")


FORM = b"application/x-www-form-urlencoded"


def posted(body: bytes, content_type: bytes = FORM) -> str:
    found = cleaned(method="POST", headers=[(b"Content-Type", content_type)], body=body).request.body
    assert isinstance(found, str)
    return found


def test_a_form_keeps_its_names_order_and_repeats() -> None:
    assert posted(f"id={NUMBER}&id={NUMBER}&items[0][name]={WORD}&empty=".encode()) == (
        f"id={MAP.text(NUMBER)}&id={MAP.text(NUMBER)}&items[0][name]={MAP.text(WORD)}&empty="
    )


def test_a_form_is_escaped_as_it_was() -> None:
    found = posted(b"email=ann%40birdsong.org&note=two+words&name=two%20words")

    assert "%20" in found
    assert "+" in found
    assert MAP.text("ann@birdsong.org") in found


def test_an_unknown_name_in_a_form_is_mapped() -> None:
    assert posted(f"{WORD}=".encode()) == f"{MAP.text(WORD)}="


MULTIPART_TYPE = [(b"Content-Type", b"multipart/form-data; boundary=XX")]
MULTIPART = (
    b'preamble is dropped\r\n--XX\r\nContent-Disposition: form-data; name="email"\r\n\r\nann@birdsong.org\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="%b"; filename="%b.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\x1a\n%b\r\n--XX\r\n"
    b'Content-Disposition: form-data; name="data"\r\nContent-Type: application/json\r\n\r\n'
    b'{"id":%b}\r\n--XX--\r\nepilogue'
) % (WORD.encode(), WORD.encode(), WORD.encode(), NUMBER.encode())


def test_multipart_is_built_anew_under_its_own_boundary() -> None:
    found = cleaned(
        method="POST", headers=[(b"Content-Type", b"multipart/form-data; boundary=XX")], body=MULTIPART
    ).request
    content_type = dict(found.headers)["Content-Type"]
    boundary = content_type.partition("boundary=")[2]
    body = found.body.base64 if isinstance(found.body, Sealed) else str(found.body).encode()
    assert body is not None

    assert content_type.startswith("multipart/form-data; boundary=replay-")
    assert body.count(b"--" + boundary.encode()) == 4
    assert MAP.text("ann@birdsong.org").encode() in body
    assert b'{"id":%b}' % MAP.text(NUMBER).encode() in body
    assert b".png" in body
    assert b"\x89PNG\r\n\x1a\n" in body
    assert WORD.encode() not in body
    assert b"epilogue" not in body


@pytest.mark.parametrize(
    "body",
    [b"--XX\r\nno end", b"no boundary", b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n', b""],
)  # fmt: skip
def test_multipart_that_is_not_well_formed_is_its_length(body: bytes) -> None:
    found = cleaned(
        method="POST", headers=[(b"Content-Type", b"multipart/form-data; boundary=XX")], body=body
    ).request.body

    assert found is None if not body else found == Sealed(opaque_bytes=len(body), type="multipart/form-data")


PAGE = f"""<!DOCTYPE html>
<html lang="en"><head><title>{WORD}</title><style>.{WORD}{{}}</style>
<script>var name = "{WORD}";</script><script type="application/json">{{"id": {NUMBER}}}</script></head>
<body onload="greet('{WORD}')"><!-- {WORD} --><h1 title='{WORD}'>Hello {WORD} &amp; co</h1>
<form action="/users/{NUMBER}?ref={WORD}" method="post"><input type="hidden" name="csrf_token" value="{NUMBER}">
<input name={WORD} value={WORD} data-{WORD.lower()}="1"><br/></form></body></html>"""


def test_a_page_keeps_its_tree_and_links_and_none_of_its_words() -> None:
    found = answer(PAGE.encode(), "text/html; charset=utf-8")

    assert WORD.lower() not in found.lower()
    assert NUMBER not in found
    assert f'action="/users/{MAP.text(NUMBER)}?ref={MAP.text(WORD)}" method="post"' in found
    assert f'name="csrf_token" value="{MAP.text(NUMBER)}"' in found
    assert f'{{"id": {MAP.text(NUMBER)}}}' in found
    assert [found.count(f"<{tag}") for tag in ("html", "form", "input", "script", "br")] == [1, 1, 2, 2, 1]
    assert abs(len(found) - len(PAGE)) < len(PAGE) * 0.05


def test_xml_keeps_its_known_names_and_vocabularies() -> None:
    soap = f'<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><getUser id="{NUMBER}"><{WORD}><![CDATA[{WORD}]]></{WORD}></getUser></soap:Body></soap:Envelope>'  # noqa: E501
    found = answer(soap.encode(), "text/xml")

    assert found.startswith(
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/'
    )
    assert f'<getUser id="{MAP.text(NUMBER)}">' in found
    assert WORD not in found


@pytest.mark.parametrize(
    "page", ["<!-- x", "<![CDATA[ x", "<a href='", "<", "<p", "<script>x", "</", "<!", "<a b=c d", "<?x"]
)
def test_a_page_that_does_not_end_leaks_nothing(page: str) -> None:
    found = answer(f"<html>{page}{WORD}".encode(), "text/html")

    assert WORD not in found


def test_events_keep_their_lines() -> None:
    found = answer(
        f'id: {NUMBER}\nevent: order\ndata: {{"id":{NUMBER}}}\n: {WORD}\nretry: 3600\n\n'.encode(),
        "text/event-stream",
    )

    assert found.startswith(f'id: {MAP.text(NUMBER)}\nevent: order\ndata: {{"id":{MAP.text(NUMBER)}}}\n: ')
    assert found.endswith("\nretry: 3600\n\n")
    assert WORD not in found


def test_a_table_keeps_its_known_heads_and_its_quotes() -> None:
    found = answer(f'id,email,{WORD}\n{NUMBER},ann@birdsong.org,"a, {WORD}"\n'.encode(), "text/csv")

    assert found.split("\n")[0] == f"id,email,{MAP.text(WORD)}"
    assert found.split("\n")[1].startswith(f'{MAP.text(NUMBER)},{MAP.text("ann@birdsong.org")},"')


def test_a_graphql_query_keeps_its_words_and_maps_its_literals() -> None:
    query = (
        f'query GetUser($id: ID!) {{ user(id: $id, email: "ann@birdsong.org", limit: 4711999888) {{ id {WORD} }} }}'
    )
    found = json.loads(answer(json.dumps({"query": query, "variables": {"id": NUMBER}}).encode()))

    assert found["query"].startswith('query GetUser($id: ID!) { user(id: $id, email: "u')
    assert MAP.text(NUMBER) in found["query"]
    assert found["variables"]["id"] == MAP.text(NUMBER)
    assert WORD not in found["query"]


@pytest.mark.parametrize(
    "body", [b"[" + b"9" * 5000 + b"]", b'{"a":' * 3000 + b"1" + b"}" * 3000, b'["' + b"x" * 300_000 + b'"]']
)
def test_a_document_beyond_any_measure_is_no_error(body: bytes) -> None:
    mine = sanitizer()
    answer(body, by=mine)

    assert not any(name.startswith("error") for name in mine.counts)
