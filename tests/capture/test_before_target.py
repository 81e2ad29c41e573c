"""The proxy in front of a rehearsal's target: what may pass, where it leads, and the times that it leaves."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from replay.capture.before_target import Settings
from replay.capture.stopwatch import ROW, times
from replay.cli.run_processes import free_port
from replay.exchange import RawExchange, RawRequest
from replay.proxied import ROW as READ
from replay.samples import ERRORS
from tests.loadtests.support import MS, Arrival, serving


def raw(**changes: object) -> RawExchange:
    request = RawRequest("GET", "http", "h", b"/", "HTTP/1.1", [], b"", 0)
    whole = RawExchange("", "", 0, 100 * MS, 0, 0, 130 * MS, 150 * MS, request, None, "")
    return msgspec.structs.replace(whole, **changes)


@pytest.mark.parametrize(
    ("exchange", "found"),
    [
        pytest.param(raw(), (50 * MS, 30 * MS, 0), id="on a kept connection"),
        pytest.param(raw(connect_started=95 * MS, connected=120 * MS), (30 * MS, 10 * MS, 0), id="opened one"),
        pytest.param(raw(connect_started=50 * MS, connected=90 * MS), (50 * MS, 30 * MS, 0), id="opened before"),
        pytest.param(raw(ended=0, first_byte=0, error="reset"), (-1, -1, ERRORS.index("reset")), id="broke off"),
        pytest.param(raw(ended=0, error="client"), (-1, 30 * MS, 0), id="the client went away"),
    ],
)
def test_times_are_those_of_a_baseline(exchange: RawExchange, found: tuple[int, int, int]) -> None:
    assert times(exchange) == found


@pytest.mark.e2e
def test_the_run_s_requests_pass_to_the_pinned_address_and_no_others_do(tmp_path: Path) -> None:
    async def answer(arrival: Arrival, writer: object) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # type: ignore[attr-defined]

    with serving(answer) as server:
        settings = Settings(
            f"http://no-such-name.invalid:{server.port}", "127.0.0.1", free_port(), "ab12", str(tmp_path / "times")
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "replay.capture.before_target"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            process.stdin.flush()
            assert b"timing" in process.stdout.readline()
            answers = []
            for mark in ("ab12-7", "ab12-preflight-1", "other-8", "ab123-9", None):
                connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=10)
                marked = {"X-Dress-Rehearsal": mark} if mark else {}
                connection.request("GET", "/a", headers={"Host": "staging.example", **marked})
                answers.append(connection.getresponse().status)
                connection.close()
            _, said = process.communicate(timeout=30)  # closes its input
        finally:
            process.kill()
            process.communicate()

    assert answers == [200, 200, 403, 403, 403]
    assert (process.returncode, said) == (0, b"")
    assert [arrival.header("Host") for arrival in server.arrivals] == ["staging.example"] * 2
    [row] = np.fromfile(tmp_path / "times", READ)
    assert ROW.size == READ.itemsize
    assert row["trace"] == 7
    assert 0 < row["first_byte"] <= row["took"] < 5000 * MS
    assert (tmp_path / "times").stat().st_mode & 0o777 == 0o600
