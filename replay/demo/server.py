"""The shop as a process: ``python -m replay.demo.server``. Flask on gevent's server, one process, SQLite underneath.

It prints its address on stdout as soon as it listens, and ends at SIGTERM, at SIGINT, and with
``--until-eof`` also when its standard input ends: a shop never outlives the one who started it.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import gevent
from flask import Flask, Response, g, request
from gevent.os import tp_read
from gevent.pywsgi import WSGIServer
from werkzeug.exceptions import abort

from replay.demo import api, pages
from replay.demo.pacing import MEDIANS_MS, Pace
from replay.demo.store import Store, create

BODY_LIMIT_BYTES = 64 << 10


def application(store: Store, pace: Pace) -> Flask:
    """The shop's WSGI application."""
    app = Flask("replay.demo", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    app.json.sort_keys = False
    app.register_blueprint(pages.blueprint(store))
    app.register_blueprint(api.blueprint(store))

    @app.before_request
    def begin() -> None:
        route = _route()
        g.due = pace.due(route)
        if pace.fails(route):
            abort(500)

    @app.after_request
    def answer(response: Response) -> Response:
        pace.wait(g.due)
        return response

    return app


def _route() -> str:
    """The route of the present request, as Dress Rehearsal writes it: ``GET /products/{product_id}``."""
    rule = request.url_rule.rule if request.url_rule else ""
    return f"{request.method} {re.sub(r'<(?:[a-z]+:)?([a-z_]+)>', r'{\1}', rule)}"


class Server(WSGIServer):
    """Sends what is written at once: head and body are two writes, and between them Nagle's algorithm would wait for
    an acknowledgement that a client's kernel may hold back for 40 ms (RFC 896, RFC 1122 §4.2.3.2)."""

    def handle(self, sock: socket.socket, address: object) -> None:
        """Serve one connection."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle(sock, address)


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    options = _parser().parse_args(arguments)
    if not options.database.exists():
        create(options.database)
    store = Store(options.database)
    pace = Pace(
        random.Random(options.seed), gevent.sleep, time.monotonic, _routes(options.slow), _routes(options.fail)
    )
    server = Server(("127.0.0.1", options.port), application(store, pace), log=None)
    server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop, 1)
    if options.until_eof:
        gevent.spawn(_end_of_input).link(lambda _: server.stop(1))
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
    store.close()


def _end_of_input() -> None:
    while tp_read(sys.stdin.fileno(), 4096):
        pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m replay.demo.server", description="The demonstration's shop.")
    parser.add_argument("--database", type=Path, required=True, help="SQLite file; made where there is none")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the times that answers take")
    parser.add_argument("--slow", action="append", default=[], metavar="ROUTE=FACTOR", help="make a route slower")
    parser.add_argument(
        "--fail", action="append", default=[], metavar="ROUTE=SHARE", help="let a route fail at times"
    )
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    return parser


def _routes(given: list[str]) -> Mapping[str, float]:
    found = {}
    for item in given:
        route, _, value = item.rpartition("=")
        if route not in MEDIANS_MS:
            sys.exit(f"python -m replay.demo.server: {item}: no such route. One of: {', '.join(MEDIANS_MS)}.")
        found[route] = float(value)
    return found


if __name__ == "__main__":
    main()
