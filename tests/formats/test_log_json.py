"""Access logs of one JSON object a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import ReplayError
from replay.formats.log_entry import NotARequestError
from replay.formats.log_json import JsonReader, field_map

PLACES = {
    "time": "at|ts",
    "status": "answer.code",
    "method": "ask.method",
    "target": "ask.uri",
    "duration_ms": "took",
    "headers": "ask.headers",
    "tls": "ask.tls",
    "client": "peers.0",
}


def line(**changes: Any) -> bytes:
    whole: dict[str, Any] = {
        "ts": 1431857103.25,
        "took": 12.5,
        "ask": {"method": "GET", "uri": "/a", "headers": {"Accept": ["*/*"], "Cookie": ["REDACTED"]}},
        "answer": {"code": 200},
        "peers": ["192.0.2.1", "10.0.0.1"],
    }
    return json.dumps(whole | changes).encode()


def test_a_place_is_a_path_of_names_and_indices() -> None:
    found = JsonReader(PLACES, "l0")(line(), 1)

    assert found.stamp_ns == 1_431_857_103_250_000_000
    assert found.took.took_ns == 12_500_000
    assert (found.request.method, found.request.path, found.request.scheme) == ("GET", b"/a", "http")
    assert found.connection.startswith("l0:192.0.2.1")


def test_the_first_place_that_is_there_counts() -> None:
    assert JsonReader(PLACES, "l0")(line(at="2015-05-17T10:05:03Z"), 1).coarse is True


def test_what_the_server_redacted_is_no_header() -> None:
    assert JsonReader(PLACES, "l0")(line(), 1).request.headers == [(b"Accept", b"*/*")]


def test_a_tls_object_means_https() -> None:
    asked = {"method": "GET", "uri": "/", "tls": {"version": 772}}

    assert JsonReader(PLACES, "l0")(line(ask=asked), 1).request.scheme == "https"


def test_what_a_collector_wrote_before_the_object_is_passed_over() -> None:
    assert JsonReader(PLACES, "l0")(b"caddy-1  | " + line(), 1).response is not None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(b"", "no JSON"), (b"[1]", "no JSON object"), (b'{"ts": 1', "no JSON"), (b"{}", "its time is no time"),
     (b'{"a":' * 5000, "no JSON")],
)  # fmt: skip
def test_what_is_no_request_says_why(text: bytes, complaint: str) -> None:
    with pytest.raises(NotARequestError, match=complaint):
        JsonReader(PLACES, "l0")(text, 1)


def test_a_message_of_the_server_is_told_from_a_request() -> None:
    with pytest.raises(NotARequestError, match="a message of the server") as caught:
        JsonReader(PLACES, "l0", mark=b'"access"')(line(), 1)

    assert caught.value.reason == "no request"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_in_any_place_breaks_the_reader(value: object) -> None:
    for name in ("ts", "took", "ask", "answer", "peers"):
        try:
            JsonReader(PLACES, "l0")(line(**{name: value}), 1)
        except NotARequestError as error:
            assert error.reason in {"damaged", "no request", "no path", "websocket"}  # noqa: PT017


def test_a_map_of_one_s_own_names_the_fields_as_nginx_does_or_as_we_do() -> None:
    found = field_map("json: time_local=@timestamp,request=http.line status=code http_user_agent=ua duration_ms=took")

    assert found == {
        "time": "@timestamp",
        "request": "http.line",
        "status": "code",
        "header:User-Agent": "ua",
        "duration_ms": "took",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("json: time=ts", "lacks the request"),
        ("json: time=ts status", "'status' is no field"),
        ("json: time=ts colour=blue", "'colour=blue' is no field"),
    ],
)
def test_a_map_that_makes_no_request_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ReplayError, match=complaint):
        field_map(text)
