"""What the services are made of: requests, answers, a browser to visit them with, and a server on loopback."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode

type Pairs = list[tuple[str, str]]


@dataclass
class Asked:
    """A request as a service sees it."""

    method: str
    target: str
    headers: Pairs
    body: bytes = b""

    @property
    def path(self) -> list[str]:
        return [unquote(part) for part in self.target.partition("?")[0].split("/")[1:]]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2]))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def bearer(self) -> str:
        return self.header("authorization").removeprefix("Bearer ")

    @property
    def cookies(self) -> dict[str, str]:
        jar: SimpleCookie = SimpleCookie()
        jar.load(self.header("cookie"))
        return {name: morsel.value for name, morsel in jar.items()}


@dataclass
class Answered:
    """What a service answers."""

    status: int = 200
    headers: Pairs = field(default_factory=list)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def page(html: str, status: int = 200, headers: Pairs | None = None) -> Answered:
    """A page of HTML."""
    text = f"<!DOCTYPE html><html><body>{html}</body></html>"
    return Answered(status, [("Content-Type", "text/html; charset=utf-8"), *(headers or [])], text.encode())


def data(value: Any, status: int = 200, headers: Pairs | None = None) -> Answered:
    """JSON."""
    return Answered(status, [("Content-Type", "application/json"), *(headers or [])], json.dumps(value).encode())


def seen(location: str, status: int = 303, headers: Pairs | None = None) -> Answered:
    """A redirect."""
    return Answered(status, [("Location", location), *(headers or [])])


class Service(Protocol):
    """A service; a new one is empty."""

    name: str

    def __init__(self, seed: int) -> None:
        """``seed`` decides what it makes up."""

    def answer(self, asked: Asked) -> Answered:
        """What it answers."""


type Send = Callable[[Asked], Answered]


class Browser:
    """Sends requests as a browser or an API client does, and keeps its cookies."""

    def __init__(self, send: Send, dice: random.Random, number: int, now_s: Callable[[], float] = time.time) -> None:
        self._send = send
        self.now_s = now_s
        self.dice = dice
        self.number = number
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answered:
        pairs = [("User-Agent", "Browser/1.0"), ("Accept", "*/*")]
        if self.cookies:
            pairs.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        pairs += [*self.headers.items(), *(headers or {}).items()]
        got = self._send(Asked(method, target, pairs, body))
        for name, value in got.headers:
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition("=")
                text, _, attributes = rest.partition(";")
                self.cookies[cookie] = text
                if "max-age=0" in attributes.lower():
                    del self.cookies[cookie]
        return got

    def get(self, target: str, **query: str) -> Answered:
        return self.ask("GET", target + (f"?{urlencode(query)}" if query else ""))

    def form(self, target: str, **fields: str) -> Answered:
        body = urlencode(fields, quote_via=quote).encode()
        return self.ask("POST", target, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def send(self, method: str, target: str, value: Any, **headers: str) -> Answered:
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask(method, target, json.dumps(value).encode(), {"Content-Type": "application/json", **names})


@contextmanager
def serving(service: Service) -> Iterator[int]:
    """The service on a port of loopback."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, list(self.headers.items()), self.rfile.read(length))
            with lock:
                got = service.answer(asked)
            self.send_response(got.status)
            for name, value in got.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(got.body)))
            self.end_headers()
            self.wfile.write(got.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
