"""``replay metrics`` from the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from replay.cli.main import main
from replay.cli.metrics import _Source
from replay.errors import EXIT_INCOMPLETE, EXIT_INPUT, EXIT_OK
from tests.runs import Samples, write_run


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["metrics", *map(str, arguments)])
    return int(ended.value.code or 0)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return write_run(tmp_path / "build", Samples(["GET /a"] * 3, np.arange(3.0), np.full(3, 0.2)))


def test_the_present_figures_can_be_printed(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(finished, "--once") == EXIT_OK
    assert 'replay_run_response_seconds_count{route="GET /a"} 3.0' in capsys.readouterr().out


def test_prometheus_is_answered_and_the_server_ends_by_itself(finished: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "replay", "metrics", str(finished), "--listen", f"127.0.0.1:{port}"]
    server = subprocess.Popen([*command, "--linger", "2s"], env={**os.environ, "NO_COLOR": "1"})
    try:
        answer, until_s = b"", time.monotonic() + 20
        while not answer and time.monotonic() < until_s:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
                    answer = response.read()
            except OSError:
                time.sleep(0.05)
        assert b"replay_run_up 0.0" in answer
        assert server.wait(20) == EXIT_OK
    finally:
        server.kill()
        server.wait()


def test_a_name_without_capture_or_run_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nothing") == EXIT_INPUT
    assert "no run is under way" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(finished, "--listen", f"127.0.0.1:{taken.getsockname()[1]}") == EXIT_INCOMPLETE
    assert capsys.readouterr().err.count("\n") == 1


def test_questions_of_two_clients_at_once_are_answered_one_after_the_other() -> None:
    """What was read of a run is counted as it is read: two readers at a time would count it twice."""
    asking, most = [0], [0]

    def ask() -> Iterator[Metric]:
        asking[0] += 1
        most[0] = max(most[0], asking[0])
        time.sleep(0.02)
        yield GaugeMetricFamily("up", "Up.", 1)
        asking[0] -= 1

    source = _Source(ask, lambda: False)
    clients = [Thread(target=lambda: list(source.collect())) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert most == [1]
