"""A capture's metrics are its manifest's figures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import CAPTURE_FORMAT, MANIFEST_NAME, CaptureManifest, SegmentEntry
from replay.errors import InputError
from replay.telemetry.capture import capture_metrics

SAVED_S = 1_000_000.0


def capture(folder: Path, *, complete: bool = False) -> Path:
    manifest = CaptureManifest(
        format=CAPTURE_FORMAT,
        id="c0ffee",
        name="friday",
        created="2026-01-02",
        source="live",
        versions={},
        policy_name="builtin:strict",
        policy_hash="",
        templates="",
        key_id="",
        key_mode="ephemeral",
        session_by="auto",
        seen=12,
        written=9,
        dropped={"overflow": 2, "gate": 1},
        notes={"veto": 4, "lag-max-ms": 250},
        segments=[SegmentEntry("segment-000000.jsonl.zst", 9, 4096)],
        complete=complete,
    )
    write_manifest(folder / MANIFEST_NAME, manifest)
    os.utime(folder / MANIFEST_NAME, (SAVED_S, SAVED_S))
    return folder


def figures(folder: Path, now_s: float = SAVED_S + 2) -> dict[tuple[str, ...], float]:
    """Value by name and labels."""
    found = {}
    for metric in capture_metrics(folder, lambda: now_s):
        for sample in metric.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


def test_every_count_of_the_manifest_is_told(tmp_path: Path) -> None:
    assert figures(capture(tmp_path)) == {
        ("replay_capture_up",): 1,
        ("replay_capture_exchanges_seen_total",): 12,
        ("replay_capture_exchanges_written_total",): 9,
        ("replay_capture_exchanges_dropped_total", "gate"): 1,
        ("replay_capture_exchanges_dropped_total", "overflow"): 2,
        ("replay_capture_notes_total", "veto"): 4,
        ("replay_capture_written_bytes_total",): 4096,
        ("replay_capture_sanitise_lag_max_seconds",): 0.25,
    }


def test_a_capture_that_is_closed_or_silent_is_not_up(tmp_path: Path) -> None:
    assert figures(capture(tmp_path), SAVED_S + 60)["replay_capture_up",] == 0
    assert figures(capture(tmp_path, complete=True))["replay_capture_up",] == 0


def test_a_folder_without_a_capture_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no manifest"):
        figures(tmp_path)
