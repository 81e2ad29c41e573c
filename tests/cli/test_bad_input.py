"""Every verb on input that is missing, cut off, foreign or of another version: exit 5, one line, nothing written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from replay import baseline
from replay.artefacts import new_folder, write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli.main import main
from replay.plan.build import Settings, Source, build
from tests.factories import capture_manifest, exchange

SECRET = "hunter2@example.net"


def missing(folder: Path) -> None:
    shutil.rmtree(folder)


def without_manifest(folder: Path) -> None:
    for manifest in folder.glob("*.json"):
        manifest.unlink()


def foreign(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_text(f'{{"name": "{SECRET}"}}')


def cut_manifest(folder: Path) -> None:
    for manifest in folder.glob("*.json"):
        manifest.write_bytes(manifest.read_bytes()[:-40])


def cut_data(folder: Path) -> None:
    for data in folder.iterdir():
        if data.suffix != ".json":
            data.write_bytes(data.read_bytes()[:10])


def empty_data(folder: Path) -> None:
    for data in folder.iterdir():
        if data.suffix != ".json":
            data.write_bytes(b"")


def other_version(folder: Path) -> None:
    for manifest in folder.glob("*.json"):
        text = manifest.read_text()
        for kind in ("capture", "plan", "run"):
            text = text.replace(f'"{kind}/1"', f'"{kind}/9"')
        manifest.write_text(text)


DAMAGES = [missing, without_manifest, foreign, cut_manifest, cut_data, empty_data, other_version]

CAPTURE_VERBS = [
    ["baseline", "friday", "-o", "out"],
    ["plan", "friday", "-o", "out"],
    ["cat", "captures/friday"],
    ["inspect", "captures/friday"],
]
PLAN_VERBS = [
    ["run", "friday.plan", "--target", "http://127.0.0.1:1", "-o", "out"],
    ["run", "friday.plan", "--target", "http://127.0.0.1:1", "--dry-run", "-o", "out"],
    ["cat", "friday.plan"],
    ["inspect", "friday.plan"],
]
RUN_VERBS = [
    ["compare", "production", "whole", "-o", "out"],
    ["gate", "whole", "production", "-o", "out"],
    ["gate", "production", "whole", "-o", "out"],
    ["cat", "runs/production"],
    ["inspect", "runs/production"],
]


@pytest.fixture
def artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a capture, a plan and two runs, all whole."""
    monkeypatch.chdir(tmp_path)
    exchanges = [exchange(at_ms=i * 10) for i in range(200)]
    with new_folder(tmp_path / "captures" / "friday") as folder:
        writer = SegmentWriter(folder, capture_manifest().id)
        for each in exchanges:
            writer.write(each)
        writer.close()
        manifest = capture_manifest(origins=[], segments=writer.closed, seen=200, written=200)
        write_manifest(folder / MANIFEST_NAME, manifest)
    with new_folder(tmp_path / "friday.plan") as folder:
        build([Source(manifest, exchanges)], Settings(), folder, "friday")
    for name in ("production", "whole"):
        with new_folder(tmp_path / "runs" / name) as folder:
            baseline.write_baseline([baseline.Source(manifest, exchanges, 0)], folder, name)
    return tmp_path


def names_of(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


CASES = [
    (verb, folder, damage)
    for folder, verbs in (
        ("captures/friday", CAPTURE_VERBS),
        ("friday.plan", PLAN_VERBS),
        ("runs/production", RUN_VERBS),
    )
    for verb in verbs
    for damage in DAMAGES
    # inspect reads the manifest of a capture or a run, and no data.
    if verb[0] != "inspect" or folder == "friday.plan" or damage not in (cut_data, empty_data)
]


@pytest.mark.parametrize(
    ("verb", "folder", "damage"), CASES, ids=[f"{' '.join(verb[:2])}-{damage.__name__}" for verb, _, damage in CASES]
)
def test_bad_input_is_exit_5_and_one_clear_line(
    artefacts: Path,
    capsys: pytest.CaptureFixture[str],
    verb: list[str],
    folder: str,
    damage: Callable[[Path], None],
) -> None:
    damage(artefacts / folder)
    before = names_of(artefacts)

    with pytest.raises(SystemExit) as ended:
        main(verb)

    said = capsys.readouterr()
    assert ended.value.code == 5, said.err
    problems = [line for line in said.err.splitlines() if line.startswith("replay: ")]
    assert len(problems) == 1, said.err
    assert "Traceback" not in said.err
    assert SECRET not in said.err + said.out
    assert names_of(artefacts) == before
