"""What a capture costs the traffic: bare mitmdump, ``mitmdump -w``, and ``replay capture``, under the same load.

    python benchmarks/capture.py [--seconds 5] [--connections 16] [--body 2048]

A closed loop of keep-alive connections asks a small service on loopback for JSON, through each proxy in turn, in
rounds. Printed are requests/s, latencies at the client, the share of bare mitmdump's rate, the processor time that
the proxy's own process took a request (which other work on the machine does not blur), and for the capture how much
of what passed is in it. On two cores proxy, sanitiser, service and generator share them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop

from replay.capture.manifest import read_capture_manifest
from replay.capture.proxy import MITMDUMP

HOST = "127.0.0.1"
WARM_UP_S = 1.0


@dataclass
class Measured:
    """One proxy's figures over all rounds."""

    rates: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    proxy_cpu_s: float = 0.0
    note: str = ""

    def row(self, name: str, bare: float) -> str:
        """A line of the table."""
        ordered = sorted(self.latencies_s)
        p50, p99 = (1000 * ordered[int(len(ordered) * q)] for q in (0.5, 0.99))
        rate = statistics.median(self.rates)
        cpu_us = 1e6 * self.proxy_cpu_s / len(self.latencies_s)
        return f"{name:<16}{rate:>10,.0f}{p50:>10.2f}{p99:>10.2f}{rate / bare:>8.2f}{cpu_us:>12,.0f}   {self.note}"


class Service(asyncio.Protocol):
    """Answers every request with the same JSON."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        *whole, self.held = self.held.split(b"\r\n\r\n")
        self.transport.write(self.answer * len(whole))  # type: ignore[attr-defined]


async def serve(port: int, size: int) -> None:
    """The service's process."""
    items = [
        {"id": 100_000 + n, "name": f"person {n}", "mail": f"p{n}@example.org"} for n in range(max(1, size // 64))
    ]
    body = json.dumps(items).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    Service.answer = head.encode() + body
    server = await asyncio.get_running_loop().create_server(Service, HOST, port)
    await server.serve_forever()


async def ask(port: int, until: float, measure_from: float, latencies_s: list[float]) -> None:
    """One connection of the closed loop."""
    reader, writer = await asyncio.open_connection(HOST, port)
    number = 0
    while (began := time.perf_counter()) < until:
        number += 1
        target = f"/users/{number % 500}/items?page={number % 7}"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: shop.example\r\nCookie: sid=s{id(writer)}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if began >= measure_from:
            latencies_s.append(time.perf_counter() - began)
    writer.close()


async def load(port: int, connections: int, seconds: float) -> list[float]:
    """The latencies of everything asked after the warm-up."""
    latencies_s: list[float] = []
    start = time.perf_counter()
    tasks = (ask(port, start + WARM_UP_S + seconds, start + WARM_UP_S, latencies_s) for _ in range(connections))
    await asyncio.gather(*tasks)
    return latencies_s


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until something listens on ``port``."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("a process did not come up within 30 s")


@contextlib.contextmanager
def running(arguments: list[str], port: int) -> Iterator[int]:
    """The id of a process of ours that listens on ``port``; it is ended in order."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def proxy_cpu_s(pid: int) -> float:
    """Processor time of the proxy, which is ``pid`` itself or its child, so far."""
    for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
        if MITMDUMP in process.cmdline():
            times = process.cpu_times()
            return float(times.user + times.system)
    return 0.0


def proxies(upstream: int, port: int, work: Path) -> dict[str, list[str]]:
    """The command of each proxy that is compared."""
    bare = [sys.executable, "-c", MITMDUMP, "-q", "--set", "flow_detail=0", "--set", f"confdir={work / 'conf'}"]
    bare += ["--mode", f"reverse:http://{HOST}:{upstream}", "--listen-host", HOST, "--listen-port", str(port)]
    bare += ["--set", "keep_host_header=true"]
    ours = [
        sys.executable,
        "-m",
        "replay",
        "capture",
        str(work / "capture"),
        "--upstream",
        f"http://{HOST}:{upstream}",
    ]
    return {
        "mitmdump": bare,
        "mitmdump -w": [*bare, "-w", str(work / "flows")],
        "replay capture": [*ours, "--listen", f"{HOST}:{port}"],
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="What a capture costs the traffic.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--body", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve(asked.serve, asked.body))
        return
    measured: dict[str, Measured] = {}
    upstream = free_port()
    with running([sys.executable, __file__, "--serve", str(upstream), "--body", str(asked.body)], upstream):
        for _ in range(asked.rounds):
            latencies = uvloop.run(load(upstream, asked.connections, asked.seconds))
            record(measured, "no proxy", latencies, asked.seconds)
            for name in ("mitmdump", "mitmdump -w", "replay capture"):
                work = Path(tempfile.mkdtemp(prefix="benchmark-"))
                port = free_port()
                with running(proxies(upstream, port, work)[name], port) as pid:
                    began_s = proxy_cpu_s(pid)
                    latencies = uvloop.run(load(port, asked.connections, asked.seconds))
                    used_s = (proxy_cpu_s(pid) - began_s) * asked.seconds / (asked.seconds + WARM_UP_S)
                record(measured, name, latencies, asked.seconds)
                measured[name].proxy_cpu_s += used_s
                if name == "replay capture":
                    manifest = read_capture_manifest(work / "capture")
                    measured[
                        name
                    ].note = f"{manifest.written:,} of {manifest.seen:,} written {manifest.dropped or ''}"
                shutil.rmtree(work)
    bare = statistics.median(measured["mitmdump"].rates)
    head = f"{asked.connections} connections, {asked.body} byte bodies, {asked.rounds} × {asked.seconds:g} s"
    print(f"{head}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<16}{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'× bare':>8}{'CPU µs/req':>12}")
    for name, figures in measured.items():
        print(figures.row(name, bare))


def record(measured: dict[str, Measured], name: str, latencies_s: list[float], seconds: float) -> None:
    """Add one round."""
    figures = measured.setdefault(name, Measured())
    figures.rates.append(len(latencies_s) / seconds)
    figures.latencies_s += latencies_s


if __name__ == "__main__":
    main()
