"""Fields of a log line → what was asked, what was answered, and when."""

from __future__ import annotations

import pytest

from replay.exchange import RawRequest
from replay.formats.log_entry import UNKNOWN_HOST, EntryReader, LogEntry, NotARequestError

MS = 10**6
FIELDS = {
    "time": b"1431857103.000",
    "request": b"GET /items?id=7 HTTP/1.1",
    "status": b"200",
    "bytes": b"512",
    "client": b"192.0.2.1",
}


def entry(**fields: bytes) -> LogEntry:
    """The entry of the default fields and these; '__' in a name is ':' and '_' a dash behind it."""
    whole = {name: value for name, value in FIELDS.items() if name != "request" or "method" not in fields}
    for name, value in fields.items():
        role, found, header = name.partition("__")
        whole[f"{role}:{header.replace('_', '-')}" if found else name] = value
    return EntryReader(list(whole), "l0").read(list(whole.values()), 3)


def test_a_line_gives_its_request_and_the_length_of_its_answer() -> None:
    found = entry(header__User_Agent=b"Agent/1", header__Referer=b"-", host=b"shop.example.com:80")

    assert (found.request.method, found.request.host, found.request.path) == (
        "GET",
        "shop.example.com",
        b"/items?id=7",
    )
    assert found.request.headers == [(b"Host", b"shop.example.com"), (b"User-Agent", b"Agent/1")]
    assert found.request.body == b""
    assert found.response is not None
    assert (found.response.status, found.response.body, found.response.body_bytes) == (200, None, 512)


def test_an_answer_without_bytes_has_an_empty_body() -> None:
    found = entry(bytes=b"-", status=b"304")

    assert found.response is not None
    assert found.response.body == b""


def test_a_log_that_does_not_tell_the_host_gets_one_that_cannot_exist() -> None:
    assert entry().request.host == UNKNOWN_HOST
    assert entry().request.headers == []


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b"GET / HTTP/2.0", ("http", UNKNOWN_HOST, b"/", "HTTP/2.0")),
        (b"GET https://a.example:443/x HTTP/1.1", ("https", "a.example", b"/x", "HTTP/1.1")),
        (b"GET http://user:word@a.example:8080?q=1 HTTP/1.1", ("http", "a.example:8080", b"/?q=1", "HTTP/1.1")),
        (b"GET /old", ("http", UNKNOWN_HOST, b"/old", "HTTP/1.0")),
        (b"GET /with blank HTTP/1.1", ("http", UNKNOWN_HOST, b"/with blank", "HTTP/1.1")),
    ],
)
def test_a_request_line_is_read_in_every_form(request_line: bytes, expected: tuple[str, str, bytes, str]) -> None:
    found = entry(request=request_line).request

    assert (found.scheme, found.host, found.path, found.version) == expected


def test_method_and_target_may_stand_apart() -> None:
    found = entry(method=b"PUT", path=b"/a", query=b"?b=1", version=b"HTTP/3", scheme=b"https").request

    assert (found.method, found.scheme, found.path, found.version) == ("PUT", "https", b"/a?b=1", "HTTP/3")


@pytest.mark.parametrize(
    ("fields", "reason", "complaint"),
    [
        ({"request": b"-"}, "no request", "no HTTP request"),
        ({"request": b"\x16\x03\x01\x02"}, "no request", "no HTTP request"),
        ({"request": b"GET relative HTTP/1.1"}, "no path", "neither a path nor a URL"),
        ({"request": b"OPTIONS * HTTP/1.0"}, "no path", "neither a path nor a URL"),
        ({"request": b"GET wss://a.example/ HTTP/1.1"}, "websocket", "not replayed"),
        ({"time": b"soon"}, "damaged", "its time is no time"),
        ({"status": b"20"}, "damaged", "its status is no HTTP status"),
        ({"status": b"OK"}, "damaged", "its status is no HTTP status"),
        ({"duration_s": b"long"}, "damaged", "its duration is no duration"),
        ({"duration_us": b"0.250"}, "damaged", "its duration is no duration"),
    ],
)
def test_what_is_no_request_says_why_and_quotes_nothing(
    fields: dict[str, bytes], reason: str, complaint: str
) -> None:
    with pytest.raises(NotARequestError, match=complaint) as caught:
        entry(**fields)

    assert caught.value.reason == reason


@pytest.mark.parametrize("status", [b"499", b"460", b"000", b"-", b"-1"])
def test_a_client_that_went_away_got_no_answer(status: bytes) -> None:
    found = entry(status=status)

    assert (found.response, found.error) == (None, "client")


