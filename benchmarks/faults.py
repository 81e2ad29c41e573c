"""Whose fault was it? Real rehearsals of the bundled shop, each with one fault injected, and what the verdict says.

    python benchmarks/faults.py [--only TEXT] [--seconds 20] [--rate 60]

The shop is captured once, planned, and replayed with one fault of the generator each: a quota of CPU, a stall, a
lag that grows, a killed writer of samples, a file that cannot grow, an interruption, half the load. Three are
repeated upon a build whose search takes twice as long, and an unhurt generator meets worse builds. Right is INVALID
with its own reason wherever the generator failed, whatever the build, and never where only the build did.
Everything is on loopback; a row takes about ``seconds`` and ten.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from shop import rehearsable, replay, shop

from analysis.gate_file import Gate, ValidityLimits
from analysis.rehearsal import rehearse
from replay.demo.children import Children

GATE = Gate(
    slice_s=0.5,
    min_slices=16,
    min_time_constants=0,
    routes=["GET /search", "GET /products/{product_id}"],
    validity=ValidityLimits(max_lag_ms=20),
)
TWICE = ("--slow", "GET /search=2")


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: the run's options, what is done to its engines, and the build."""

    name: str
    options: tuple[str, ...] = ()
    hurt: Callable[[subprocess.Popen[bytes], float], None] | None = None
    build: tuple[str, ...] = ()
    most_kib: int = 0
    """The largest file that the run may write; 0 sets no limit."""


def engines(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The run's processes that generate load: those that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            each for each in psutil.Process(run.pid).children(recursive=True) if "engine" in " ".join(each.cmdline())
        ]
    return []


def hold(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Stop the engines for so long."""
    held = engines(run)
    for number, pause_s in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
        for each in held:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
        time.sleep(pause_s)


def throttle(run: subprocess.Popen[bytes], seconds: float) -> None:
    """20 ms of every 100 ms, as under a quota."""
    while run.poll() is None:
        hold(run, 0.08)
        time.sleep(0.02)


def stall(run: subprocess.Popen[bytes], seconds: float) -> None:
    """One stop of two seconds."""
    time.sleep(seconds * 0.3)
    hold(run, 2.0)


def slow_down(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Stops that grow longer, from 2 to 60 ms of every 100."""
    begin = time.monotonic()
    while run.poll() is None:
        pause_s = min(0.06, 0.002 + 0.06 * (time.monotonic() - begin) / seconds)
        hold(run, pause_s)
        time.sleep(0.1 - pause_s)


def kill_last(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Kill the process that was started last, the one that writes an engine's samples."""
    time.sleep(seconds * 0.3)
    engines(run)[-1].kill()


def interrupt(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Ctrl-C in the middle."""
    time.sleep(seconds * 0.4)
    run.send_signal(signal.SIGINT)


FAULTS = (
    Row("quota of CPU, 20 %", hurt=throttle),
    Row("event loop stopped for 2 s", hurt=stall),
    Row("lag that grows", hurt=slow_down),
    Row("the process that writes samples killed", ("--processes", "2"), kill_last),
    Row("samples cannot be written", most_kib=48),
    Row("interrupted", hurt=interrupt),
    Row("half the load ordered", ("--scale", "0.5")),
)
ROWS = (
    Row("nothing"),
    *FAULTS,
    Row("search takes twice as long", build=TWICE),
    *(Row(f"search twice as long, {row.name}", row.options, row.hurt, TWICE, row.most_kib) for row in FAULTS[:3]),
    Row("product page fails, 10 %", build=("--fail", "GET /products/{product_id}=0.1")),
)


def main() -> None:
    """Capture and plan once, then print one line a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=60.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Children() as children:
        folder = Path(scratch)
        rehearsable(folder, children, asked.seconds, asked.rate)
        for number, row in enumerate(ROWS):
            if asked.only in row.name:
                print(f"{row.name:<50} {_judged(folder, children, row, number, asked.seconds)}", flush=True)


def _judged(folder: Path, children: Children, row: Row, number: int, seconds: float) -> str:
    run = folder / f"run-{number}"
    with shop(children, folder / "staging.db", 1, row.build) as staging:
        order = replay("run", str(folder / "shop.plan"), "--target", staging, "-o", str(run), "--no-preflight")
        order += row.options
        if row.most_kib:
            order = ["bash", "-c", f'ulimit -f {row.most_kib}; exec "$@"', "bash", *order]
        child = subprocess.Popen(
            order, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            if row.hurt:
                _once_it_sends(child)
                threading.Thread(target=row.hurt, args=(child, seconds), daemon=True).start()
            code = child.wait(seconds * 2 + 90)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                child.wait(30)
    try:
        found = rehearse(folder / "production", run, GATE).verdict
    except ValueError as error:
        return f"run {code}, refused: {error}"
    return f"run {code}, {found.verdict}: {found.reasons[0]}"


def _once_it_sends(run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not engines(run) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(4)  # its first requests


if __name__ == "__main__":
    main()
