"""Formats in the servers' own notation, and lines split by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import ReplayError
from replay.formats.log_template import template

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'


def fields(text: str, line: bytes) -> dict[str, bytes]:
    written = template(text)
    values = written.split(line)
    assert values is not None
    return dict(zip(written.roles, values, strict=True))


def test_apache_s_notation_gives_the_fields() -> None:
    line = b'192.0.2.1 - bob b [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 5 "-" "Agent/1 (x; y)"'

    found = fields(COMBINED, line)

    assert found["client"] == b"192.0.2.1"
    assert found["start"] == b"17/May/2015:10:05:03 +0000"
    assert found["request"] == b"GET /a HTTP/1.1"
    assert (found["status"], found["bytes"]) == (b"200", b"5")
    assert found["header:User-Agent"] == b"Agent/1 (x; y)"


def test_nginx_s_notation_gives_the_fields_with_and_without_braces() -> None:
    text = '${remote_addr} [$time_local] "$request" $status rt=$request_time "$http_x_request_id" $sent_http_etag'

    found = fields(text, b'::1 [now] "GET / HTTP/1.1" 204 rt=0.001 "r1" e1')

    assert found["client"] == b"::1"
    assert (found["duration_s"], found["header:X-Request-Id"], found["sent:Etag"]) == (b"0.001", b"r1", b"e1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (rb"a \"quoted\" word", b'a "quoted" word'),
        (rb"caf\xc3\xa9 \x22", 'café "'.encode()),
        (rb"back\\slash", rb"back\slash"),
        (rb"ends with one\\", b"ends with one\\"),
        (rb"tab\there", b"tab\there"),
    ],
)
def test_what_a_server_escaped_is_as_the_client_sent_it(written: bytes, meant: bytes) -> None:
    line = b'192.0.2.1 - - [t] "GET / HTTP/1.1" 200 5 "-" "' + written + b'"'

    assert fields(COMBINED, line)["header:User-Agent"] == meant


def test_times_of_several_upstreams_are_one_field() -> None:
    text = '[$time_local] "$request" $status $upstream_addr $upstream_response_time $upstream_status $req_id'

    found = fields(text, b'[t] "GET / HTTP/1.1" 200 10.0.0.1:80, 10.0.0.2:80 0.100, 0.004 : 0.002 502, 200 abc')

    assert found["upstream_s"] == b"0.100, 0.004 : 0.002"


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b'192.0.2.1 - - [t] "GET / HTTP/1.1" 200 5 "-"', b"\x00\xff" * 50,
     b'192.0.2.1 - - [t] "GET / HTTP/1.1" 200 5 "-" "agent" "one more"',
     b'192.0.2.1 - - [t] "GET / HTTP/1.1" 200 5 "-" "agent\\" cut off'],
)  # fmt: skip
def test_a_line_of_another_form_is_not_split(line: bytes) -> None:
    assert template(COMBINED).split(line) is None


@given(st.binary(max_size=200))
def test_no_line_breaks_the_splitter(line: bytes) -> None:
    values = template(COMBINED).split(line)

    assert values is None or len(values) == len(template(COMBINED).roles)


TWO_SIGNS = '%t [%h] "%r" <%>s - %b> %{X}i ]]'


@pytest.mark.parametrize("text", [COMBINED, TWO_SIGNS])
@given(data=st.data())
def test_a_field_ends_where_the_sign_behind_it_stands_first(text: str, data: st.DataObject) -> None:
    written = template(text)
    first, *between, last = written.literals
    value = st.text('ab [] "<>-', max_size=6).map(str.encode)
    sent = [data.draw(value) for _ in written.roles]
    line = first + b"".join(map(b"".join, zip(sent, [*between, last], strict=True)))

    expected, rest = [], line.removeprefix(first).removesuffix(last)
    for literal in between:
        field, found, rest = rest.partition(literal)
        expected.append(field if found else None)
    whole = None not in expected and not (last == b'"' and last in rest)

    values = written.split(line)

    assert (None if values is None else list(values)) == ([*expected, rest] if whole else None)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=20), min_size=2, max_size=2
    )
)
def test_quoted_fields_come_back_whatever_the_client_sent(sent: list[str]) -> None:
    referer, agent = (text.encode() for text in sent)
    escaped = [text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') for text in (referer, agent)]
    line = b'h - - [t] "GET / HTTP/1.1" 200 5 "' + escaped[0] + b'" "' + escaped[1] + b'"'

    found = fields(COMBINED, line)

    assert (found["header:Referer"], found["header:User-Agent"]) == (referer, agent)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("sent", [b'\\"', b"\\", b'"', b"\\\\", b'" "', b"\\x22"])
def test_no_line_costs_more_than_its_length(sent: bytes) -> None:
    line = b'h - - [t] "GET / HTTP/1.1" 200 5 "-" "' + sent * (200_000 // len(sent))

    for end in (b'"', b"", b"x"):
        template(COMBINED).split(line + end)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("%h %t %>s", 'lacks the request \\("\\$request"'),
        ("$request $status", "lacks the time"),
        ('%t "%r"', "lacks the status"),
        ("$time_local $request_uri $status", "lacks the method"),
        ("$time_local$status $request", "two fields touch each other before '\\$status'"),
        ('%{%Y}t "%r" %>s', "'%{%Y}t' is not understood"),
    ],
)
def test_a_format_that_makes_no_request_says_what_it_lacks(text: str, complaint: str) -> None:
    with pytest.raises(ReplayError, match=complaint):
        template(text)


def test_what_a_server_writes_side_by_side_is_one_target() -> None:
    assert "target" in template("%t %m %U%q %>s").roles
    assert "target" in template("$time_local $request_method $uri$is_args$args $status").roles


@pytest.mark.parametrize(
    ("directive", "role"),
    [
        ("%D", "duration_us"),
        ("%T", "_"),
        ("%{ms}T", "duration_ms"),
        ("%{X-Forwarded-For}i", "forwarded"),
        ("%{Host}i", "host"),
        ("%{ETag}o", "sent:ETag"),
        ("%{end:usec}t", "time"),
        ("%{msec}t", "start"),
        ("%X", "_"),
    ],
)
def test_a_directive_of_apache_has_its_role(directive: str, role: str) -> None:
    assert template(f'%t "%r" %>s {directive}').roles[-1] == role
