"""Folders that appear only when complete, and manifests that are refused with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from replay.artefacts import (
    left_behind,
    named,
    new_folder,
    read_manifest,
    versions,
    write_manifest,
)
from replay.errors import InputError, ReplayError


class Thing(msgspec.Struct):
    format: str
    count: int


def test_a_folder_appears_under_its_name_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "one"

    with new_folder(target) as folder:
        (folder / "file").write_text("x")
        assert not target.exists()

    assert (target / "file").read_text() == "x"
    assert target.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in target.parent.iterdir()] == ["one"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "one") as folder:
            (folder / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()

    with pytest.raises(ReplayError, match="one: exists already"), new_folder(tmp_path / "one"):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ReplayError, match="exists already"), new_folder(tmp_path / "link"):
        pass


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    write_manifest(path, Thing("thing/1", 3))

    assert read_manifest(path, Thing, "thing/1") == Thing("thing/1", 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": "thing/2", "count": 3}', "format 'thing/2', this version reads 'thing/1'"),
        (b'{"count": 3}', "is no thing manifest, or is damaged"),
        (b'{"format": "thing/1", "count": 3', "is no thing manifest, or is damaged"),
        (b'{"format": "thing/1", "count": "many"}', "is damaged"),
        (b"\xff\xfe", "is no thing manifest, or is damaged"),
        (b"", "is no thing manifest, or is damaged"),
    ],
)
def test_a_manifest_that_is_not_ours_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "thing.json").write_bytes(content)

    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / "thing.json", Thing, "thing/1")


def test_a_name_is_a_folder_below_its_parent_and_a_path_is_a_path() -> None:
    assert named("friday", "captures") == Path("captures/friday")
    assert named("./friday/x", "captures") == Path("friday/x")
    assert named("/tmp/friday", "captures") == Path("/tmp/friday")
    assert named("./friday", "captures") == Path("friday")
    assert named("friday/", "captures") == Path("friday")


def test_provenance_names_what_decides_about_figures() -> None:
    assert {"python", "dress-rehearsal", "mitmproxy", "locust", "numpy", "pyarrow"} <= versions().keys()


def test_what_a_killed_process_left_behind_is_found(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".friday.part-{gone.pid}"
    for folder in (left, tmp_path / f".monday.part-{os.getpid()}", tmp_path / ".x.part-y", tmp_path / "friday"):
        folder.mkdir()
    (tmp_path / f".run.json.part-{gone.pid}").write_text("a file")

    assert left_behind(tmp_path) == [left]
    assert left_behind(tmp_path / "none") == []
