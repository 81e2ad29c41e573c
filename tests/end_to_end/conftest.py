"""The command as a person runs it, services on loopback, and captures that are made without a proxy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.exchange import Exchange
from tests.end_to_end.service import Service
from tests.factories import capture_manifest

COMMAND = str(Path(sys.executable).parent / "replay")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


type Replay = Callable[..., Ended]


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Runs ``replay …`` in a folder of its own and returns how it ended."""

    def run(*arguments: str, timeout_s: float = 100, prefix: tuple[str, ...] = ()) -> Ended:
        done = subprocess.run(
            [*prefix, COMMAND, *arguments],
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def service() -> Iterator[Callable[..., Service]]:
    """Starts small services on loopback; they end with the test."""
    started: list[Service] = []

    def start(**behaviour: object) -> Service:
        one = Service(**behaviour)  # type: ignore[arg-type]
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def write_capture(tmp_path: Path) -> Callable[[str, Iterable[Exchange]], Path]:
    """Writes clean exchanges as a capture that was closed in order."""

    def write(name: str, exchanges: Iterable[Exchange]) -> Path:
        folder = tmp_path / "captures" / name
        folder.mkdir(parents=True, mode=0o700)
        manifest = capture_manifest(name=name, origins=[])
        writer = SegmentWriter(folder, manifest.id)
        for exchange in exchanges:
            writer.write(exchange)
        writer.close()
        write_manifest(
            folder / MANIFEST_NAME,
            capture_manifest(
                name=name, origins=[], segments=writer.closed, seen=writer.written, written=writer.written
            ),
        )
        return folder

    return write
