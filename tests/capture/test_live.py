"""Real mitmproxy in front of a real service: what passes, what is recorded, and what happens when something dies."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import zstandard

from replay.capture import addon
from replay.capture.segments import CaptureReader
from replay.errors import RefusedError
from replay.exchange import Exchange
from replay.safety import Interlock, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

type Start = Callable[..., Any]
PLANTED = [b"Qanarywerth", b"qanarywerth", b"8203716", b"QanaryC00kie77", b"QanaryT0ken", b"birdsong"]


def get(port: int, path: str, **headers: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def post(port: int, path: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body=body, headers={"Content-Type": "text/plain"})
        return connection.getresponse().read()
    finally:
        connection.close()


def everything(folder: Path) -> dict[str, bytes]:
    """The content of every file below ``folder``, decompressed."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".zst":
                content = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
            found[path.name] = content
    return found


def by_route(exchanges: list[Exchange]) -> dict[str, list[Exchange]]:
    found: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        found.setdefault(exchange.route, []).append(exchange)
    return found


def events_arrive_one_by_one(port: int, service: Any) -> bool:
    """Whether the first event is here while the service has not sent the second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/events")
        response = connection.getresponse()
        first = response.readline()
        service.go_on.set()
        return first == b"first\n" and response.read() == b"second\n"
    finally:
        connection.close()


@pytest.mark.leak
def test_traffic_passes_unchanged_and_is_recorded_without_a_planted_value(
    start: Start, service: Any, tmp_path: Path
) -> None:
    running = start()
    port = running.port
    core_limits = [child.rlimit(psutil.RLIMIT_CORE) for child in running.children()]
    answer = get(
        port, "/users/8203716?name=Qanarywerth", Authorization="Bearer QanaryT0ken", Cookie="sid=QanaryC00kie77"
    )
    big = get(port, "/items?mb=2")
    beyond_the_cap = get(port, "/items?mb=5")
    uploaded = post(port, "/search", b"birdsong " * 50_000)
    streamed = events_arrive_one_by_one(port, service)
    broken = get(port, "/reset?who=Qanarywerth")
    with socket.create_connection(("127.0.0.1", port)) as client:  # gone in the middle of its upload
        client.sendall(b"POST /search HTTP/1.1\r\nHost: birdsong\r\nContent-Length: 100000\r\n\r\nQanarywerth")
        time.sleep(0.2)
    with socket.create_connection(("127.0.0.1", port)) as client:  # gone in the middle of its download
        client.sendall(b"GET /catalogue?mb=50 HTTP/1.1\r\nHost: birdsong\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    time.sleep(0.2)
    exit_code = running.stop()

    assert exit_code == 0, running.said()
    assert core_limits == [(0, 0), (0, 0)]
    assert b"Qanarywerth" in answer
    assert (len(big), len(beyond_the_cap), uploaded, streamed) == (2_000_000, 5_000_000, b'{"got": 450000}', True)
    assert b"502" in broken
    reader = CaptureReader(running.folder)
    found = by_route(list(reader))
    assert reader.notes == []
    assert reader.manifest.complete
    assert (reader.manifest.seen, reader.manifest.dropped) == (8, {})
    assert reader.manifest.origins[0].port == service.server_address[1]
    assert [exchange.bytes_in for exchange in found["GET /items"]] == [2_000_000, 5_000_000]
    assert sorted((exchange.error, exchange.bytes_out) for exchange in found["POST /search"]) == [
        ("", 450_000),
        ("client", 11),
    ]
    assert [exchange.error for exchange in found["GET /reset"]] == ["reset"]
    assert [(exchange.error, exchange.response) for exchange in found["GET /catalogue"]] == [("client", None)]
    assert all((exchange.service_time_ns or 0) > 0 for exchange in found["GET /items"])
    files = everything(tmp_path)
    assert {"manifest.json", "segment-000000.jsonl.zst", "capture-0.out", "capture-0.err"} <= set(files)
    for name, content in files.items():
        assert not [value for value in PLANTED if value in content], name
    assert (running.folder.stat().st_mode & 0o777, (running.folder / "manifest.json").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def test_a_replayed_request_never_gets_through_to_production(start: Start, service: Any) -> None:
    running = start()
    before = len(service.seen)
    refused = get(running.port, "/items?mb=1", **{"x-dress-REHEARSAL": "cafe-7"})
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as client:
        client.sendall(
            b"POST /search HTTP/1.1\r\nHost: h\r\nX-Dress-Rehearsal: cafe-8\r\nContent-Length: 4\r\n\r\nbird"
            b"GET /items HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        client.settimeout(2)
        heard = b""
        while b"surname" not in heard:
            heard += client.recv(65536)
    assert running.stop() == 0, running.said()

    manifest = CaptureReader(running.folder).manifest
    proxy = f"http://127.0.0.1:{running.port}"
    assert b"capture proxy" in refused
    assert heard.startswith(b"HTTP/1.1 403")
    assert service.seen[before:] == ["/items"]
    assert (manifest.seen, manifest.written, manifest.dropped) == (3, 1, {"rehearsal": 2})
    with pytest.raises(RefusedError, match="origin"):
        Interlock(manifest.origins).completed().admit(parse_target(proxy))


def test_when_the_sanitiser_is_killed_traffic_goes_on_and_the_loss_is_told(start: Start) -> None:
    running = start()
    get(running.port, "/items")
    time.sleep(1.5)  # it has flushed
    running.child("replay.capture.worker").kill()
    after = [get(running.port, "/items") for _ in range(5)]
    time.sleep(0.3)
    exit_code = running.stop(signal.SIGTERM)

    assert all(b"surname" in answer for answer in after)
    assert exit_code == 6
    assert "the sanitiser died" in running.said()
    reader = CaptureReader(running.folder)
    assert len(list(reader)) == 1
    manifest = reader.manifest
    assert not manifest.complete
    assert (manifest.seen, manifest.written, manifest.dropped) == (6, 1, {"sanitiser-died": 5})


@pytest.mark.parametrize("is_proxy_killed", [False, True])
def test_when_the_launcher_is_killed_its_children_end_in_order(
    start: Start, tmp_path: Path, is_proxy_killed: bool
) -> None:
    running = start()
    get(running.port, "/items")
    if is_proxy_killed:
        time.sleep(0.3)  # the exchange has reached the sanitiser
    children, proxy = running.children(), running.child("mitmdump")
    if is_proxy_killed:
        proxy.suspend()  # or it would close in order, if it were faster than we are
    running.process.kill()
    running.process.wait()
    if is_proxy_killed:
        proxy.kill()
    _, alive = psutil.wait_procs(children, timeout=15)

    assert len(children) == 2
    assert alive == []
    assert not list(tmp_path.glob("replay-capture-*"))
    reader = CaptureReader(running.folder)
    assert len(list(reader)) == 1
    assert reader.manifest.complete is not is_proxy_killed


def test_when_all_is_killed_what_was_flushed_is_read(start: Start) -> None:
    running = start()
    for _ in range(20):
        get(running.port, "/items")
    time.sleep(2.5)
    children = running.children()
    for process in [*children, psutil.Process(running.process.pid)]:
        process.kill()
    psutil.wait_procs(children, timeout=15)
    running.process.wait()

    reader = CaptureReader(running.folder)
    assert len(list(reader)) == 20
    assert reader.manifest.seen == 20
    assert not reader.manifest.complete
    assert any("not closed in order" in note for note in reader.notes)
    assert "segment-000000.jsonl.zst: ended without closing, up to 1 s of it is unknown" in reader.notes


def test_an_upgrade_of_the_addon_on_disk_does_not_touch_a_capture(start: Start) -> None:
    running = start()
    get(running.port, "/items")
    os.utime(Path(addon.__file__))
    time.sleep(1.3)  # mitmproxy looks for changed scripts once a second
    get(running.port, "/items")
    exit_code = running.stop()

    assert exit_code == 0, running.said()
    assert CaptureReader(running.folder).manifest.written == 2


def test_a_duration_ends_the_capture_and_what_is_under_way_is_answered_first(start: Start) -> None:
    running = start("--duration", "1s")
    answer = get(running.port, "/orders")  # takes longer than the capture

    assert running.process.wait(30) == 0
    assert answer == b'{"slow": true}'
    reader = CaptureReader(running.folder)
    assert [exchange.status for exchange in reader] == [200]
    assert reader.manifest.complete
    assert 1.0e9 < reader.manifest.duration_ns < 15e9
