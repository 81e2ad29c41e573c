# ruff: noqa: E501 - lines of logs stay as they are
"""The known formats, each by a line as its server writes it, and the detection among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.errors import InputError, ReplayError
from replay.formats.log_entry import LogEntry
from replay.formats.log_formats import FORMATS, chosen, detected

MS = 10**6
AT = "[17/May/2015:10:05:03 +0000]"
BASE = f'192.0.2.1 - bob {AT} "GET /a?b=c HTTP/1.1" 200 512'
COMBINED = f'{BASE} "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64)"'
ALB_TAIL = (
    'ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x:targetgroup/t/1 "Root=1-5" "a.example" "arn:aws:acm:x" 1 '
    '2015-05-17T10:05:02.000000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"'
)
NGINX_JSON = {
    "time_iso8601": "2015-05-17T10:05:03+00:00",
    "remote_addr": "192.0.2.1",
    "status": 200,
    "body_bytes_sent": 512,
    "request_time": 0.25,
    "http_user_agent": "Mozilla/5.0",
}
LINES = {
    "combined": COMBINED,
    "common": BASE,
    "apache-common-timed": f"{BASE} 250000",
    "apache-timed": f"{COMBINED} 250000",
    "nginx-timed": f"{COMBINED} 0.250",
    "nginx-timed-upstream": f"{COMBINED} 0.300 0.250",
    "nginx-main": f'{COMBINED} "203.0.113.9, 10.0.0.1"',
    "nginx-main-timed": f'{COMBINED} "-" 0.250',
    "nginx-main-timed-upstream": f'{COMBINED} "-" 0.300 0.250',
    "nginx-amplify": f'{COMBINED} "-" "a.example" sn="a.example" rt=0.300 ua="10.0.0.1:80, 10.0.0.2:80" us="502, 200" '
    'ut="0.050, 0.200" ul="5, 512" cs=-',
    "nginx-ingress": f"{COMBINED} 341 0.300 [shop-web-80] [] 10.0.0.1:80, 10.0.0.2:80 0, 512 0.050, 0.200 502, 200 ab12",
    "vhost-combined": f"a.example:443 {COMBINED}",
    "combined-and-more": f'{COMBINED} TLSv1.3 "something" else',
    "haproxy": "May 17 10:05:03 lb haproxy[7]: 192.0.2.1:53332 [17/May/2015:10:05:02.750] front~ back/srv1 "
    '0/0/7/200/250 200 512 - - ---- 2/1/0/0/0 0/0 {Mozilla/5.0} {} "GET /a?b=c HTTP/1.1"',
    "aws-alb": "https 2015-05-17T10:05:03.000000Z app/lb/1 192.0.2.1:2817 10.0.0.1:80 0.050 0.150 0.050 200 200 0 512 "
    f'"GET https://a.example:443/a?b=c HTTP/1.1" "Mozilla/5.0" {ALB_TAIL}',
    "aws-elb": "2015-05-17T10:05:03.000000Z lb 192.0.2.1:2817 10.0.0.1:80 0.050 0.150 0.050 200 200 0 512 "
    '"GET http://a.example:80/a?b=c HTTP/1.1" "Mozilla/5.0" - -',
    "uwsgi": "[pid: 88185|app: 0|req: 1/1] 192.0.2.1 () {38 vars in 696 bytes} [Sun May 17 10:05:03 2015] GET /a?b=c => "
    "generated 512 bytes in 250 msecs (HTTP/1.1 200) 9 headers in 378 bytes (1 switches on core 3)",
    "clf-tsv": "192.0.2.1\t-\t1431857103\tGET\t/a?b=c\t200\t512\t\t",
    "caddy": json.dumps(
        {
            "ts": 1431857103.5,
            "logger": "http.log.access.log0",
            "request": {"client_ip": "192.0.2.1", "proto": "HTTP/2.0", "method": "GET", "host": "a.example",
                        "uri": "/a?b=c", "headers": {"User-Agent": ["Mozilla/5.0"]}},
            "duration": 0.25, "size": 512, "status": 200, "resp_headers": {"Etag": ['"x"']},
        }, separators=(",", ":"),
    ),
    "cloudflare": json.dumps(
        {"ClientIP": "192.0.2.1", "ClientRequestHost": "a.example", "ClientRequestMethod": "GET",
         "ClientRequestURI": "/a?b=c", "EdgeStartTimestamp": 1431857103000000000,
         "EdgeEndTimestamp": 1431857103250000000, "EdgeResponseStatus": 200, "EdgeResponseBytes": 512}
    ),
    "traefik": json.dumps(
        {"ClientHost": "192.0.2.1", "DownstreamStatus": 200, "DownstreamContentSize": 512, "Duration": 250000000,
         "RequestHost": "a.example", "RequestMethod": "GET", "RequestPath": "/a?b=c",
         "StartUTC": "2015-05-17T10:05:03.1Z"}
    ),
    "nginx-json": json.dumps(NGINX_JSON | {"request": "GET /a?b=c HTTP/1.1"}),
    "nginx-json-uri": json.dumps(NGINX_JSON | {"request_method": "GET", "request_uri": "/a?b=c"}),
}  # fmt: skip
UNTIMED = {"combined", "common", "nginx-main", "vhost-combined", "combined-and-more", "clf-tsv"}
STARTED = {"apache-common-timed", "apache-timed", "haproxy", "uwsgi", "traefik"}


def entry(name: str) -> LogEntry:
    return chosen(name).reader("l0")(LINES[name].encode(), 1)


def test_every_format_has_its_line_here() -> None:
    assert {known.name for known in FORMATS} == LINES.keys()


@pytest.mark.parametrize("name", sorted(LINES))
def test_a_line_is_detected_as_what_it_is(name: str) -> None:
    assert detected(Path("access.log"), [LINES[name].encode()] * 3).name == name


@pytest.mark.parametrize("name", sorted(LINES))
def test_a_line_of_every_format_is_read_whole(name: str) -> None:
    found = entry(name)

    assert (found.request.method, found.request.path) == ("GET", b"/a?b=c")
    assert found.response is not None
    assert (found.response.status, found.response.body_bytes) == (200, 512)
    assert found.connection.startswith("l0:203.0.113.9" if name == "nginx-main" else "l0:192.0.2.1")
    assert found.took.took_ns == (-1 if name in UNTIMED else 250 * MS)
    assert name in UNTIMED or found.at_end is (name not in STARTED)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "line 1: the file is empty"),
        ([b"", b"  "], "line 1: the file is empty"),
        ([b"", b"Dear diary,"], "line 2: is a request in none of the"),
        ([b"\x00\x01\x02"], "line 1: is no text"),
        ([b'{"log": {"version": "1.2", "entries": []}}'], "line 1: is a request in none"),
    ],
)
def test_a_file_of_another_kind_says_so_with_its_line(lines: list[bytes], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        detected(Path("access.log"), lines)


def test_the_format_of_most_lines_wins_over_damaged_ones() -> None:
    lines = [
        b"damaged",
        LINES["nginx-timed"].encode(),
        b"",
        LINES["combined"].encode(),
        LINES["nginx-timed"].encode(),
    ]

    assert detected(Path("access.log"), lines).name == "nginx-timed"


@pytest.mark.parametrize(
    "text", ["haproxy", '%h %t "%r" %>s', '$time_local "$request" $status', "json: time=t request=r status=s"]
)
def test_a_format_may_be_named_or_written(text: str) -> None:
    assert chosen(text).reader("l0")


@pytest.mark.parametrize("text", ["apache", "json", "", "$colour"])
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="--log-format"):
        chosen(text)
