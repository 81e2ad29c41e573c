from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from replay.capture.private_folder import private_folder
from replay.capture.wire import CONFDIR_PREFIX


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left(place: Path, name: str, age_s: float) -> Path:
    """What a capture leaves of which every process was killed."""
    folder = place / name
    folder.mkdir(mode=0o700)
    (folder / "mitmproxy-ca.pem").write_text("a key")
    os.utime(folder, (time.time() - age_s,) * 2)
    return folder


def test_the_folder_is_private_and_goes_with_the_block() -> None:
    with private_folder() as folder:
        (folder / "mitmproxy-ca.pem").write_text("a key")
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not folder.exists()


def test_what_killed_captures_left_goes_with_the_next_start(place: Path) -> None:
    old = left(place, f"{CONFDIR_PREFIX}old", age_s=3600)
    new = left(place, f"{CONFDIR_PREFIX}new", age_s=1)  # another start, which has not come to hold it yet
    other = left(place, "other", age_s=3600)
    elsewhere = left(place, "elsewhere", age_s=3600)
    (place / f"{CONFDIR_PREFIX}link").symlink_to(elsewhere)

    with private_folder():
        assert [folder.exists() for folder in (old, new, other, elsewhere)] == [False, True, True, True]


def test_the_folder_of_a_capture_under_way_stays() -> None:
    with private_folder() as first:
        os.utime(first, (1, 1))
        with private_folder():
            assert first.exists()
