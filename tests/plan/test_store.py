"""A plan on disk: what a reader says of one that is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import InputError
from replay.plan.build import Settings, Source, build
from replay.plan.store import REQUESTS_NAME, open_plan, verify
from tests.factories import capture_manifest, exchange


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build([Source(capture_manifest(), [exchange(at_ms=i) for i in range(50)])], Settings(), tmp_path, "friday")
    return tmp_path


def test_a_missing_plan_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.plan: no such folder. Name a plan folder."):
        open_plan(tmp_path / "gone.plan")


def test_a_folder_without_a_manifest_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no plan.json, so it is no plan"):
        open_plan(tmp_path)


def test_another_version_is_named(folder: Path) -> None:
    path = folder / "plan.json"
    path.write_text(path.read_text().replace('"plan/1"', '"plan/2"'))

    with pytest.raises(InputError, match="format 'plan/2', this version reads 'plan/1'"):
        open_plan(folder)


def test_a_foreign_manifest_is_refused(folder: Path) -> None:
    (folder / "plan.json").write_text("[1, 2]")

    with pytest.raises(InputError, match=r"is no plan manifest, or is damaged"):
        open_plan(folder)


@pytest.mark.parametrize("keep", [0, 7, 1000])
def test_a_plan_that_was_cut_off_is_refused(folder: Path, keep: int) -> None:
    path = folder / REQUESTS_NAME
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(InputError, match=r"requests.arrow: is missing, cut off or damaged"):
        list(open_plan(folder).batches())


def test_the_files_are_private(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_requests_that_were_changed_afterwards_are_told_by_their_hash(folder: Path) -> None:
    plan = open_plan(folder)
    path = folder / "requests.arrow"
    assert verify(plan).size_bytes == path.stat().st_size

    content = path.read_bytes()
    path.write_bytes(content.replace(b"GET /", b"PUT /", 1))

    with pytest.raises(InputError, match="was changed after the plan was made"):
        verify(plan)
