"""The charts' code: put together once, kept for the next report, and never taken from another's hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.report.bundle import drawing_code


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, with code in it that was kept before."""
    usual = drawing_code()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    drawing_code.cache_clear()
    code = drawing_code()
    assert code == usual
    drawing_code.cache_clear()
    return tmp_path / "dress-rehearsal"


def kept_in(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_it_is_kept_for_this_user_alone_and_read_again(cache_folder: Path) -> None:
    path = kept_in(cache_folder)
    before = path.stat()

    assert "</script" not in drawing_code()
    assert (before.st_mode & 0o777, cache_folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("harm", ["changed", "cut off", "another may write it", "a link"])
def test_what_cannot_be_trusted_is_put_together_anew(cache_folder: Path, tmp_path: Path, harm: str) -> None:
    path = kept_in(cache_folder)
    whole = path.read_bytes()
    if harm == "changed":
        path.write_bytes(whole[:-1] + b"!")
    elif harm == "cut off":
        path.write_bytes(whole[:1000])
    elif harm == "another may write it":
        path.write_bytes(b"0" * 64 + b"alert(1)")
        path.chmod(0o620)
    else:
        path.rename(tmp_path / "elsewhere.js")
        path.symlink_to(tmp_path / "elsewhere.js")

    assert drawing_code().encode() == whole[64:]
    assert kept_in(cache_folder).read_bytes() == whole
    assert not path.is_symlink()


def test_a_cache_that_cannot_be_written_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)

    assert "vega" in drawing_code()
