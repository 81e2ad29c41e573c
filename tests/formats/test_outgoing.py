"""What every export shares."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from replay.errors import ReplayError
from replay.exchange import Body, Sealed
from replay.formats.outgoing import fields, known_bytes, new_file, start_of_day_ns


def test_a_file_is_private_and_appears_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "some.har"

    with new_file(path) as file:
        file.write(b"whole")
        assert not path.exists()

    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with new_file(tmp_path / "some.har") as file:
            file.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "some.har"
    path.write_bytes(b"mine")

    with pytest.raises(ReplayError, match="exists already"), new_file(path):
        pass
    assert path.read_bytes() == b"mine"


def test_the_day_of_a_capture_begins_at_midnight() -> None:
    assert start_of_day_ns("2024-01-01") == 1_704_067_200_000_000_000
    assert start_of_day_ns("some day") == 0


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (None, b""),
        ("Köln", "Köln".encode()),
        (Sealed(base64=b"\x00\x01"), b"\x00\x01"),
        (Sealed(opaque_bytes=7), None),
    ],
)
def test_a_body_is_its_bytes_where_the_capture_holds_them(body: Body, content: bytes | None) -> None:
    assert known_bytes(body) == content


def test_fields_that_speak_of_the_encoded_body_are_not_written() -> None:
    assert fields([("Content-Encoding", "br"), ("X-A", "1"), (":path", "/"), ("content-length", "7")]) == [
        ("X-A", "1")
    ]