@pytest.mark.parametrize(
    ("state", "error"), [(b"----", ""), (b"CD--", "client"), (b"sH--", "timeout"), (b"SC--", "reset")]
)
def test_haproxy_s_termination_state_is_the_error(state: bytes, error: str) -> None:
    found = entry(state=state)

    assert found.error == error
    assert (found.response is None) is bool(error)


def test_without_a_duration_nothing_is_said_of_one() -> None:
    assert entry().took.took_ns == -1


def test_the_time_at_the_upstream_is_the_latency_and_the_rest_is_the_client_s() -> None:
    found = entry(duration_s=b"0.500", upstream_s=b"0.100, 0.020")

    assert (found.took.took_ns, found.took.upload_ns) == (120 * MS, 380 * MS)


def test_an_answer_of_the_proxy_itself_has_its_whole_duration() -> None:
    found = entry(duration_s=b"0.500", upstream_s=b"-")

    assert (found.took.took_ns, found.took.upload_ns) == (500 * MS, 0)


def test_between_a_start_and_an_end_lies_the_duration_unless_they_are_whole_seconds() -> None:
    assert entry(start=b"1431857102.750").took.took_ns == 250 * MS
    assert entry(start=b"1431857102").took.took_ns == -1


def test_three_timers_of_a_load_balancer_add_up() -> None:
    roles = ["time", "start", "part_s", "part_s", "part_s", "request", "status"]
    values = [b"1431857103.000", b"1431857101.000", b"0.1", b"0.2", b"0.3", b"GET / HTTP/1.1", b"200"]

    found = EntryReader(roles, "l0").read(values, 1)
    broken = EntryReader(roles, "l0").read([*values[:3], b"-1", *values[4:]], 1)

    assert (found.took.took_ns, found.took.upload_ns) == (600 * MS, 1400 * MS)
    assert (broken.took.took_ns, broken.took.upload_ns) == (2000 * MS, 0)


def test_haproxy_s_timers_give_the_phases() -> None:
    found = entry(
        receive_ms=b"10",
        queue_ms=b"5",
        connect_ms=b"30",
        respond_ms=b"69",
        duration_ms=b"+120",
        start=b"1431857103.0",
    )

    assert found.took.upload_ns == 10 * MS
    assert found.took.took_ns == 110 * MS
    assert (found.took.waited_ns, found.took.opening_ns, found.took.head_ns) == (5 * MS, 30 * MS, 104 * MS)


def test_a_client_is_its_address_and_its_user_agent() -> None:
    found = [
        entry(header__User_Agent=b"A").connection,
        entry(header__User_Agent=b"B").connection,
        entry(client=b"2001:db8::1", header__User_Agent=b"A").connection,
        entry(forwarded=b"203.0.113.9, 10.0.0.1", header__User_Agent=b"A").connection,
    ]

    assert len(set(found)) == 4
    assert all(connection.count(":") == 1 and connection.startswith("l0:") for connection in found)
    assert "203.0.113.9" in found[3]
    assert "192.0.2.1" not in found[3]


def test_the_port_of_a_client_is_no_part_of_it() -> None:
    roles = ["time", "client_port", "request", "status"]
    found = {
        EntryReader(roles, "l0").read([b"1431857103", port, b"GET / HTTP/1.1", b"200"], 1).connection
        for port in (b"192.0.2.1:1000", b"192.0.2.1:1001")
    }

    assert len(found) == 1


def test_equal_requests_are_one_object_and_others_are_not() -> None:
    read = EntryReader(["time", "request", "status", "header:Referer", "host"], "l0").read
    line = [b"1431857103.000", b"GET /items HTTP/1.1", b"200", b"https://a.example/", b"a.example"]

    def request(at: int = 0, value: bytes = b"") -> RawRequest:
        return read([value if value and index == at else each for index, each in enumerate(line)], 1).request

    assert request() is request(2, b"404")
    for at, value in ((1, b"GET /other HTTP/1.1"), (3, b"-"), (4, b"b.example")):
        assert request(at, value) is not request()
        assert request(at, value) != request()


def test_what_a_line_tells_beside_its_fields_makes_a_request_of_its_own() -> None:
    read = EntryReader(["time", "request", "status"], "l0").read
    line = [b"1431857103.000", b"GET /items HTTP/1.1", b"200"]

    assert read([*line], 1, [(b"Accept", b"*/*")]).request.headers == [(b"Accept", b"*/*")]
    assert read([*line], 2).request.headers == []
