"""Captures whose time is over are removed; nothing else is, whatever stands in their place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from replay.artefacts import named, new_folder, write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.purge import ALIVE_S, files_of, purge, retained
from replay.capture.segments import SegmentWriter
from replay.cli import main as command
from replay.errors import IncompleteError, InputError, RefusedError
from tests.factories import capture_manifest, exchange

TODAY = dt.datetime.now(dt.UTC).date()


def make(folder: Path, *, age_days: int = 40, retention_days: int = 30, complete: bool = True) -> Path:
    folder.mkdir(parents=True)
    manifest = capture_manifest(
        name=folder.name,
        created=(TODAY - dt.timedelta(days=age_days)).isoformat(),
        retention_days=retention_days,
        complete=complete,
    )
    writer = SegmentWriter(folder, manifest.id)
    writer.write(exchange())
    writer.close()
    write_manifest(folder / MANIFEST_NAME, manifest)
    return folder


def make_at(address: str, here: Path, *, age_days: int = 40) -> None:
    make(here, age_days=age_days)
    with new_folder(named(address, ".", new=True)) as folder:
        for path in here.iterdir():
            path.rename(folder / path.name)


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main(["purge", *arguments])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize(("age_days", "is_over"), [(29, False), (30, True), (31, True)])
def test_a_capture_is_due_on_the_day_that_its_retention_says(tmp_path: Path, age_days: int, is_over: bool) -> None:
    assert retained(make(tmp_path / "friday", age_days=age_days)).is_over(TODAY) is is_over


def test_only_what_is_due_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    due, fresh = make(tmp_path / "captures" / "old"), make(tmp_path / "captures" / "new", age_days=3)
    (tmp_path / "captures" / "README.md").write_text("ours")
    (tmp_path / "captures" / "elsewhere").mkdir()

    assert ended() == 0
    out = capsys.readouterr()
    assert "captures/old: removed, was due on" in out.out
    assert f"captures/new: stays until {TODAY + dt.timedelta(days=27)}" in out.out
    assert "captures/elsewhere: is no capture; passed over" in out.err
    assert (due.exists(), fresh.exists()) == (False, True)
    assert sorted(path.name for path in (tmp_path / "captures").iterdir()) == ["README.md", "elsewhere", "new"]


def test_a_dry_run_removes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path / "old")
    before = sorted(folder.iterdir())

    assert ended(str(folder), "--dry-run") == 0
    assert "would be removed" in capsys.readouterr().out
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["notes.txt", "segment-000001.jsonl.zst.bak", ".git"])
def test_a_folder_that_holds_anything_else_is_left_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = make(tmp_path / "old")
    (folder / name).write_text("somebody's")
    before = sorted(folder.iterdir())

    assert ended(str(folder)) == 7
    assert "is no file of a capture" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious.jsonl.zst"
    target.write_text("precious")
    folder = make(tmp_path / "old")
    (folder / "segment-000007.jsonl.zst").symlink_to(target)
    whole = make(tmp_path / "whole")
    (tmp_path / "link").symlink_to(whole)

    with pytest.raises(RefusedError, match="no file of a capture"):
        purge(retained(folder))
    with pytest.raises(RefusedError, match="is a link"):
        retained(tmp_path / "link")
    assert target.read_text() == "precious"
    assert len(list(whole.iterdir())) == 2


def test_a_folder_that_became_a_link_since_it_was_read_is_refused(tmp_path: Path) -> None:
    capture = retained(make(tmp_path / "old"))
    precious = make(tmp_path / "precious")
    capture.folder.rename(tmp_path / "moved")
    capture.folder.symlink_to(precious)

    with pytest.raises(RefusedError, match="cannot be opened as a folder"):
        purge(capture)
    assert len(list(precious.iterdir())) == 2


def test_a_capture_that_may_be_under_way_is_left(tmp_path: Path) -> None:
    folder = make(tmp_path / "long", age_days=2, retention_days=1, complete=False)
    now_s = (folder / MANIFEST_NAME).stat().st_mtime

    with pytest.raises(RefusedError, match="may still be under way"):
        purge(retained(folder), now_s + ALIVE_S - 1)
    assert len(files_of(retained(folder), now_s + ALIVE_S + 1).names) == 2
    purge(retained(folder), now_s + ALIVE_S + 1)
    assert not folder.exists()


def test_a_purge_that_was_broken_off_can_be_begun_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "old")
    (folder / files_of(retained(folder)).names[0]).unlink()

    assert files_of(retained(folder)).names == (MANIFEST_NAME,)
    purge(retained(folder))
    assert not folder.exists()


def test_a_capture_that_tells_no_day_is_not_touched(tmp_path: Path) -> None:
    folder = make(tmp_path / "old")
    write_manifest(folder / MANIFEST_NAME, capture_manifest(created="long ago"))

    with pytest.raises(InputError, match="says of no day"):
        retained(folder)


def test_what_could_not_be_removed_does_not_keep_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    (first / "notes.txt").write_text("somebody's")

    assert ended(str(first), str(tmp_path / "gone"), str(second)) == 7
    assert capsys.readouterr().err.count("\n") == 2
    assert (first.exists(), second.exists()) == (True, False)


def test_what_is_due_at_addresses_is_removed_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = pytest.importorskip("fsspec").filesystem("memory")
    for name, age_days in (("old", 40), ("older", 50), ("new", 3)):
        make_at(f"memory://kept/captures/{name}", tmp_path / name, age_days=age_days)
    store.pipe("memory://kept/captures/older/salaries.csv", b"not ours")
    store.pipe("memory://kept/captures/elsewhere/x", b"no capture")
    before = store.find("memory://kept")

    assert ended("memory://kept/captures/", "--dry-run") == 7
    assert store.find("memory://kept") == before
    assert "memory://kept/captures/old: would be removed, was due on" in capsys.readouterr().out
    assert ended("memory://kept/captures/") == 7
    said = capsys.readouterr()
    assert "memory://kept/captures/old: removed, was due on" in said.out
    assert "(2 files, 0.0 MB)" in said.out
    assert "memory://kept/captures/new: stays until" in said.out
    assert "memory://kept/captures/older: holds 'salaries.csv', which is no file of a capture" in said.err
    assert "memory://kept/captures/elsewhere: is no capture; passed over" in said.err
    assert "A bucket that keeps versions holds what was removed" in said.err
    assert store.find("memory://kept") == [path for path in before if "/old/" not in path]
    assert ended("memory://kept/captures/old") == 5


def test_a_capture_that_changes_at_its_address_meanwhile_is_left(tmp_path: Path) -> None:
    store = pytest.importorskip("fsspec").filesystem("memory")
    make_at("memory://kept/changing", tmp_path / "changing")
    capture = retained(named("memory://kept/changing", ".", whole=False))
    store.pipe("memory://kept/changing/segment-000000.jsonl.zst", b"another")

    with pytest.raises(RefusedError, match="was changed while it was looked at"):
        purge(capture)
    assert len(store.find("memory://kept/changing")) == 2


def test_the_manifest_at_an_address_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("fsspec.implementations.memory")
    make_at("memory://kept/stuck", tmp_path / "stuck")
    capture = retained(named("memory://kept/stuck", ".", whole=False))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Access denied")

    with monkeypatch.context() as patch:
        patch.setattr(memory.MemoryFileSystem, "rm", denied)
        with pytest.raises(IncompleteError, match=r"cannot be removed \(Access denied\)"):
            purge(capture)
    assert len(memory.MemoryFileSystem().find("memory://kept/stuck")) == 2
    assert files_of(capture).names[-1] == MANIFEST_NAME
    purge(capture)
    assert not memory.MemoryFileSystem().find("memory://kept/stuck")
