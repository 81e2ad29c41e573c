"""What the length of a plan costs: how soon the first request leaves, and how much memory the engine holds.

    python benchmarks/long_plan.py [--requests 10000000] [--seconds 20]

The same load from a plan of a hundredth of ``--requests`` and from one of all of them; the run is cut short with
``--duration``. Memory is the engine's largest while it sends: its own pages, and all that is resident, with the part
of the plan that is mapped at that moment. Targets: the first request within 5 s, no more memory for the longer plan.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import HOST, ROOT, arrivals_server, cores, poisson, write_plan

RATE_PER_S = 10_000
LENGTHENED = 100


@dataclass(slots=True)
class Memory:
    """The largest memory of the engines that this machine runs for ``folder``, in megabytes."""

    folder: Path
    own: float = 0.0
    resident: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look ten times a second until it is over."""
        while not self.over.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                self._look(process)

    def _look(self, process: Path) -> None:
        try:
            command = (process / "cmdline").read_bytes()
            if b"loadtests.engine" not in command or str(self.folder).encode() not in command:
                return
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            self.own = max(self.own, int(lines["RssAnon"].split()[0]) / 1024)
            self.resident = max(self.resident, int(lines["VmRSS"].split()[0]) / 1024)
        except (OSError, KeyError):
            return  # it has ended


def measure(requests: int, seconds: int, folder: Path) -> None:
    """Replay the first seconds of a plan of ``requests`` and print what it took."""
    plan = write_plan(
        folder / "plan", poisson(RATE_PER_S, requests / RATE_PER_S), routes=200, sessions=requests // 20
    )
    size_mb = sum(path.stat().st_size for path in plan.iterdir()) / 1e6
    memory = Memory(folder)
    watcher = threading.Thread(target=memory.watch)
    _, other = cores()
    with arrivals_server(folder / "log", other) as port:
        options = ["--no-preflight", "--mode", "open", "--processes", "1", "--duration", f"{seconds}s"]
        program = "from replay.cli.main import main; main()"
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}=http://127.0.0.1:{port}"]
        watcher.start()
        started_ns = time.monotonic_ns()
        try:
            subprocess.run([*command, *options, "-o", str(folder / "out")], cwd=ROOT, check=True, capture_output=True)
        finally:
            memory.over.set()
            watcher.join()
    arrivals = np.frombuffer((folder / "log").read_bytes(), np.int64).reshape(-1, 2)
    first_s = (arrivals[arrivals[:, 0] >= 0, 1].min() - started_ns) / 1e9
    print(
        f"{requests:>12,} {size_mb:>9,.0f} {first_s:>15.1f} {memory.own:>14.0f} {memory.resident:>12.0f}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    print(f"{'requests':>12} {'plan MB':>9} {'first after s':>15} {'engine own MB':>14} {'resident MB':>12}")
    least = options.seconds * RATE_PER_S * 2
    for requests in (max(options.requests // LENGTHENED, least), options.requests):
        with tempfile.TemporaryDirectory() as name:
            measure(requests, options.seconds, Path(name))


if __name__ == "__main__":
    main()
