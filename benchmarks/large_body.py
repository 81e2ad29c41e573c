"""A body of 2 GiB through a capture, down and up: that it passes, how fast, and what memory the processes take.

    python benchmarks/large_body.py [--gib 2]

The body streams from a small service on loopback through ``replay capture`` and back up again. Printed are MB/s with
and without the proxy, and by how much the resident memory of proxy and sanitiser grew at most.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from capture import HOST, MITMDUMP, free_port, proxies, running

from replay.capture.manifest import read_capture_manifest

PIECE = bytes(1 << 20)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"


class Service(threading.Thread):
    """Sends a long body to whoever GETs, and takes one from whoever POSTs; a thread a connection."""

    def __init__(self, size: int) -> None:
        super().__init__(daemon=True)
        self._size = size
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])

    def run(self) -> None:
        while True:
            threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = _head(client)
            if head.startswith(b"GET"):
                client.sendall(_ANSWER % self._size)
                _send(client, self._size)
            elif head:
                _receive(client, self._size, head)
                client.sendall(_ANSWER % 0)


@dataclass
class Memory:
    """The most that resident memory grew, by process."""

    processes: dict[str, psutil.Process]
    before_mb: dict[str, float] = field(init=False)
    most_mb: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.before_mb = {name: process.memory_info().rss / 1e6 for name, process in self.processes.items()}
        self.most_mb = dict.fromkeys(self.processes, 0.0)

    def watch(self, over: threading.Event) -> None:
        """Look ten times a second until ``over``."""
        while not over.wait(0.1):
            for name, process in self.processes.items():
                grown_mb = process.memory_info().rss / 1e6 - self.before_mb[name]
                self.most_mb[name] = max(self.most_mb[name], grown_mb)


def _head(client: socket.socket) -> bytes:
    held = b""
    while b"\r\n\r\n" not in held:
        content = client.recv(65536)
        if not content:
            return b""
        held += content
    return held


def _send(client: socket.socket, size: int) -> None:
    for _ in range(size // len(PIECE)):
        client.sendall(PIECE)


def _receive(client: socket.socket, size: int, held: bytes) -> None:
    left = size - len(held.partition(b"\r\n\r\n")[2])
    buffer = bytearray(1 << 20)
    while left > 0:
        count = client.recv_into(buffer)
        if not count:
            raise SystemExit(f"the connection broke off with {left:,} bytes missing")
        left -= count


def download(port: int, size: int) -> float:
    """Seconds that a body of ``size`` takes down."""
    began = time.perf_counter()
    with socket.create_connection((HOST, port)) as client:
        client.sendall(b"GET /items HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        _receive(client, size, _head(client))
    return time.perf_counter() - began


def upload(port: int, size: int) -> float:
    """Seconds that a body of ``size`` takes up, until the answer is there."""
    began = time.perf_counter()
    with socket.create_connection((HOST, port)) as client:
        client.sendall(b"POST /items HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n\r\n" % size)
        _send(client, size)
        if b" 200 " not in _head(client):
            raise SystemExit("the upload was not answered by 200")
    return time.perf_counter() - began


def children(pid: int) -> dict[str, psutil.Process]:
    """Proxy and sanitiser of the capture."""
    found = {}
    for process in psutil.Process(pid).children():
        found["proxy" if MITMDUMP in process.cmdline() else "sanitiser"] = process
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="A long body through a capture.")
    parser.add_argument("--gib", type=float, default=2.0)
    size = int(parser.parse_args().gib * 1024) << 20
    service = Service(size)
    service.start()
    ways: dict[str, Callable[[int, int], float]] = {"down": download, "up": upload}
    bare_s = {name: way(service.port, size) for name, way in ways.items()}
    work, port = Path(tempfile.mkdtemp(prefix="benchmark-")), free_port()
    over = threading.Event()
    with running(proxies(service.port, port, work)["replay capture"], port) as pid:
        memory = Memory(children(pid))
        watching = threading.Thread(target=memory.watch, args=(over,))
        watching.start()
        try:
            took_s = {name: way(port, size) for name, way in ways.items()}
        finally:
            over.set()
            watching.join()
    manifest = read_capture_manifest(work / "capture")
    shutil.rmtree(work)
    print(
        f"a body of {size / (1 << 30):g} GiB; captured {manifest.written} of {manifest.seen} {manifest.dropped or ''}"
    )
    print(f"{'':<8}{'MB/s':>8}{'without proxy':>16}")
    for name in ways:
        print(f"{name:<8}{size / took_s[name] / 1e6:>8,.0f}{size / bare_s[name] / 1e6:>16,.0f}")
    for name, most_mb in memory.most_mb.items():
        print(f"memory of the {name} grew by {most_mb:,.0f} MB at most")


if __name__ == "__main__":
    sys.exit(main())
