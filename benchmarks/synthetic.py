"""Synthetic plans and the servers that the benchmarks replay them against. Not a benchmark by itself."""

from __future__ import annotations

import contextlib
import datetime as dt
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from replay.plan.bindings import Bindings, Fill, Layer, Take, encode
from replay.plan.store import PLAN_FORMAT, SCHEMA, PlanManifest, PlanWriter
from replay.samples import read_batches, sample_files

HOST = "benchmark.example"
ROOT = Path(__file__).resolve().parents[1]
SERVER = "benchmarks/arrival_server.py"
NGINX = """
worker_processes {workers}; pid {folder}/pid; error_log {folder}/error.log; daemon off; worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {tls}
  server {{ listen 127.0.0.1:{port} {ssl} backlog=4096; location / {{
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
    """Arrival times of a source that is on for 0.1 s and off for 0.05 s on average, bursts at 1.5 times its rate."""
    dice = np.random.default_rng(seed)
    times = poisson(1.5 * rate_per_s, seconds, seed)
    phases = dice.exponential(1e8, round(seconds * 20) + 100)
    phases[1::2] /= 2
    return times[np.searchsorted(np.cumsum(phases), times) % 2 == 0]


def _wire(number: int, routes: int, lives: bool) -> bytes:
    token = "X-Item: 0000\r\n" if lives else ""
    return f"GET /r{number % routes}?n={number} HTTP/1.1\r\n{token}Accept: */*\r\n\r\n".encode()


def _bindings(number: int, routes: int, sessions: int, until: int) -> str | None:
    place = number // sessions % 5
    key = number // sessions // 5
    if place == 0:
        return encode(Bindings(take=[Take(key, "json/id")], until=until)).decode()
    if place != 1:
        return None
    at = _wire(number, routes, lives=True).index(b"0000\r\n")
    return encode(Bindings([Fill(at, 4, key, of=[number - sessions], layers=[Layer("raw")])], until=until)).decode()


def write_plan(
    folder: Path, due: np.ndarray, *, routes: int = 5, sessions: int = 1000, lanes: int = 100, lives: bool = False
) -> Path:
    """A plan of GET requests at ``due``, spread evenly over routes and sessions; sessions depend on their order.

    Where it ``lives``, every fifth request of a session carries a value of the answer to the one before it.
    """
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
                        "wire": [_wire(n, routes, lives) for n in here.tolist()],
                        "bindings": pa.array(
                            [_bindings(n, routes, sessions, int(due[-1])) if lives else None for n in here.tolist()],
                            pa.string(),
                        ),
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
def nginx(folder: Path, core: str, *, scheme: str = "http", workers: int = 1) -> Iterator[int]:
    """A running nginx that answers 193 bytes of JSON, with a certificate of its own over ``https``; its port."""
    port = free_port()
    folder.mkdir(parents=True)
    ssl, tls = "", ""
    if scheme == "https":
        certificate, key = self_signed()
        (folder / "certificate.pem").write_bytes(certificate)
        (folder / "key.pem").write_bytes(key)
        ssl, tls = "ssl", f"ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;"
    configuration = NGINX.format(folder=folder, port=port, body=BODY, workers=workers, ssl=ssl, tls=tls)
    (folder / "nginx.conf").write_text(configuration)
    process = subprocess.Popen(
        pinned(core, ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]), stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def self_signed() -> tuple[bytes, bytes]:
    """A certificate for 127.0.0.1 and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


@contextlib.contextmanager
def arrivals_server(log: Path, core: str, *, stall: tuple[float, float] | None = None) -> Iterator[int]:
    """A running server that writes down when each request came, to ``log`` as it ends; its port.

    ``stall`` has it stand still once: how long after its first request, and for how long, in seconds.
    """
    port = free_port()
    command = [sys.executable, str(ROOT / SERVER), str(port), str(log), *map(str, stall or ())]
    process = subprocess.Popen(pinned(core, command), cwd=ROOT)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def column(run: Path, name: str, kind: type[np.generic] = np.int64) -> np.ndarray:
    """One column of numbers of a run's samples."""
    batches = (batch for path in sample_files(run) for batch in read_batches(path))
    parts = (batch.column(name) for batch in batches)
    # Batches of a table share their buffers.
    return np.concatenate(
        [np.frombuffer(part.buffers()[1], kind)[part.offset : part.offset + len(part)] for part in parts]
    )
