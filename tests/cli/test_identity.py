"""Encrypted captures at every verb that reads captures: with the identity, without, and with another."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.sealing import IDENTITY_VARIABLE, seal_for
from replay.capture.segments import SegmentWriter
from replay.cli import main as command
from tests.factories import capture_manifest, exchange

MAIL = "ann@corp.io"
READING = [
    ["cat", "friday"],
    ["audit", "captures/friday"],
    ["baseline", "friday", "-o", "production"],
    ["plan", "friday", "-o", "friday"],
    ["export", "har", "friday", "-o", "friday.har"],
    ["export", "gor", "friday", "-o", "friday.gor"],
    ["export", "locust", "friday", "-o", "locustfile.py"],
]


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main(list(arguments))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def an_identity(path: Path) -> str:
    """A fresh identity in ``path``; returns its recipient."""
    made = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {made.to_public()}\n{made}\n")
    return str(made.to_public())


def seal(folder: Path, recipient: str, *, complete: bool = True, body: str = "{}") -> None:
    folder.mkdir(parents=True)
    manifest = capture_manifest(name=folder.name, complete=complete)
    writer = SegmentWriter(folder, manifest.id, seal=seal_for(recipient))
    for index in range(5):
        writer.write(exchange(at_ms=index, answer=body))
        writer.flush()
    writer.close()
    closed = writer.closed if complete else []
    write_manifest(folder / MANIFEST_NAME, capture_manifest(name=folder.name, complete=complete, segments=closed))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the encrypted capture ``friday``, its identity and another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(IDENTITY_VARIABLE, raising=False)
    seal(tmp_path / "captures" / "friday", an_identity(tmp_path / "ours.txt"))
    an_identity(tmp_path / "another.txt")
    return tmp_path


def test_an_import_for_a_recipient_opens_with_the_identity_alone(place: Path) -> None:
    line = '192.0.2.1 - - [17/May/2025:10:05:03 +0000] "GET /cart?q=hunter2 HTTP/1.1" 200 7 "-" "-"\n'
    (place / "access.log").write_text(line * 3)
    recipient = an_identity(place / "log.txt")

    assert ended("import", "log", "access.log", "-o", "monday", "--recipient", recipient) == 0
    assert [path.suffix for path in (place / "captures" / "monday").glob("segment-*")] == [".age"]
    assert ended("cat", "monday") == 5
    assert ended("cat", "monday", "--identity", "log.txt") == 0


def test_an_import_for_what_is_no_recipient_leaves_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "access.log").write_text("")

    assert ended("import", "log", "access.log", "-o", "monday", "--recipient", "ann@corp.io") == 2
    assert "--recipient: is no age recipient" in capsys.readouterr().err
    assert not (place / "captures" / "monday").exists()


@pytest.mark.parametrize("verb", READING, ids=" ".join)
def test_a_reading_verb_opens_an_encrypted_capture_with_its_identity(place: Path, verb: list[str]) -> None:
    assert ended(*verb, "--identity", "ours.txt") == 0


@pytest.mark.parametrize(
    ("verb", "options", "why"),
    [
        *((verb, [], "encrypted") for verb in READING),
        *((verb, ["--identity", "another.txt"], "not for this identity") for verb in READING),
        *((verb, ["--identity", "gone.txt"], "gone.txt: the identity cannot be read") for verb in READING[:2]),
        *((verb, ["--identity", "captures"], "captures: the identity cannot be read") for verb in READING[:2]),
        *((verb, ["--identity", "ours.pub"], "ours.pub: holds no age identity") for verb in READING[:2]),
    ],
)
def test_a_reading_verb_without_the_identity_is_one_line_and_exit_code_5(
    place: Path, capsys: pytest.CaptureFixture[str], verb: list[str], options: list[str], why: str
) -> None:
    (place / "ours.pub").write_text("age1qqq\n")
    before = sorted(path for path in place.rglob("*") if path.is_file())

    assert ended(*verb, *options) == 5
    err = capsys.readouterr().err
    assert why in err
    assert err.count("\n") == 1
    assert sorted(path for path in place.rglob("*") if path.is_file()) == before


def test_the_variable_names_the_identity_where_the_option_does_not(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(IDENTITY_VARIABLE, str(place / "ours.txt"))

    assert ended("cat", "friday") == 0
    assert capsys.readouterr().out.count("\n") == 5
    assert ended("cat", "friday", "--identity", "another.txt") == 5


def test_the_audit_finds_a_leak_in_encrypted_segments(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipient = an_identity(place / "leaky.txt")
    seal(place / "leaky", recipient, body=f'{{"to": "{MAIL}"}}')

    assert ended("audit", "leaky", "--identity", "leaky.txt") == 7
    out = capsys.readouterr().out
    assert "LEAK e-mail (raw): leaky/segment-000000.jsonl.zst.age, line 2, /response/body, and 4 more like it" in out
    assert MAIL not in out


def test_the_audit_says_where_an_encrypted_segment_ends_early(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "captures" / "friday" / "segment-000000.jsonl.zst.age"
    path.write_bytes(path.read_bytes()[:-9])

    assert ended("audit", "captures/friday", "--identity", "ours.txt") == 5
    assert "is cut off, so it was not audited" in capsys.readouterr().err


def test_inspect_says_what_can_be_read_of_an_encrypted_capture_that_did_not_end(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seal(place / "cut", an_identity(place / "cut.txt"), complete=False)

    assert ended("inspect", "cut", "--identity", "cut.txt") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "5 exchanges" in told
    assert "ended without closing, up to 1 s of it is unknown" in told
    assert ended("inspect", "cut") == 0
    assert "by --identity" in capsys.readouterr().out
