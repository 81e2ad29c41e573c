"""Clean exchanges → one Locust file that needs nothing but Locust.

It plays whole sessions, each request at its recorded distance from the session's start, and holds the answer's status
class against the recorded one. What it cannot do is what ``replay run`` is for: the arrival of sessions as in
production, lag, values taken from earlier answers, several targets, the interlock (but for the hosts that the capture
knows as production's). Recorded cookies are left out, so that staging's own ones count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

from replay.capture.manifest import CaptureManifest
from replay.exchange import MARK_HEADER, Body, Exchange, Sealed
from replay.formats.outgoing import fields
from replay.plan.wire import MAX_FILLER_BYTES
from replay.safety import OVERRIDE_HEADERS

LIMIT = 5_000
"""Requests that a file holds by default; it is source code, which Python reads into memory as a whole."""

_NOT_SENT = frozenset({"cookie", "host", "connection", "accept-encoding"}) | OVERRIDE_HEADERS

_HEAD = '''"""The capture {name}, to be replayed by Locust: {requests:,} requests in {sessions:,} sessions.

    locust -f {file} --host https://staging.example --headless -u 10 -t 5m

Each user plays one session after another, every request at its recorded distance from the session's start.
Made by dress-rehearsal from pseudonymised traffic. {note}
"""

import itertools
import time
from urllib.parse import urlsplit

import gevent
from locust import FastHttpUser, events, task

WRITES = False
"""Send POST, PUT, PATCH and DELETE too. They change data: only where the target may be changed."""

HOSTS = {{
{hosts}
}}
"""Captured host -> base URL; '' is the one of --host. Requests for other hosts are not sent."""

PRODUCTION = {production!r}
"""Hosts and ports that the capture came from. They are refused as a target."""

SAFE = {{"GET", "HEAD", "OPTIONS"}}
MARK = {{{mark!r}: "exported"}}


@events.test_start.add_listener
def refuse_production(environment, **_):
    for url in [environment.host or "", *HOSTS.values()]:
        target = urlsplit(url)
        port = target.port or (443 if target.scheme == "https" else 80)
        if f"{{(target.hostname or '').rstrip('.')}}:{{port}}" in PRODUCTION:
            raise SystemExit(f"{{url}} is production's. Name a staging host.")


def kind(status):
    return 2 if status == 304 else status // 100  # the cache of the one who was recorded is not this user's


class Visitor(FastHttpUser):
    @task
    def visit(self):
        session = SESSIONS[next(TURN) % len(SESSIONS)]
        self.client.cookiejar.clear()
        started = time.monotonic()
        for at_s, method, host, path, route, headers, body, status in session:
            if host not in HOSTS or not (WRITES or method in SAFE):
                continue
            gevent.sleep(max(0, started + at_s - time.monotonic()))
            with self.client.request(
                method,
                HOSTS[host] + path,
                name=route,
                headers=headers | MARK,
                data=body,
                allow_redirects=False,
                catch_response=True,
            ) as response:
                if status and kind(response.status_code) != kind(status):
                    response.failure(f"{{response.status_code}} where {{status}} was recorded")


TURN = itertools.count()

# seconds, method, host, path, route, headers, body, recorded status (0: none)
SESSIONS = [
'''


def write_locust(
    manifest: CaptureManifest, exchanges: Iterable[Exchange], file: BinaryIO, *, limit: int = LIMIT, name: str = ""
) -> int:
    """Write the first ``limit`` exchanges as a Locust file and return how many it holds; 0 limits nothing.

    All of them are in memory, as they stand by session in the file.
    """
    sessions: dict[str, list[Exchange]] = {}
    hosts: Counter[str] = Counter()
    count = left = without_path = 0
    for exchange in exchanges:
        if not exchange.request.path.startswith("/"):  # joined to a base URL, it could name another host
            without_path += 1
            continue
        if limit and count >= limit:
            left += 1
            continue
        sessions.setdefault(exchange.session, []).append(exchange)
        hosts[exchange.request.host] += 1
        count += 1
    note = f"{left:,} more requests of the capture are not in it." if left else "It holds the whole capture."
    if without_path:
        note += f" {without_path:,} are left out, as their target is no path."
    head = _HEAD.format(
        mark=MARK_HEADER,
        name=_plain(manifest.name),
        requests=count,
        sessions=len(sessions),
        file=_plain(name) or "locustfile.py",
        note=note,
        hosts="\n".join(_host_lines(hosts)),
        production=sorted(_production(manifest)),
    )
    file.write(head.encode())
    for session in sorted(sessions.values(), key=lambda found: min(each.started for each in found)):
        session.sort(key=lambda each: each.started)
        start = session[0].started
        file.write(b"    [\n")
        for each in session:
            file.write(f"        {_line(each, start)},\n".encode("utf-8", "backslashreplace"))
        file.write(b"    ],\n")
    file.write(b"]\n")
    return count


def _production(manifest: CaptureManifest) -> set[str]:
    return {
        f"{name.lower().rstrip('.')}:{origin.port}"
        for origin in manifest.origins
        for name in (origin.host, *origin.addresses)
    }


def _host_lines(hosts: Counter[str]) -> Iterable[str]:
    for place, (host, requests) in enumerate(hosts.most_common()):
        if place == 0:
            yield f"    {host!r}: '',  # {requests:,} requests"
        else:
            yield f"    # {host!r}: 'https://…',  # {requests:,} requests, not sent"


def _line(exchange: Exchange, start_ns: int) -> str:
    request = exchange.request
    headers = {name: value for name, value in fields(request.headers) if name.lower() not in _NOT_SENT}
    at_s = round((exchange.started - start_ns) / 1e9, 6)
    values = (at_s, request.method, request.host, request.path, exchange.route, headers)
    return f"({', '.join(map(repr, values))}, {_body(request.body)}, {exchange.status})"


def _body(body: Body) -> str:
    match body:
        case None | "":
            return "None"
        case str():
            return repr(body)
        case Sealed(base64=bytes() as content):
            return repr(content)
        case Sealed(opaque_bytes=size):
            return f"'x' * {min(size or 0, MAX_FILLER_BYTES)}"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in " ._-")
