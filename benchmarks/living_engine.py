"""What live values cost the engine: ``replay run`` with a fifth of its requests bound, beside the same without.

    python benchmarks/living_engine.py [--seconds 4] [--rounds 6] [--offered 0]

The whole of ``replay run`` on the first core, nginx on the last one (the same, where there is but one), 32
connections, 1.2 times as much offered as a first run without bound requests could send. In the plan that lives, every
fifth request of a session takes a value from its JSON answer and the next one carries it in a header, through the
whole of extraction, filling, checking and stamping.

Both sides are measured alike: from the engine's start until the last request is answered. That must come behind the
schedule's end by a twentieth of it at least, since the engine could send no more; else the run is refused. What
counts is the processor time of the engine's process for a request, read from the system as its journal begins and at
every tick, so that neither the server's share of a core nor other programs on the machine stand in it; its inverse is
what one core can send. Rounds alternate in their order. Beside it stand requests a second as sent, and how busy the
server was: over 0.9 of a core of its own, it was the server that was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.engine import CONNECTIONS
from benchmarks.synthetic import HOST, ROOT, column, cores, nginx, pinned, poisson, write_plan

FIRST_OFFERED_PER_S = 120_000
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One saturated run."""

    cpu_us: float
    """Of the engine, for a request."""
    sent_per_s: float
    server_share: float
    """Of one core."""


class Watcher(threading.Thread):
    """Notes the processor time of the engine and the server as the engine's journal begins, and at every tick."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._over = threading.Event()
        self.seen: list[tuple[float, float, float]] = []
        """Wall clock, engine's and server's processor time, in seconds."""

    def run(self) -> None:
        engine, servers = 0, _processes(b"nginx")
        while not self._over.wait(0.002):
            journal = next(self._folder.glob(".out.part-*/engine-0.jsonl"), None)
            if journal is not None and journal.read_bytes().count(b"\n") >= len(self.seen):
                engine = engine or next(iter(_processes(b"loadtests.engine", os.fsencode(self._folder))), 0)
                self.seen.append((time.monotonic(), _cpu_s(engine), sum(map(_cpu_s, servers))))

    def close(self) -> None:
        self._over.set()
        self.join()


def _processes(*parts: bytes) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = each.read_bytes()
        except OSError:
            continue
        if all(part in text for part in parts):
            found.append(int(each.parent.name))
    return found


def _cpu_s(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def measure(port: int, core: str, seconds: int, rate_per_s: float, *, lives: bool) -> Measured:
    """The whole product, asked for ``rate_per_s``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = write_plan(folder / "plan", poisson(rate_per_s, seconds), lives=lives)
        program = "from replay.cli.main import main; main()"
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}=http://127.0.0.1:{port}"]
        command += ["-o", str(folder / "out"), "--mode", "open", "--processes", "1", "--max-in-flight", "10000000"]
        command += ["--timeout", "5m", "--connections", str(CONNECTIONS), "--no-preflight"]
        watcher = Watcher(folder)
        watcher.start()
        try:
            subprocess.run(pinned(core, command), cwd=ROOT, check=True, capture_output=True)
        finally:
            watcher.close()
        ticks = json.loads((folder / "out" / "run.json").read_text())["ticks"][: len(watcher.seen) - 1]
        ended, status = column(folder / "out", "end"), column(folder / "out", "status", np.int32)
    if (status == 0).any():
        raise RuntimeError(f"{(status == 0).sum()} requests had no answer")
    if ended.max() < 1.05 * seconds * 1e9:
        raise RuntimeError("the engine kept up with what was offered: offer more")
    (start, engine_before, server_before), (end, engine, server) = watcher.seen[0], watcher.seen[len(ticks)]
    sent = int((ended < (ticks[-1]["second"] + 1) * 1e9).sum())
    cpu_us = (engine - engine_before) / sent * 1e6
    return Measured(cpu_us, len(ended) / (ended.max() / 1e9), (server - server_before) / (end - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--offered", type=float, default=0, help="requests/s; 0: 1.2 times what a first run sends")
    options = parser.parse_args()
    own, other = cores()
    print("a core for the engine, another for the server" if own != other else "one core for engine and server")
    columns = f"{'without':>10} {'20 % bound':>11} {'ratio':>6}"
    print(f"{'':<6} {'µs of the engine a request':>29} {'requests/s':>29} {'server busy':>13}")
    print(f"{'round':<6} {columns} {columns} {'without':>7} {'bound':>5}", flush=True)
    by_cpu, by_rate = [], []
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder) / "nginx", other) as port:
        offered = options.offered
        if not offered:
            offered = 1.2 * measure(port, own, options.seconds, FIRST_OFFERED_PER_S, lives=False).sent_per_s
        for number in range(options.rounds):
            order = (False, True) if number % 2 == 0 else (True, False)
            found = {lives: measure(port, own, options.seconds, offered, lives=lives) for lives in order}
            plain, bound = found[False], found[True]
            by_cpu.append(plain.cpu_us / bound.cpu_us)
            by_rate.append(bound.sent_per_s / plain.sent_per_s)
            print(
                f"{number + 1:<6} {plain.cpu_us:>10.1f} {bound.cpu_us:>11.1f} {by_cpu[-1]:>6.2f} "
                f"{plain.sent_per_s:>10,.0f} {bound.sent_per_s:>11,.0f} {by_rate[-1]:>6.2f} "
                f"{plain.server_share:>7.2f} {bound.server_share:>5.2f}",
                flush=True,
            )
    for name, ratios in (("of one core", by_cpu), ("as sent", by_rate)):
        print(
            f"throughput {name} with 20 % bound: {statistics.median(ratios):.2f} of that without, "
            f"{min(ratios):.2f} to {max(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
