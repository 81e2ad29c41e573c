"""Files that only their owner reads, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.private_files import create_private, write_whole


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError):
        create_private(tmp_path / "link")


def test_a_file_holds_the_old_content_or_all_of_the_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    write_whole(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
