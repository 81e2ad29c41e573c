"""What a person is told where the write gate has ended a capture."""

from __future__ import annotations

from pathlib import Path

from replay.artefacts import write_manifest
from replay.capture.launch import Ending, Launch, Worker
from replay.capture.live import _account
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, read_capture_manifest
from replay.capture.proxy import ProxySettings
from replay.capture.wire import Counters, Stopped, line, words
from replay.capture.worker import Settings

DRAFT = CaptureManifest(
    "capture/1", "C1", "n", "2026-01-01", "live", {}, "p", "h", "t", "k", "ephemeral", "connection"
)


def test_the_launcher_says_it_in_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    settings = Settings(str(tmp_path), DRAFT, "builtin:strict", "ephemeral", "", "auto")
    launch = Launch(ProxySettings.__new__(ProxySettings), Worker("replay.capture.worker", settings), said.append)
    for word in words(line(Stopped(3))):
        launch._hear(word)

    assert len(said) == 1
    assert "withheld 3 exchanges within a minute: traffic goes on" in said[0]


def test_the_account_names_the_gate_and_the_capture_is_not_complete(tmp_path: Path) -> None:
    write_manifest(tmp_path / MANIFEST_NAME, DRAFT)
    ending = Ending(Counters(9, {}, {}, 1, True), "", proxy_died=False, gate_stopped=True, counts={})

    assert "the write gate withheld too many exchanges; 9 of 9" in _account(tmp_path, ending)
    manifest = read_capture_manifest(tmp_path)
    assert not manifest.complete
    assert manifest.dropped == {"gate-stopped": 9}
