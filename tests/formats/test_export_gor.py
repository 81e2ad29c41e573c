"""Captures → GoReplay files, and back through the import."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from replay.exchange import Exchange, Response, Sealed
from replay.formats.export_gor import write_gor
from replay.formats.gor import SEPARATOR, open_gor
from replay.plan.wire import body_bytes
from tests.factories import MS, capture_manifest, exchange
from tests.formats.round_trips import exchanges, there_and_back

DAY_NS = 1_704_067_200_000_000_000  # 2024-01-01


def written(*found: Exchange) -> bytes:
    file = io.BytesIO()
    write_gor(capture_manifest(created="2024-01-01"), found, file)
    return file.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(exchanges())
def test_an_exchange_comes_back_but_for_what_the_module_names(tmp_path: Path, given_: Exchange) -> None:
    (found,) = there_and_back(tmp_path, write_gor, open_gor, [given_])

    asked = given_.request
    assert (found.request.method, found.request.host, found.request.path.decode()) == (
        asked.method,
        asked.host,
        asked.path,
    )
    kept = [(n.decode(), v.decode()) for n, v in found.request.headers if n not in (b"Host", b"Content-Length")]
    assert kept == asked.headers
    assert found.request.body == body_bytes(asked.body)
    assert (found.response is None) is (given_.response is None)
    if found.response and given_.response:
        assert found.response.status == given_.response.status
        assert found.response.body == (b"" if given_.response.status == 304 else body_bytes(given_.response.body))
    assert (found.started, found.requested) == (DAY_NS + given_.started, DAY_NS + given_.requested)
    assert found.first_byte == (0 if given_.first_byte is None else DAY_NS + given_.first_byte)
    assert found.ended == (0 if given_.ended is None else DAY_NS + given_.ended)


def test_a_record_is_as_goreplay_writes_it() -> None:
    content = written(exchange("/a?b=c", at_ms=1, took_ms=20, requested=3 * MS, first_byte=11 * MS, answer="ok"))

    asked, answered, rest = content.split(SEPARATOR)
    assert rest == b""
    head, _, message = asked.partition(b"\n")
    kind, name, time, length = head.split()
    assert (kind, time, length) == (b"1", str(DAY_NS + MS).encode(), str(2 * MS).encode())
    assert len(name) == 40
    assert message == b"GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\n\r\n"
    head, _, message = answered.partition(b"\n")
    assert head.split() == [b"2", name, str(DAY_NS + 11 * MS).encode(), str(10 * MS).encode()]
    assert message == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_an_answer_whose_end_is_unknown_claims_no_latency(tmp_path: Path) -> None:
    (found,) = there_and_back(tmp_path, write_gor, open_gor, [exchange(ended=None, first_byte=None)])

    assert found.response is not None
    assert found.ended == 0


def test_a_body_of_which_only_the_length_is_known_is_filled() -> None:
    sealed = exchange(response=Response(200, [], Sealed(opaque_bytes=5)))

    assert b"Content-Length: 5\r\n\r\nxxxxx" in written(sealed)


def test_no_header_can_break_a_message_open() -> None:
    broken = exchange(headers=[("X-A", "1\r\n\r\nGET /admin HTTP/1.1")])

    assert b"\r\nX-A: 1GET /admin HTTP/1.1\r\n" in written(broken)
