"""How many requests a second one core sends: wrk, others that are installed, a bare loop, and ``replay run``.

    python benchmarks/engine.py [--seconds 5]

One nginx on the last core answers 193 bytes of JSON; every generator runs on the first one, with 32 connections over
HTTP/1.1. ``replay run`` is the whole thing: Locust's master and worker beside the engine on that same core, a plan of
more requests than can be sent, and a sample of every request on disk. Tools that are not installed are named.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httptools
import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import HOST, ROOT, arrivals_server, cores, nginx, pinned, poisson, write_plan
from replay.samples import read_batches, sample_files

CONNECTIONS = 32
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
        done = run(pinned(core, ["k6", "run", "--vus", str(CONNECTIONS), "--duration", f"{seconds}s", script.name]))
    return float(re.search(r"http_reqs\.*:\s+\d+\s+([\d.]+)/s", done)[1])  # type: ignore[index]


def fast_http_user(url: str, core: str, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "locustfile.py"
        file.write_text(LOCUSTFILE)
        options = ["--headless", "-u", str(CONNECTIONS), "-r", "100", "-t", f"{seconds}s", "--only-summary"]
        run(
            pinned(
                core,
                [
                    sys.executable,
                    "-m",
                    "locust",
                    "-f",
                    str(file),
                    "-H",
                    url,
                    *options,
                    "--csv",
                    str(Path(folder) / "x"),
                ],
            )
        )
        total = (Path(folder) / "x_stats.csv").read_text().splitlines()[-1].split(",")
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


def replay_run(url: str, core: str, seconds: int, rate_per_s: float) -> float:
    """The whole product, asked for ``rate_per_s``; what it sent a second, by its samples."""
    with tempfile.TemporaryDirectory() as folder:
        plan = write_plan(Path(folder) / "plan", poisson(rate_per_s, seconds))
        out = Path(folder) / "out"
        options = [
            "--mode",
            "open",
            "--processes",
            "1",
            "--connections",
            str(CONNECTIONS),
            "--max-in-flight",
            "10000000",
        ]
        program = "from replay.cli.main import main; main()"
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}={url}"]
        command += ["-o", str(out), "--no-preflight", *options]
        run(pinned(core, [*command, "--timeout", "5m"]))
        ends = [
            np.frombuffer(batch.column(batch.schema.get_field_index("end")).buffers()[1], np.int64)
            for path in sample_files(out)
            for batch in read_batches(path)
        ]
        end = np.concatenate(ends)
        errors = sum(
            int(
                (
                    np.frombuffer(batch.column(batch.schema.get_field_index("status")).buffers()[1], np.int32) == 0
                ).sum()
            )
            for path in sample_files(out)
            for batch in read_batches(path)
        )
    if errors:
        raise RuntimeError(f"{errors} requests had no answer")
    return len(end) / (end.max() / 1e9)


def run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--bare", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        print(uvloop.run(bare(options.bare, options.seconds)))
        return
    own, other = cores()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("nginx"):
            server = nginx(Path(folder) / "nginx", other)
        else:
            print("nginx is not installed: the target is a slower server of our own, so the rates are lower bounds")
            server = arrivals_server(Path(folder) / "log", other)
        with server as port:
            url = f"http://127.0.0.1:{port}"
            for name, measure in {"wrk": wrk, "hey": hey, "k6": k6}.items():
                if shutil.which(name):
                    found[name] = measure(url, own, options.seconds)
                else:
                    print(f"{name} is not installed: skipped")
            found["bare loop, no schedule, no record"] = bare_loop(url, own, options.seconds)
            found["Locust FastHttpUser"] = fast_http_user(url, own, options.seconds)
            offered = 1.5 * found["bare loop, no schedule, no record"]
            found["replay run, a sample of every request"] = replay_run(url, own, options.seconds, offered)
    best = found.get("wrk")
    print(f"\n{'generator, one core':<42} {'requests/s':>12} {'of wrk':>8}")
    for name, rate in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{name:<42} {rate:>12,.0f} {f'{rate / best:.2f}' if best else '':>8}")


if __name__ == "__main__":
    main()
