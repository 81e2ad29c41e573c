"""Whose fault it was: a build that collapses is NOT READY, a generator that is starved is INVALID."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from replay.exchange import Exchange
from tests.end_to_end.conftest import Replay
from tests.end_to_end.service import Service
from tests.factories import exchange

pytestmark = [pytest.mark.e2e, pytest.mark.timed, pytest.mark.timeout(150)]

GATE = """
routes = ["GET /a", "GET /b"]
slice_s = 0.5
min_slices = 16
min_time_constants = 0

[validity]
max_lag_ms = 50
"""


def traffic(seconds: int, rate_per_s: int, seed: int = 5) -> list[Exchange]:
    """Poisson arrivals on two routes, each answered in about 15 ms."""
    dice = random.Random(seed)
    at_ms, made = 0.0, []
    while at_ms < seconds * 1000:
        at_ms += dice.expovariate(rate_per_s) * 1000
        path = dice.choice(["/a", "/b"])
        made.append(exchange(path, at_ms=at_ms, session=str(len(made)), took_ms=15 * dice.lognormvariate(0, 0.25)))
    return made


@contextlib.contextmanager
def throttled(marker: str) -> Iterator[None]:
    """Engines that name ``marker`` get 20 ms of every 100 ms, as under a CPU quota; the target has all it needs."""
    over = threading.Event()

    def throttle() -> None:
        while not over.wait(0.02):
            engines = processes("loadtests.engine", marker)
            for signal_, pause_s in ((signal.SIGSTOP, 0.08), (signal.SIGCONT, 0.0)):
                for engine in engines:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(engine, signal_)
                time.sleep(pause_s)

    watcher = threading.Thread(target=throttle)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def processes(*marks: str) -> list[int]:
    """The processes whose command line or working folder holds every mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                line += str((entry / "cwd").readlink()) + (entry / "environ").read_text(errors="replace")
            except OSError:
                continue
            if all(mark in line for mark in marks):
                found.append(int(entry.name))
    return found


def verdict(folder: Path) -> dict[str, object]:
    found = json.loads((folder / "report" / "verdict.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("behaviour", [{"refuses_after_s": 3.0}, {"stalls_after_s": 3.0}], ids=["refuses", "stalls"])
def test_a_target_that_collapses_under_the_load_is_not_ready(
    tmp_path: Path,
    replay: Replay,
    service: Callable[..., Service],
    write_capture: Callable[[str, Iterable[Exchange]], Path],
    behaviour: dict[str, float],
) -> None:
    write_capture("friday", traffic(10, 60))
    (tmp_path / "gate.toml").write_text(GATE)
    target = service(**behaviour)
    assert replay("baseline", "friday", "-o", "production").code == 0
    assert replay("plan", "friday", "-o", "friday").code == 0

    ran = replay("run", "friday.plan", "--target", target.url, "-o", "candidate", "--no-preflight", "--timeout", "3s")
    judged = replay("gate", "production", "candidate", "--gate", "gate.toml", "-o", "report")

    assert ran.code in {0, 6}, ran.err
    assert (judged.code, verdict(tmp_path)["verdict"]) == (1, "NOT READY"), judged.out + judged.err


def test_a_generator_that_is_starved_of_cpu_is_invalid(
    tmp_path: Path,
    replay: Replay,
    service: Callable[..., Service],
    write_capture: Callable[[str, Iterable[Exchange]], Path],
) -> None:
    write_capture("friday", traffic(10, 100))
    (tmp_path / "gate.toml").write_text(GATE)
    target = service()
    assert replay("baseline", "friday", "-o", "production").code == 0
    assert replay("plan", "friday", "-o", "friday").code == 0

    with throttled(str(tmp_path)):
        ran = replay("run", "friday.plan", "--target", target.url, "-o", "candidate", "--no-preflight")
    judged = replay("gate", "production", "candidate", "--gate", "gate.toml", "-o", "report")

    assert ran.code == 0, ran.err
    assert (judged.code, verdict(tmp_path)["verdict"]) == (4, "INVALID"), judged.out + judged.err
