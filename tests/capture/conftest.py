"""A small real service on loopback, and a real capture in front of it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.every_log import logging_into

PATIENCE_S = 30.0


class Handler(BaseHTTPRequestHandler):
    """Answers with what the tests need to see pass."""

    protocol_version = "HTTP/1.1"
    server: Service

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        if self.path.startswith("/reset"):
            self.close_connection = True
        elif self.path.startswith("/orders"):
            time.sleep(1.5)
            self._answer(b'{"slow": true}')
        elif self.path.startswith("/download"):
            self._answer(bomb(), "Content-Encoding: gzip")
        elif self.path.startswith("/events"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nfirst\n\r\n")
            self.server.go_on.wait(PATIENCE_S)
            self.wfile.write(b"7\r\nsecond\n\r\n0\r\n\r\n")
        else:
            megabytes = int(self.path.partition("mb=")[2] or 0)
            if megabytes:
                self._stream(megabytes)
            else:
                self._answer(b'{"id": 8203716, "surname": "Qanarywerth"}')

    def do_POST(self) -> None:
        size = 0
        if self.headers.get("transfer-encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(length))
                self.rfile.read(2)
            self.rfile.read(2)
        else:
            size = len(self.rfile.read(int(self.headers["content-length"])))
        self._answer(b'{"got": %d}' % size)

    def _stream(self, megabytes: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(10 * megabytes):
            self.wfile.write(b"%x\r\n%s\r\n" % (100_000, b"x" * 100_000))
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, body: bytes, *headers: str) -> None:
        self.send_response(200)
        for header in headers:
            self.send_header(*header.split(": "))
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "sid=QanaryC00kie77; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@functools.cache
def bomb() -> bytes:
    """A gzip body of 1 MB that unpacks to 1 GiB of zeros."""
    deflate = zlib.compressobj(9, wbits=31)
    head = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    again = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)  # stands alone, so it can be repeated
    return head + again * 1023


class Service(ThreadingHTTPServer):
    """The service; ``go_on`` lets /events send its second event."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go_on = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the test."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@dataclass
class Running:
    """A capture under way, with all that it printed in files."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    printed: list[Path] = field(default_factory=list)

    def child(self, mark: str) -> psutil.Process:
        """The child process whose command line holds ``mark``."""
        return next(p for p in self.children() if any(mark in part for part in p.cmdline()))

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it by a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def said(self) -> str:
        return "".join(path.read_text() for path in self.printed)


type Start = Callable[..., Running]


@pytest.fixture
def start(service: Service, tmp_path: Path) -> Iterator[Start]:
    """Starts captures, or learning; each is ended, with its children, whatever the test does.

    ``place`` is where its folder goes, ``file_bytes`` how long each of its files may become.
    """
    started: list[Running] = []

    def run(*options: str, learn: bool = False, place: Path = tmp_path, file_bytes: int = 0) -> Running:
        folder = place / (f"policy-{len(started)}.toml" if learn else f"capture-{len(started)}")
        printed = [tmp_path / f"{folder.name}.{name}" for name in ("out", "err")]
        verb = ["learn", "live", "-o"] if learn else ["capture"]
        arguments = [*verb, str(folder), "--upstream", service.url, "--listen", "127.0.0.1:0", *options]
        environment = {**os.environ, "TMPDIR": str(tmp_path), "SSLKEYLOGFILE": str(tmp_path / "tls-secrets")}
        environment |= logging_into(tmp_path / "logs")
        with printed[0].open("wb") as out, printed[1].open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "replay", *arguments],
                stdout=out,
                stderr=err,
                start_new_session=True,
                env=environment,
            )
        running = Running(process, folder, 0, printed)
        started.append(running)
        if file_bytes:
            psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (file_bytes, file_bytes))
        until = time.monotonic() + PATIENCE_S
        while "→" not in running.said():
            assert process.poll() is None, running.said()
            assert time.monotonic() < until
            time.sleep(0.02)
        running.port = int(running.said().partition("127.0.0.1:")[2].partition(" ")[0])
        return running

    yield run
    for running in started:
        children = running.children() if running.process.poll() is None else []
        for process in children:
            process.kill()
        if running.process.poll() is None:
            os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
