"""How many requests a second one core sends: wrk, others that are installed, a bare loop, and ``replay run``.

    python benchmarks/engine.py [--seconds 4] [--rounds 3]

One nginx on the last core answers 193 bytes of JSON; every generator runs on the first one, with 32 connections over
HTTP/1.1, plain and over TLS. ``replay run`` is the whole thing: Locust's master and worker beside the engine on that
same core, a plan of more requests than can be sent, and a sample of every request on disk. Rounds go through all of
them in turn, and the best of each counts: what other tenants of the machine took is no generator's fault. Tools that
are not installed are named. Two processes are compared with one where there are cores for them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httptools
import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import HOST, ROOT, arrivals_server, column, cores, nginx, pinned, poisson, write_plan

CONNECTIONS = 32
REPLAY = "replay run, a sample of every request"
MANY_CORES = 4
LOCUSTFILE = """
from locust import FastHttpUser, constant, task
class Fast(FastHttpUser):
    wait_time = constant(0)
    @task
    def get(self):
        self.client.get("/r0", name="r0")
"""


def wrk(url: str, core: str, seconds: int) -> float:
    done = run(pinned(core, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])  # type: ignore[index]


def hey(url: str, core: str, seconds: int) -> float:
    done = run(pinned(core, ["hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{seconds}s", url]))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])  # type: ignore[index]


def k6(url: str, core: str, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".js") as script:
        script.write(f'import http from "k6/http"; export default function () {{ http.get("{url}"); }}')
        script.flush()
        options = ["--insecure-skip-tls-verify", "--vus", str(CONNECTIONS), "--duration", f"{seconds}s"]
        done = run(pinned(core, ["k6", "run", *options, script.name]))
    return float(re.search(r"http_reqs\.*:\s+\d+\s+([\d.]+)/s", done)[1])  # type: ignore[index]


def fast_http_user(url: str, core: str, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file, table = Path(folder) / "locustfile.py", Path(folder) / "x"
        file.write_text(LOCUSTFILE)
        options = ["--headless", "-u", str(CONNECTIONS), "-r", "100", "-t", f"{seconds}s", "--only-summary"]
        locust = [sys.executable, "-m", "locust", "-f", str(file), "-H", url, "--csv", str(table)]
        run(pinned(core, [*locust, *options]))
        total = table.with_name("x_stats.csv").read_text().splitlines()[-1].split(",")
    return float(total[9])


def bare_loop(url: str, core: str, seconds: int) -> float:
    """uvloop and httptools with nothing around them: no schedule, no record."""
    return float(run(pinned(core, [sys.executable, __file__, "--bare", url, "--seconds", str(seconds)])))


class Bare(asyncio.Protocol):
    """Asks again as soon as an answer is whole."""

    answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.ask()

    def ask(self) -> None:
        self.transport.write(b"GET /r0 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        Bare.answers += 1
        self.ask()


async def bare(url: str, seconds: int) -> float:
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(Bare, host, int(port))
    before, started = Bare.answers, time.monotonic()
    await asyncio.sleep(seconds)
    return (Bare.answers - before) / (time.monotonic() - started)


def replay_run(
    url: str, cores: str, seconds: int, rate_per_s: float, processes: int = 1, *, lives: bool = False
) -> float:
    """The whole product, asked for ``rate_per_s``; what it sent a second, by its samples."""
    with tempfile.TemporaryDirectory() as folder:
        plan = write_plan(Path(folder) / "plan", poisson(rate_per_s, seconds), lives=lives)
        out = Path(folder) / "out"
        options = ["--mode", "open", "--processes", str(processes), "--max-in-flight", "10000000", "--timeout", "5m"]
        options += ["--connections", str(CONNECTIONS // processes), "--no-preflight", "--insecure"]
        program = "from replay.cli.main import main; main()"
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}={url}", "-o", str(out)]
        run(pinned(cores, [*command, *options]))
        end, status = column(out, "end", np.int64), column(out, "status", np.int32)
    if (status == 0).any():
        raise RuntimeError(f"{(status == 0).sum()} requests had no answer")
    return len(end) / (end.max() / 1e9)


def run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def measured(url: str, core: str, seconds: int) -> dict[str, float]:
    """Requests a second of each generator that is installed, once."""
    tools = {"wrk": wrk, "hey": hey, "k6": k6}
    found = {name: measure(url, core, seconds) for name, measure in tools.items() if shutil.which(name)}
    if url.startswith("http://"):
        found["bare loop, no schedule, no record"] = bare_loop(url, core, seconds)
        found["Locust FastHttpUser"] = fast_http_user(url, core, seconds)
    found[REPLAY] = replay_run(url, core, seconds, 1.1 * max(found.values(), default=100_000))
    return found


def show(title: str, rounds: list[dict[str, float]]) -> None:
    """The best of the rounds, and the middle and the least of them beside it."""
    each = {name: sorted(found[name] for found in rounds) for name in rounds[0]}
    wrk_best = each["wrk"][-1] if "wrk" in each else 0.0
    print(f"\n{title:<42} {'requests/s':>12} {'of wrk':>8} {'middle':>10} {'least':>10}")
    for name, rates in sorted(each.items(), key=lambda item: -item[1][-1]):
        share = f"{rates[-1] / wrk_best:.2f}" if wrk_best else ""
        print(f"{name:<42} {rates[-1]:>12,.0f} {share:>8} {statistics.median(rates):>10,.0f} {rates[0]:>10,.0f}")


def two_processes(folder: Path, seconds: int) -> None:
    """One process against two, each with a core of its own, and a server that keeps up with both."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < MANY_CORES:
        print(f"\ntwo processes beside one: SKIPPED, needs {MANY_CORES} cores, this machine has {len(usable)}")
        return
    first, second, *rest = (str(core) for core in usable)
    with nginx(folder, ",".join(rest), workers=len(rest)) as port:
        url = f"http://127.0.0.1:{port}"
        one = replay_run(url, first, seconds, 150_000)
        two = replay_run(url, f"{first},{second}", seconds, 300_000, processes=2)
    print(f"\ntwo processes beside one: {two:,.0f} and {one:,.0f} requests/s, {two / one:.2f} ×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        print(uvloop.run(bare(options.bare, options.seconds)))
        return
    own, other = cores()
    for tool in ("wrk", "hey", "k6", "taskset"):
        if not shutil.which(tool):
            print(f"{tool} is not installed: skipped")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not shutil.which("nginx"):
            print("nginx is not installed: the target is a slower server of our own, so the rates are lower bounds")
            with arrivals_server(folder / "log", other) as port:
                rounds = [measured(f"http://127.0.0.1:{port}", own, options.seconds) for _ in range(options.rounds)]
            show("one core", rounds)
            return
        for scheme in ("http", "https"):
            with nginx(folder / scheme, other, scheme=scheme) as port:
                url = f"{scheme}://127.0.0.1:{port}"
                show(f"{scheme}, one core", [measured(url, own, options.seconds) for _ in range(options.rounds)])
        two_processes(folder / "many", options.seconds)


if __name__ == "__main__":
    main()
