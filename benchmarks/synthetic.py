"""Synthetic plans and the servers that the benchmarks replay them against. Not a benchmark by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from replay.plan.store import PLAN_FORMAT, SCHEMA, PlanManifest, PlanWriter

HOST = "benchmark.example"
ROOT = Path(__file__).resolve().parents[1]
SERVER = "benchmarks/arrival_server.py"
NGINX = """
worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; daemon off; worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
    default_type application/json;
    return 200 '{body}';
  }} }}
}}
"""
BODY = (
    '{"id":1234,"name":"a product","price":1999,"currency":"EUR","tags":["alpha","beta","gamma"],"text":"'
    + "x" * 92
    + '"}'
)


def poisson(rate_per_s: float, seconds: float, seed: int = 1) -> np.ndarray:
    """Arrival times in nanoseconds, Poisson."""
    dice = np.random.default_rng(seed)
    times = np.cumsum(dice.exponential(1e9 / rate_per_s, round(rate_per_s * seconds * 1.2) + 100))
    return times[times < seconds * 1e9].astype(np.int64)


def bursty(rate_per_s: float, seconds: float, seed: int = 1) -> np.ndarray:
    """Arrival times of a source that is on half of the time (0.1 s a phase on average), at twice its mean rate."""
    dice = np.random.default_rng(seed)
    times = poisson(2 * rate_per_s, seconds, seed)
    edges = np.cumsum(dice.exponential(1e8, round(seconds * 20) + 100))
    return times[np.searchsorted(edges, times) % 2 == 0]


def write_plan(folder: Path, due: np.ndarray, *, routes: int = 5, sessions: int = 1000, lanes: int = 100) -> Path:
    """A plan of GET requests at ``due``, spread evenly over routes and sessions; sessions depend on their order."""
    folder.mkdir(parents=True)
    count = len(due)
    numbers = np.arange(count)
    session = numbers % sessions
    previous = np.where(numbers >= sessions, numbers - sessions, -1)
    with PlanWriter(folder) as writer:
        for start in range(0, count, 1 << 16):
            part = slice(start, start + (1 << 16))
            here = numbers[part]
            writer.write(
                pa.Table.from_pydict(
                    {
                        "request": here,
                        "session": session[part],
                        "lane": session[part] % lanes,
                        "due": due[part],
                        "depends_on": previous[part],
                        "think": np.zeros(len(here), np.int64),
                        "route": _named(here % routes, [f"GET /r{n}" for n in range(routes)]),
                        "method": _named(here * 0, ["GET"]),
                        "host": _named(here * 0, [HOST]),
                        "wire": [f"GET /r{n % routes}?n={n} HTTP/1.1\r\nAccept: */*\r\n\r\n".encode() for n in here],
                        "bindings": pa.nulls(len(here), pa.string()),
                        "expected_status": np.full(len(here), 200),
                    },
                    schema=SCHEMA,
                )
            )
        writer.close(
            PlanManifest(
                format=PLAN_FORMAT,
                name=folder.name,
                created="",
                versions={},
                capture_ids=["benchmark"],
                capture_names=["benchmark"],
                policy_hash="",
                templates="",
                key_id="",
                hash="benchmark",
                lanes=lanes,
                lane_shares=[],
                duration_ns=int(due[-1]) + 1,
                zero_ns=0,
                requests=count,
                sessions=sessions,
                hosts={HOST: count},
                routes={f"GET /r{n}": count // routes for n in range(routes)},
                writes={},
                production_requests=count,
                left_out={},
                captured_share=1.0,
                origins=[],
            )
        )
    return folder


def _named(numbers: np.ndarray, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(names))


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cores() -> tuple[str, str]:
    """The core for the generator and the one for the server; the same where there is but one."""
    usable = sorted(os.sched_getaffinity(0))
    return str(usable[0]), str(usable[-1])


def pinned(core: str, command: list[str]) -> list[str]:
    """``command``, kept on ``core`` where taskset is installed."""
    return ["taskset", "-c", core, *command] if shutil.which("taskset") else command


def _wait(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"no server on port {port}")


@contextlib.contextmanager
def nginx(folder: Path, core: str) -> Iterator[int]:
    """A running nginx with one worker that answers 193 bytes of JSON; its port."""
    port = free_port()
    folder.mkdir(parents=True)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, body=BODY))
    process = subprocess.Popen(
        pinned(core, ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]), stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def arrivals_server(log: Path, core: str) -> Iterator[int]:
    """A running server that writes down when each request came, to ``log`` as it ends; its port."""
    port = free_port()
    process = subprocess.Popen(pinned(core, [sys.executable, str(ROOT / SERVER), str(port), str(log)]), cwd=ROOT)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()
