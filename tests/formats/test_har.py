"""HAR files → raw exchanges."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import InputError
from replay.exchange import RawExchange
from replay.formats.har import open_har
from replay.formats.recording import LeftOut

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("DRESS_REHEARSAL_CORPORA", ROOT.parent / "shared" / "corpora"))
STARTED_NS = 1_704_067_200_000_000_000
MS = 1_000_000


def entry(**changes: Any) -> dict[str, Any]:
    """A whole entry of 2024-01-01T00:00:00Z; ``request`` and ``response`` are merged, all else replaced."""
    made: dict[str, Any] = {
        "startedDateTime": "2024-01-01T00:00:00.000Z",
        "time": 30,
        "request": {
            "method": "GET",
            "url": "https://shop.example.com/items?id=7",
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Accept", "value": "*/*"}],
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
            "bodySize": 2,
        },
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "send": 1, "wait": 20, "receive": 9, "ssl": -1},
    }
    for name, value in changes.items():
        made[name] = {**made[name], **value} if name in {"request", "response"} and value else value
    return made


def write(folder: Path, *entries: object, encoding: str = "utf-8") -> Path:
    path = folder / "recording.har"
    path.write_bytes(json.dumps({"log": {"version": "1.2", "entries": list(entries)}}).encode(encoding))
    return path


def read(folder: Path, *entries: object, encoding: str = "utf-8") -> list[RawExchange | LeftOut]:
    return list(open_har(write(folder, *entries, encoding=encoding), "h0"))


def one(folder: Path, **changes: Any) -> RawExchange:
    (found,) = read(folder, entry(**changes))
    assert isinstance(found, RawExchange), found
    return found


def left_out(folder: Path, **changes: Any) -> LeftOut:
    (found,) = read(folder, entry(**changes))
    assert isinstance(found, LeftOut)
    return found


def post(folder: Path, data: dict[str, Any], *headers: tuple[str, str]) -> RawExchange:
    pairs = [{"name": name, "value": value} for name, value in headers]
    return one(folder, request={"method": "POST", "headers": pairs, "postData": data})


def header(exchange: RawExchange, name: bytes, *, response: bool = False) -> list[bytes]:
    message = exchange.response if response else exchange.request
    assert message is not None
    return [value for found, value in message.headers if found.lower() == name]


def test_an_entry_gives_its_request_and_response(tmp_path: Path) -> None:
    exchange = one(tmp_path)

    assert exchange.request.method == "GET"
    assert exchange.request.scheme == "https"
    assert exchange.request.host == "shop.example.com"
    assert exchange.request.path == b"/items?id=7"
    assert exchange.request.body == b""
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert exchange.response.body == b"{}"


def test_times_add_up_from_the_start_and_minus_one_means_no_such_phase(tmp_path: Path) -> None:
    exchange = one(tmp_path)

    assert exchange.started == STARTED_NS
    assert exchange.requested == STARTED_NS + 1 * MS
    assert exchange.first_byte == STARTED_NS + 21 * MS
    assert exchange.ended == STARTED_NS + 30 * MS
    assert exchange.connect_started == exchange.connected == 0


@pytest.mark.parametrize(("total", "tls_ms"), [(80, 0), (100, 20), (None, 0)], ids=["within", "beside", "unknown"])
def test_the_entry_s_total_decides_whether_connect_holds_the_tls_time(
    tmp_path: Path, total: int | None, tls_ms: int
) -> None:
    timings = {"blocked": 5, "dns": 5, "connect": 40, "ssl": 20, "send": 0, "wait": 20, "receive": 10}

    exchange = one(tmp_path, timings=timings, time=total)

    assert exchange.connect_started == STARTED_NS + 10 * MS
    assert exchange.connected == STARTED_NS + (50 + tls_ms) * MS
    assert exchange.requested == exchange.connected
    assert exchange.ended == exchange.requested + 30 * MS


def test_without_timings_the_total_is_the_latency(tmp_path: Path) -> None:
    exchange = one(tmp_path, timings=None, time=12.5)

    assert exchange.requested == STARTED_NS
    assert exchange.ended == STARTED_NS + 12_500_000


@pytest.mark.parametrize(
    "start", ["2024-01-01T01:00:00.000+01:00", "2024-01-01T00:00:00", "2024-01-01T00:00:00.0000000Z"]
)
def test_a_start_is_read_in_any_zone_and_precision(tmp_path: Path, start: str) -> None:
    assert one(tmp_path, startedDateTime=start).started == STARTED_NS


def test_entries_come_in_order_of_their_start(tmp_path: Path) -> None:
    late = entry(startedDateTime="2024-01-01T00:00:09Z")
    recording = open_har(write(tmp_path, late, entry()), "h0")

    assert [found.id for found in recording if isinstance(found, RawExchange)] == ["h0-1", "h0-0"]
    assert recording.started_ns == STARTED_NS


def test_http2_pseudo_headers_are_no_headers_and_joined_fields_are_split(tmp_path: Path) -> None:
    pairs = [
        {"name": ":authority", "value": "a"},
        {"name": "x-a", "value": "1\n2"},
        {"name": "x-none", "value": None},
    ]

    exchange = one(tmp_path, request={"headers": pairs, "httpVersion": "h2"})

    assert exchange.request.headers == [(b"x-a", b"1"), (b"x-a", b"2"), (b"x-none", b"")]
    assert exchange.request.version == "HTTP/2.0"


def test_cookies_listed_beside_the_headers_become_headers_only_where_none_is_there(tmp_path: Path) -> None:
    cookies = [{"name": "sid", "value": "a1"}, {"name": "lang", "value": "de"}]
    own = [{"name": "Cookie", "value": "sid=own"}]

    assert header(one(tmp_path, request={"cookies": cookies}), b"cookie") == [b"sid=a1; lang=de"]
    assert header(one(tmp_path, request={"cookies": cookies, "headers": own}), b"cookie") == [b"sid=own"]
    issued = one(tmp_path, response={"cookies": [{"name": "sid", "value": "a1", "path": "/", "httpOnly": True}]})
    assert header(issued, b"set-cookie", response=True) == [b"sid=a1; Path=/; HttpOnly"]


def test_a_query_listed_beside_a_bare_url_is_appended(tmp_path: Path) -> None:
    query = [{"name": "q", "value": "a b"}, {"name": "q", "value": "ü"}]

    exchange = one(tmp_path, request={"url": "http://h.example/s", "queryString": query})

    assert exchange.request.path == b"/s?q=a+b&q=%C3%BC"


def test_a_url_loses_its_fragment_and_userinfo_and_keeps_an_odd_port(tmp_path: Path) -> None:
    url = "http://user:word@Shop.Example.com:8080/a b/ü?x=%zz#part"

    request = one(tmp_path, request={"url": url}).request

    assert request.host == "shop.example.com:8080"
    assert request.path == b"/a%20b/%C3%BC?x=%zz"


def test_content_is_decoded_already_so_its_encoding_headers_go(tmp_path: Path) -> None:
    headers = [{"name": "Content-Encoding", "value": "br"}, {"name": "Transfer-Encoding", "value": "chunked"}]
    content = {"size": 4, "encoding": "base64", "text": base64.b64encode(b"\x00\x01\x02\x03").decode()}

    exchange = one(tmp_path, response={"headers": headers, "content": content})

    assert exchange.response is not None
    assert exchange.response.body == b"\x00\x01\x02\x03"
    assert exchange.response.headers == []


def test_text_is_encoded_in_the_charset_that_its_type_declares(tmp_path: Path) -> None:
    latin = [{"name": "Content-Type", "value": "text/html; charset=iso-8859-1"}]
    exchange = one(tmp_path, response={"headers": latin, "content": {"size": 4, "text": "Köln"}})
    assert exchange.response is not None
    assert exchange.response.body == "Köln".encode("latin-1")

    beyond = one(tmp_path, response={"headers": latin, "content": {"size": 4, "text": "東京"}})
    assert beyond.response is not None
    assert beyond.response.body == "東京".encode()
    assert header(beyond, b"content-type", response=True) == [b"text/html; charset=utf-8"]


def test_a_body_that_was_not_recorded_is_unknown_and_keeps_its_length(tmp_path: Path) -> None:
    response = one(tmp_path, response={"content": {"size": 900}, "bodySize": 300}).response

    assert response is not None
    assert response.body is None
    assert response.body_bytes == 300


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_an_empty_one(tmp_path: Path, status: int) -> None:
    response = one(tmp_path, response={"status": status, "content": {"size": 900}}).response

    assert response is not None
    assert response.body == b""


def test_a_posted_text_is_the_body(tmp_path: Path) -> None:
    exchange = post(tmp_path, {"mimeType": "application/json", "text": '{"a": 1}'})

    assert exchange.request.body == b'{"a": 1}'
    assert header(exchange, b"content-type") == [b"application/json"]


def test_posted_base64_is_decoded(tmp_path: Path) -> None:
    data = {"mimeType": "application/octet-stream", "encoding": "base64", "text": "AAEC"}

    assert post(tmp_path, data).request.body == b"\x00\x01\x02"


def test_posted_params_become_a_form(tmp_path: Path) -> None:
    params = [{"name": "user", "value": "a&b"}, {"name": "note", "value": "x y"}]

    exchange = post(tmp_path, {"mimeType": "application/x-www-form-urlencoded", "params": params})

    assert exchange.request.body == b"user=a%26b&note=x+y"


def test_multipart_params_become_parts_within_the_declared_boundary(tmp_path: Path) -> None:
    params = [
        {"name": "note", "value": "hello"},
        {"name": "file", "fileName": "a.txt", "contentType": "text/plain", "value": "data:text/plain;base64,aGk="},
    ]

    exchange = post(tmp_path, {"mimeType": "multipart/form-data; boundary=xx", "params": params})

    assert exchange.request.body == (
        b'--xx\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhi\r\n--xx--\r\n"
    )


def test_multipart_params_without_a_boundary_get_one_in_the_header_too(tmp_path: Path) -> None:
    exchange = post(tmp_path, {"mimeType": "multipart/form-data", "params": [{"name": "a", "value": "b"}]})

    (kind,) = header(exchange, b"content-type")
    boundary = kind.partition(b"boundary=")[2]
    assert exchange.request.body is not None
    assert boundary
    assert exchange.request.body.startswith(b"--" + boundary)


@pytest.mark.parametrize(
    ("named", "error"),
    [(None, "client"), ("net::ERR_TIMED_OUT", "timeout"), ("net::ERR_CONNECTION_REFUSED", "connect")],
)
def test_status_0_is_no_response_and_its_error_a_class(tmp_path: Path, named: str | None, error: str) -> None:
    exchange = one(tmp_path, response={"status": 0, "_error": named})

    assert exchange.response is None
    assert exchange.error == error
    assert exchange.ended == exchange.first_byte == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"_fromCache": "disk"}, "browser cache"),
        ({"request": {"url": "wss://shop.example.com/live"}}, "websocket"),
        ({"request": {"url": "data:text/plain,hi"}}, "no http"),
        ({"request": {"url": "http://[::1/"}}, "damaged"),
        ({"request": {"method": "G T"}}, "damaged"),
        ({"response": {"status": 99999}}, "damaged"),
        ({"response": {"content": {"encoding": "base64", "text": "%%%"}}}, "damaged"),
        ({"startedDateTime": "yesterday"}, "damaged"),
    ],
)
def test_what_is_no_exchange_of_a_server_is_left_out_with_its_place(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    found = left_out(tmp_path, **changes)

    assert (found.place, found.reason) == ("entry 0", reason)


def test_a_damaged_entry_does_not_stop_the_rest(tmp_path: Path) -> None:
    found = read(tmp_path, 17, entry(), {"startedDateTime": "2024-01-01T00:00:00Z"})

    assert sorted(type(item).__name__ for item in found) == ["LeftOut", "LeftOut", "RawExchange"]


def test_a_damaged_entry_is_told_without_its_values(tmp_path: Path) -> None:
    found = left_out(tmp_path, request={"method": {"secret-key": "secret-value"}})

    assert "secret" not in found.why


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_tolerated(tmp_path: Path, encoding: str) -> None:
    assert len(read(tmp_path, entry(), encoding=encoding)) == 1


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b'{"log": {"entries": [{"startedDateTime"', r"no whole HAR \(cut off at byte 39\)"),
        (b'{"log": {"version": "1.2"}}', "is no HAR"),
        (b"[]", "is no HAR"),
        (b"PK\x03\x04 an archive", "is no whole HAR"),
        (b"", "is no whole HAR"),
        (b'{"log": {"entries": [' + b"[" * 100_000, "is no whole HAR"),
    ],
)
def test_a_file_that_is_no_har_says_so_with_its_name(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "foreign.har"
    path.write_bytes(content)

    with pytest.raises(InputError, match=match) as caught:
        open_har(path, "h0")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_har(tmp_path / "nothing.har", "h0")


@given(content=st.binary(max_size=200) | st.text(alphabet='{}[]":,log entries0', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_an_input_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.har"
    path.write_bytes(content)

    with contextlib.suppress(InputError):
        list(open_har(path, "h0"))


def test_every_har_of_the_corpora_reads() -> None:
    files = sorted((CORPORA / "har").glob("*.har"))
    if not files:
        pytest.skip("the corpora are not here")
    unread = {}
    for path in files:
        found = list(open_har(path, "h0"))
        if not any(isinstance(item, RawExchange) for item in found):
            unread[path.name] = {item.reason for item in found if isinstance(item, LeftOut)}

    # Three files hold no time or no request line, so there is nothing to replay at its recorded timing.
    assert unread == {name: {"damaged"} for name in ("k6-full.har", "k6-multipart.har", "missing-pageref.har")}


@pytest.mark.parametrize(
    "untold",
    [{"timings": None, "time": None}, {"timings": None, "time": 0}, {"timings": {"wait": -1}, "time": 0}],
    ids=["nothing", "a total of 0", "a wait of -1"],
)
def test_an_answer_of_which_no_time_is_told_claims_no_latency(tmp_path: Path, untold: dict[str, Any]) -> None:
    found = one(tmp_path, **untold)

    assert found.response is not None
    assert (found.first_byte, found.ended) == (0, 0)
