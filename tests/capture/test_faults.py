"""What is too big, too much or broken is passed on like anything else, and costs the capture a count at most."""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from replay.capture.segments import RESERVE_BYTES, CaptureReader
from tests.capture.conftest import bomb
from tests.capture.test_live import get, post

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

type Start = Callable[..., Any]
SOON_S = 5.0
"""An answer that takes longer was held up; on an idle machine it takes 5 ms."""
MEGABYTES = 64


def answer(port: int, path: str = "/items", **headers: str) -> tuple[int, float]:
    """Status and duration of one request on a connection of its own."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status, time.monotonic() - began
    finally:
        connection.close()


def resident_mb(running: Any) -> dict[str, float]:
    """Resident memory of the proxy and the sanitiser."""
    return {mark: running.child(mark).memory_info().rss / 1e6 for mark in ("mitmdump", "replay.capture.worker")}


def test_a_bomb_and_bodies_of_any_length_pass_and_cost_little_memory(start: Start) -> None:
    running = start()
    before = resident_mb(running)
    bombed = get(running.port, "/download")
    down = get(running.port, f"/items?mb={MEGABYTES}")
    up = post(running.port, "/search", bytes(MEGABYTES * 1_000_000))
    after, took_s = answer(running.port)
    grown = {mark: now - before[mark] for mark, now in resident_mb(running).items()}

    assert running.stop() == 0, running.said()
    assert bombed == bomb()
    assert (len(down), up) == (MEGABYTES * 1_000_000, b'{"got": %d}' % (MEGABYTES * 1_000_000))
    assert (after, took_s < SOON_S) == (200, True)
    assert all(mb < MEGABYTES for mb in grown.values()), grown
    reader = CaptureReader(running.folder)
    found = {f"{item.route} {item.bytes_out} {item.bytes_in}": item for item in reader}
    assert (reader.manifest.seen, reader.manifest.written, reader.manifest.dropped) == (4, 4, {})
    packed = f"GET /download 0 {len(bomb())}"
    assert {packed, f"GET /items 0 {len(down)}", f"POST /search {len(down)} {len(up)}"} <= set(found)
    assert f"opaque_bytes={len(bomb())}" in repr(found[packed].response)


def test_when_the_proxy_is_killed_only_its_own_connections_end(start: Start, service: Any) -> None:
    running = start()
    assert answer(running.port)[0] == 200
    time.sleep(1.2)  # it has flushed
    ended: dict[str, object] = {}

    def ask(name: str, port: int) -> None:
        try:
            ended[name] = answer(port, "/orders")[0]  # takes 1.5 s
        except (OSError, http.client.HTTPException) as error:
            ended[name] = type(error).__name__

    ports = {"through": running.port, "direct": service.server_address[1]}
    asking = [threading.Thread(target=ask, args=pair) for pair in ports.items()]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    running.child("mitmdump").kill()
    for thread in asking:
        thread.join()

    assert running.process.wait(20) == 6
    assert ended["direct"] == 200
    assert ended["through"] in {"RemoteDisconnected", "ConnectionResetError"}
    assert "the proxy ended by itself" in running.said()
    reader = CaptureReader(running.folder)
    assert len(list(reader)) == 1
    manifest = reader.manifest
    assert (manifest.complete, manifest.written) == (False, 1)
    assert manifest.seen == 1 + sum(manifest.dropped.values())


@dataclass(frozen=True)
class Disk:
    """A place that is full after some 400 kB: a small file system, or else a limit on the length of files."""

    place: Path
    file_bytes: int


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    size = f"size={RESERVE_BYTES + 700_000}"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "none", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        yield Disk(place, file_bytes=400_000)
        return
    yield Disk(place, file_bytes=0)
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_holds_no_traffic_up_and_the_manifest_says_what_is_missing(
    start: Start, small_disk: Disk
) -> None:
    running = start(place=small_disk.place, file_bytes=small_disk.file_bytes)
    answers = []
    for batch in range(2):
        for number in range(20):  # pseudonyms of 20,000 letters do not compress
            token = "".join(chr(97 + (number * 7 + batch + i * i) % 26) for i in range(20_000))
            answers.append(answer(running.port, **{"Cookie": f"sid={token}", "X-Request-Id": token[::-1]}))
        time.sleep(1.1)  # it has flushed

    assert running.stop() == 0, running.said()
    assert {status for status, _ in answers} == {200}
    assert max(took_s for _, took_s in answers) < SOON_S
    reader = CaptureReader(running.folder)
    manifest = reader.manifest
    assert manifest.seen == len(answers)
    assert set(manifest.dropped) == {"disk"}
    assert manifest.written == len(list(reader)) == manifest.seen - manifest.dropped["disk"] > 0
    assert not reader.damaged
