from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from replay.errors import ReplayError
from replay.sanitize.keys import Key, KeyMode, KeySource, load_key, opened_start, sealed_start

HEX = "ab" * 32


def key_file(tmp_path: Path, content: bytes = HEX.encode(), mode: int = 0o600) -> Path:
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_an_ephemeral_key_is_another_every_time() -> None:
    assert load_key(KeySource()).key_id != load_key(KeySource()).key_id


def test_hex_and_raw_bytes_are_the_same_key(tmp_path: Path) -> None:
    as_hex = load_key(KeySource("file", str(key_file(tmp_path, HEX.encode() + b"\n")))).key_id
    as_bytes = load_key(KeySource("file", str(key_file(tmp_path, bytes.fromhex(HEX))))).key_id

    assert as_hex == as_bytes


def test_a_key_comes_from_an_open_descriptor() -> None:
    read, write = os.pipe()
    os.write(write, HEX.encode())
    os.close(write)

    assert load_key(KeySource("fd", str(read))).mode == "fd"


def test_a_key_comes_from_a_command() -> None:
    assert load_key(KeySource("command", f"echo {HEX}")).derive(b"a") == Key(bytes.fromhex(HEX), "command").derive(
        b"a"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ReplayError, match="others may read this key file"):
        load_key(KeySource("file", str(key_file(tmp_path, mode=mode))))


def test_a_link_to_a_key_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(key_file(tmp_path))

    with pytest.raises(ReplayError, match="cannot be read"):
        load_key(KeySource("file", str(tmp_path / "link")))


def test_a_pipe_as_a_key_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)

    with pytest.raises(ReplayError, match="is no regular file"):
        load_key(KeySource("file", str(tmp_path / "fifo")))


@pytest.mark.parametrize(
    ("mode", "value", "message"),
    [
        ("file", "/nowhere/a.key", "cannot be read"),
        ("fd", "777", "no readable file descriptor"),
        ("fd", "x", "no readable file descriptor"),
        ("command", "false", "ended with 1"),
        ("command", "/no/such/program", "could not be run"),
        ("command", "echo short", "holds no key"),
    ],
)
def test_a_source_without_a_key_says_what_to_do(mode: KeyMode, value: str, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        load_key(KeySource(mode, value))


def test_a_message_never_quotes_what_was_read(tmp_path: Path) -> None:
    with pytest.raises(ReplayError) as caught:
        load_key(KeySource("file", str(key_file(tmp_path, b"hunter2hunter2"))))

    assert "hunter2" not in str(caught.value)


def test_a_key_shows_and_pickles_nothing() -> None:
    key = Key(b"k" * 32, "file")

    assert repr(key) == "Key(file)"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_two_labels_have_two_keys() -> None:
    key = Key(b"k" * 32, "file")

    assert key.derive(b"a") != key.derive(b"b")
    assert len(key.derive(b"a")) == 32


def test_a_capture_s_start_is_read_with_its_key_alone() -> None:
    mine, other = Key(b"a" * 32, "file"), Key(b"b" * 32, "file")
    sealed = sealed_start(mine, 1_790_000_000_123_456_789)

    assert opened_start(mine, sealed) == 1_790_000_000_123_456_789
    assert opened_start(other, sealed) is None
    assert opened_start(mine, sealed[:-2] + "00") is None
    assert opened_start(mine, "") is None
    assert sealed_start(mine, 1_790_000_000_123_456_789) == sealed != sealed_start(mine, 1)


def test_the_start_of_a_capture_whose_key_is_gone_is_not_written() -> None:
    assert sealed_start(load_key(KeySource()), 1_790_000_000_000_000_000) == ""
