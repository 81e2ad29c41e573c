"""Real mitmdump → plan → real Locust → gate, on loopback."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.conftest import COMMAND, Replay
from tests.end_to_end.service import Service

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

# Wide, for ten seconds of traffic on a machine that runs other tests too.
GATE = """
quantiles = [0.5, 0.9]
slice_s = 0.5
min_slices = 16
min_time_constants = 0
assumed_run_noise = 0.05

[margins]
relative = 0.5
absolute_ms = 25
errors = 0.05

[validity]
max_lag_ms = 50
"""


@contextmanager
def capturing(folder: Path, name: str, upstream: str, *options: str) -> Iterator[int]:
    """``replay capture`` in the background; gives the port that it listens on and ends it by SIGINT."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [COMMAND, "capture", name, "--upstream", upstream, "--listen", "127.0.0.1:0", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _port(folder / f"{name}.log", process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, (folder / f"{name}.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"capturing: http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def visit(port: int, seconds: float, rate_per_s: float, visitors: int = 4) -> None:
    """Visitors that each keep one connection and ask for one page or the other."""

    def one(seed: int) -> None:
        dice = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            connection.request("GET", dice.choice(["/api/v1/orders", "/api/v1/products?page=2"]))
            assert connection.getresponse().read()
            time.sleep(dice.expovariate(rate_per_s / visitors))
        connection.close()

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def children_of(session_marker: str) -> list[str]:
    """Command lines of living processes that name the marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                where = str((entry / "cwd").readlink())
            except OSError:
                continue
            if session_marker in line or session_marker in where:
                found.append(line)
    return found


@pytest.mark.timed
def test_real_traffic_goes_the_whole_way_to_ready(
    tmp_path: Path, replay: Replay, service: Callable[..., Service]
) -> None:
    production, staging = service(), service()
    (tmp_path / "gate.toml").write_text(GATE)

    with capturing(tmp_path, "friday", production.url, "--policy", "builtin:strict") as port:
        visit(port, seconds=10, rate_per_s=48)
    steps = [
        replay("baseline", "friday", "-o", "production"),
        replay("plan", "friday", "-o", "friday"),
        replay("run", "friday.plan", "--target", staging.url, "--scale", "2", "-o", "candidate"),
    ]
    judged = replay("gate", "production", "candidate", "--gate", "gate.toml", "-o", "report")

    for step in steps:
        assert step.code == 0, step.err
    assert judged.code == 0, judged.out + judged.err
    assert judged.out.splitlines()[0].startswith("READY") or "READY" in judged.out
    report = tmp_path / "report"
    verdict = json.loads((report / "verdict.json").read_text())
    assert verdict["verdict"] == "READY"
    assert verdict["format"] == "verdict/1"
    assert {"verdict.json", "report.md", "junit.xml"} <= {path.name for path in report.iterdir()}
    captured = json.loads((tmp_path / "captures" / "friday" / "manifest.json").read_text())
    assert captured["written"] == captured["seen"] == len(production.requests)
    assert len(staging.requests) > 1.8 * len(production.requests)
    assert children_of(str(tmp_path)) == []


def test_the_place_that_was_captured_is_refused_and_gets_not_one_packet(
    tmp_path: Path, replay: Replay, service: Callable[..., Service]
) -> None:
    production = service()
    with capturing(tmp_path, "friday", production.url, "--policy", "builtin:strict") as port:
        visit(port, seconds=1, rate_per_s=20)
    assert replay("plan", "friday", "-o", "friday").code == 0
    seen, connections = len(production.requests), production.connections

    for url in (
        production.url,
        f"http://localhost:{production.port}",
        f"http://[::ffff:127.0.0.1]:{production.port}",
    ):
        refused = replay("run", "friday.plan", "--target", url, "-o", "candidate")
        assert refused.code == 7, refused.err
        assert refused.err.count("\n") == 1

    assert (len(production.requests), production.connections) == (seen, connections)
    assert not (tmp_path / "runs").exists()


def test_an_unreachable_target_is_exit_6_and_one_line(
    tmp_path: Path, replay: Replay, service: Callable[..., Service]
) -> None:
    production = service()
    with capturing(tmp_path, "friday", production.url, "--policy", "builtin:strict") as port:
        visit(port, seconds=1, rate_per_s=20)
    assert replay("plan", "friday", "-o", "friday").code == 0
    gone = service()
    gone.stop()

    ended = replay("run", "friday.plan", "--target", gone.url, "-o", "candidate")

    assert ended.code == 6
    assert len([line for line in ended.err.splitlines() if line.startswith("replay: ")]) == 1
    assert not (tmp_path / "runs" / "candidate").exists()
