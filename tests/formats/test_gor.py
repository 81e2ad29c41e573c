"""GoReplay files → raw exchanges."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import InputError
from replay.exchange import RawExchange
from replay.formats import gor
from replay.formats.gor import SEPARATOR, open_gor
from replay.formats.recording import LeftOut

START_NS = 1_568_139_746_437_296_000
MS = 10**6


def record(head: str, message: bytes) -> bytes:
    return head.encode() + b"\n" + message + SEPARATOR


def asked(
    name: str = "a1", *, at_ms: int = 0, path: str = "/", latency: str = "", headers: str = "", body: bytes = b"",
    method: str = "GET",
) -> bytes:  # fmt: skip
    message = f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\n{headers}\r\n".encode() + body
    return record(f"1 {name} {START_NS + at_ms * MS}{latency}", message)


def answered(name: str = "a1", *, at_ms: int = 20, latency: str = "", headers: str = "", body: bytes = b"") -> bytes:
    message = f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body
    return record(f"2 {name} {START_NS + at_ms * MS}{latency}", message)


def read(folder: Path, *records: bytes) -> list[RawExchange | LeftOut]:
    path = folder / "requests_0.gor"
    path.write_bytes(b"".join(records))
    return list(open_gor(path, "g0"))


def one(folder: Path, *records: bytes) -> RawExchange:
    (found,) = read(folder, *records)
    assert isinstance(found, RawExchange), found
    return found


def test_a_request_without_its_response_tells_no_latency(tmp_path: Path) -> None:
    found = one(tmp_path, asked(path="/items?id=7"))

    assert (found.request.method, found.request.host, found.request.path) == ("GET", "shop.example", b"/items?id=7")
    assert (found.started, found.requested, found.ended) == (START_NS, START_NS, 0)
    assert found.response is None


def test_a_response_joins_its_request(tmp_path: Path) -> None:
    found = one(tmp_path, asked(), answered(headers="Content-Length: 2\r\n", body=b"ok"))

    assert found.response is not None
    assert (found.response.status, found.response.body) == (200, b"ok")
    assert found.response.headers == [(b"Content-Length", b"2")]


@pytest.mark.parametrize(
    ("request_latency", "response_latency", "requested_ms", "first_ms", "ended_ms"),
    [
        (f" {5 * MS}", f" {10 * MS}", 5, 20, 30),
        (" -1", f" {25 * MS}", 0, 0, 25),
        ("", f" {25 * MS}", 0, 0, 25),
        (" -1", " -1", 0, 0, 0),
    ],
    ids=["1.2 and later", "1.0", "earlier", "unknown"],
)
def test_latencies_are_read_as_each_version_wrote_them(
    tmp_path: Path, request_latency: str, response_latency: str, requested_ms: int, first_ms: int, ended_ms: int
) -> None:
    found = one(tmp_path, asked(latency=request_latency), answered(latency=response_latency))

    assert found.requested == START_NS + requested_ms * MS
    assert found.first_byte == (START_NS + first_ms * MS if first_ms else 0)
    assert found.ended == (START_NS + ended_ms * MS if ended_ms else 0)


def test_the_oldest_files_write_the_latency_in_the_place_of_the_time(tmp_path: Path) -> None:
    old = record(f"2 a1 {25 * MS}", b"HTTP/1.1 200 OK\r\n\r\n")

    assert one(tmp_path, asked(), old).ended == START_NS + 25 * MS


def test_requests_on_one_connection_get_their_responses_in_order(tmp_path: Path) -> None:
    found = read(
        tmp_path, asked(path="/1"), asked(path="/2", at_ms=1), answered(body=b"one"), answered(at_ms=30, body=b"two")
    )

    assert [
        (item.request.path, item.response.body)
        for item in found
        if isinstance(item, RawExchange) and item.response is not None
    ] == [(b"/1", b"one"), (b"/2", b"two")]


def test_a_request_that_no_one_answers_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gor, "MAX_WAITING", 2)
    found = read(tmp_path, *(asked(f"a{n}", at_ms=n) for n in range(5)), answered("a4"), answered("a0"))

    assert [item.id for item in found if isinstance(item, RawExchange)] == ["g0-0", "g0-1", "g0-2", "g0-4", "g0-3"]
    assert [item.reason for item in found if isinstance(item, LeftOut)] == ["no request"]


def test_what_a_replay_got_is_not_what_production_answered(tmp_path: Path) -> None:
    replayed = record(f"3 a1 {START_NS} 5", b"HTTP/1.1 500 Oops\r\n\r\n")

    found = read(tmp_path, asked(), replayed, answered())

    assert [item.reason for item in found if isinstance(item, LeftOut)] == ["replayed"]
    assert isinstance(found[1], RawExchange)
    assert found[1].response is not None
    assert found[1].response.status == 200


@pytest.mark.parametrize(
    ("headers", "sent", "meant"),
    [
        ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", None),
        ("Transfer-Encoding: chunked\r\n", b"zz\r\nabc", None),
        ("Transfer-Encoding: gzip\r\n", b"abc", None),
        ("Content-Length: 3\r\n", b"abc", b"abc"),
        ("Content-Length: 5\r\n", b"abc", None),
        ("", b"abc", b"abc"),
    ],
)
def test_a_body_loses_its_transfer_coding_and_one_that_was_cut_is_not_kept(
    tmp_path: Path, headers: str, sent: bytes, meant: bytes | None
) -> None:
    found = one(tmp_path, asked(method="POST", headers=headers, body=sent), answered(headers=headers, body=sent))

    assert found.request.body == meant
    assert found.response is not None
    assert found.response.body == meant
    assert not [name for name, _ in found.request.headers if name == b"Transfer-Encoding"]


def test_a_body_may_hold_blank_lines_and_a_record_may_lack_its_end(tmp_path: Path) -> None:
    whole = asked(method="POST", headers="Content-Length: 8\r\n", body=b"a\r\n\r\nb\n\n")

    assert one(tmp_path, whole.removesuffix(SEPARATOR)).request.body == b"a\r\n\r\nb\n\n"


def test_damaged_records_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    bad = [
        b"nonsense" + SEPARATOR,
        record(f"1 a1 {START_NS}", b"\x16\x03\x01"),
        record(f"1 a1 {START_NS}", b"GET relative HTTP/1.1\r\n\r\n"),
        record("1 a1 now", b"GET / HTTP/1.1\r\n\r\n"),
        record(f"1 a1 {START_NS}", b"GET / HTTP/1.1\r\nhunter2\r\n\r\n"),
    ]

    found = read(tmp_path, asked(), *bad, asked("a2"))

    left = [item for item in found if isinstance(item, LeftOut)]
    assert [(item.place, item.reason) for item in left] == [(f"record {n}", "damaged") for n in range(2, 7)]
    assert len(found) == 7
    assert "hunter2" not in repr(left)


def test_the_start_is_that_of_the_earliest_request(tmp_path: Path) -> None:
    path = tmp_path / "requests_0.gor"
    path.write_bytes(asked(at_ms=50) + asked("a2", at_ms=10) + answered("a2"))

    assert open_gor(path, "g0").started_ns == START_NS + 10 * MS


def test_a_packed_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "requests_0.gor.gz"
    path.write_bytes(gzip.compress(b"".join(asked(f"a{n}", path=f"/{n * n}") for n in range(2000)))[:-400])

    found = list(open_gor(path, "g0"))

    assert len([item for item in found if isinstance(item, RawExchange)]) > 100
    assert [item.why for item in found if isinstance(item, LeftOut)] == ["the file is cut off or damaged here"]


def test_a_client_s_address_stands_for_its_connections(tmp_path: Path) -> None:
    found = one(tmp_path, asked(headers="X-Forwarded-For: 2001:db8::1, 10.0.0.1\r\n"))

    assert found.connection == "g0:2001.db8..1:a1"


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1\n", b"{}", b"\x00\xff" * 100])
def test_a_file_of_another_kind_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "requests_0.gor"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"requests_0.gor, line 1: .*GoReplay"):
        open_gor(path, "g0")


@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.gor"
    path.write_bytes(asked() + content + SEPARATOR + record(f"2 a1 {START_NS}", content))

    assert list(open_gor(path, "g0"))
