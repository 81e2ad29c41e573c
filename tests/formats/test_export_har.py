"""Captures → HAR, and back through the import."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from replay.exchange import Exchange, Response, Sealed
from replay.formats.export_har import write_har
from replay.formats.har import open_har
from replay.formats.outgoing import known_bytes
from tests.factories import MS, capture_manifest, exchange
from tests.formats.round_trips import exchanges, service_time_ns, there_and_back

DAY_NS = 1_704_067_200_000_000_000  # 2024-01-01


def written(*found: Exchange) -> dict[str, Any]:
    file = io.BytesIO()
    write_har(capture_manifest(created="2024-01-01"), found, file)
    log: dict[str, Any] = json.loads(file.getvalue())["log"]
    return log


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(exchanges())
def test_an_exchange_comes_back_but_for_what_the_module_names(tmp_path: Path, given_: Exchange) -> None:
    (found,) = there_and_back(tmp_path, write_har, open_har, [given_])

    asked = given_.request
    assert (found.request.method, found.request.scheme, found.request.host) == (
        asked.method,
        asked.scheme,
        asked.host,
    )
    assert found.request.path.decode() == asked.path
    assert found.request.version == asked.version
    assert [(n.decode(), v.decode()) for n, v in found.request.headers] == asked.headers
    assert found.request.body == (known_bytes(asked.body) or b"")
    assert found.request.body_bytes == given_.bytes_out
    assert found.error == given_.error
    assert (found.response is None) is (given_.response is None)
    if found.response and given_.response:
        assert found.response.status == given_.response.status
        bodiless = given_.response.status == 304
        assert found.response.body == (b"" if bodiless else known_bytes(given_.response.body))
        assert found.response.body_bytes == given_.bytes_in
    assert found.started == DAY_NS + given_.started
    assert service_time_ns(found) == pytest.approx(given_.service_time_ns, abs=10)
    assert (
        found.ended == pytest.approx(DAY_NS + given_.ended, abs=10) if given_.ended is not None else not found.ended
    )


def test_connections_stay_apart() -> None:
    entries = written(exchange(connection="c1"), exchange(connection="c2"))["entries"]

    assert [each["connection"] for each in entries] == ["c1", "c2"]


def test_the_phases_add_up_to_the_total() -> None:
    opened = exchange(took_ms=50, connect_started=5 * MS, connected=25 * MS, first_byte=40 * MS)

    (found,) = written(opened)["entries"]

    assert found["time"] == 50
    assert (found["timings"]["blocked"], found["timings"]["connect"], found["timings"]["wait"]) == (5, 20, 15)


def test_an_answer_whose_end_is_unknown_claims_no_latency(tmp_path: Path) -> None:
    (found,) = there_and_back(tmp_path, write_har, open_har, [exchange(ended=None, first_byte=None)])

    assert found.response is not None
    assert found.ended == 0


def test_a_body_of_which_only_the_length_is_known_has_its_length(tmp_path: Path) -> None:
    given_ = exchange(response=Response(200, [], Sealed(opaque_bytes=900)), bytes_in=900)

    content = written(given_)["entries"][0]["response"]["content"]

    assert content["size"] == 900
    assert "text" not in content


def test_an_empty_capture_is_a_har_without_entries() -> None:
    assert written()["entries"] == []


def test_it_is_what_the_specification_asks_for() -> None:
    log = written(
        exchange("/a?b=c&d=", method="POST", body='{"a": 1}', headers=[("Content-Type", "application/json")])
    )

    assert log["version"] == "1.2"
    (found,) = log["entries"]
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= found.keys()
    request, response = found["request"], found["response"]
    assert {
        "method",
        "url",
        "httpVersion",
        "cookies",
        "headers",
        "queryString",
        "headersSize",
        "bodySize",
    } <= request.keys()
    assert {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"} <= response.keys()
    assert request["queryString"] == [{"name": "b", "value": "c"}, {"name": "d", "value": ""}]
    assert request["postData"] == {"mimeType": "application/json", "text": '{"a": 1}'}
