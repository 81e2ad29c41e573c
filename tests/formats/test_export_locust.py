"""Captures → a Locust file, which Locust then runs."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from replay.capture.manifest import Origin
from replay.exchange import Exchange, Sealed
from replay.formats.export_locust import write_locust
from tests.factories import capture_manifest, exchange


def written(*found: Exchange, limit: int = 0, **manifest: Any) -> str:
    file = io.BytesIO()
    write_locust(capture_manifest(**manifest), found, file, limit=limit)
    return file.getvalue().decode()


def sessions(source: str) -> list[list[tuple[Any, ...]]]:
    """The table of the file, as Python reads it."""
    found: dict[str, Any] = {}
    exec(compile(source[source.index("SESSIONS = [") :], "table", "exec"), found)
    table: list[list[tuple[Any, ...]]] = found["SESSIONS"]
    return table


def test_sessions_stand_whole_and_in_order_of_their_start() -> None:
    found = sessions(
        written(
            exchange("/2", session="b", at_ms=50),
            exchange("/1", session="a", at_ms=10),
            exchange("/3", session="a", at_ms=1010),
        )
    )

    assert [[(row[0], row[3]) for row in session] for session in found] == [
        [(0.0, "/1"), (1.0, "/3")],
        [(0.0, "/2")],
    ]


def test_a_request_stands_with_all_that_it_needs() -> None:
    asked = exchange(
        method="POST",
        route="POST /a",
        headers=[("Cookie", "sid=1"), ("Host", "x"), ("Accept", "*/*")],
        body='{"ü": "\\n"}',
        status=201,
    )

    ((row,),) = sessions(written(asked))

    assert row == (0.0, "POST", "shop.example", "/products/7", "POST /a", {"Accept": "*/*"}, '{"ü": "\\n"}', 201)


@pytest.mark.parametrize(
    ("body", "expected"), [(Sealed(base64=b"\x00\xff"), b"\x00\xff"), (Sealed(opaque_bytes=3), "xxx"), (None, None)]
)
def test_a_body_is_its_bytes_or_filler(body: Any, expected: object) -> None:
    ((row,),) = sessions(written(exchange(body=body)))

    assert row[6] == expected


def test_a_limit_says_what_is_not_in_the_file() -> None:
    source = written(*(exchange(at_ms=n) for n in range(5)), limit=2)

    assert "2 requests in 1 sessions" in source
    assert "3 more requests of the capture are not in it." in source


def test_no_name_of_a_capture_breaks_out_of_the_file() -> None:
    source = written(exchange(), name='x"""\nimport os\n"""')

    compile(source, "locustfile", "exec")
    assert "\nimport os" not in source


@pytest.fixture
def staging() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.send_response(404 if "gone" in self.path else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join(5)


def run(folder: Path, source: str, host: str) -> subprocess.CompletedProcess[str]:
    (folder / "locustfile.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", "locustfile.py", "--host", host, "--headless", "-u", "1", "-t", "2s",
         "--json", "--exit-code-on-error", "0", "--stop-timeout", "1"],
        cwd=folder, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_locust_runs_the_file_against_staging(tmp_path: Path, staging: tuple[str, list[str]]) -> None:
    host, seen = staging
    source = written(
        exchange("/a?b=c", route="GET /a"),
        exchange("/gone", route="GET /gone", at_ms=200),
        exchange("/write", method="POST", at_ms=300),
        exchange("/elsewhere", host="cdn.example", at_ms=400),
        exchange("/z", route="GET /z", at_ms=600),
    )

    ended = run(tmp_path, source, host)

    assert ended.returncode == 0, ended.stderr
    assert seen[:3] == ["GET /a?b=c", "GET /gone", "GET /z"]
    counted = {row["name"]: (row["num_requests"], row["num_failures"]) for row in json.loads(ended.stdout)}
    assert counted["GET /a"][1] == 0
    assert counted["GET /gone"][0] == counted["GET /gone"][1] > 0


def test_the_file_refuses_production(tmp_path: Path, staging: tuple[str, list[str]]) -> None:
    host, seen = staging
    production = [Origin("shop.example", int(host.rpartition(":")[2]), ["127.0.0.1"])]

    for url in (host, host.replace("127.0.0.1", "SHOP.example.")):
        ended = run(tmp_path, written(exchange(), origins=production), url)

        assert seen == []
        assert "is production's. Name a staging host." in ended.stdout + ended.stderr


def test_only_paths_stand_in_the_file_and_no_header_overrides_the_method() -> None:
    source = written(
        exchange("http://evil.example/"),
        exchange("@evil.example/"),
        exchange("/a", headers=[("X-HTTP-Method-Override", "DELETE"), ("Accept", "*/*")]),
    )

    assert "evil.example" not in source
    assert "2 are left out, as their target is no path" in source
    [[request]] = sessions(source)
    assert request[5] == {"Accept": "*/*"}
