"""``replay export`` and ``replay import`` as a person calls them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter, read_exchanges
from replay.cli.main import main
from replay.errors import EXIT_REFUSED
from tests.factories import capture_manifest, exchange


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    folder = tmp_path / "friday"
    folder.mkdir()
    writer = SegmentWriter(folder, "c1")
    for number in range(5):
        writer.write(exchange(f"/items/{number}", at_ms=number * 10))
    writer.close()
    write_manifest(folder / MANIFEST_NAME, capture_manifest(id="c1", written=5, segments=list(writer.closed)))
    return folder


def ended(*arguments: object) -> object:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.mark.parametrize("form", ["har", "gor", "locust"])
def test_a_capture_becomes_a_file(
    capture: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"friday.{form}"

    assert ended("export", form, capture, "-o", output) == 0
    assert output.stat().st_size > 100
    assert f"5 exchanges as {form}" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["har", "gor"])
def test_what_was_exported_is_imported_again(capture: Path, tmp_path: Path, form: str) -> None:
    output, again = tmp_path / f"friday.{form}", tmp_path / "again"

    assert ended("export", form, capture, "-o", output) == 0
    assert ended("import", form, output, "-o", again) == 0

    before, after = list(read_exchanges(capture)), list(read_exchanges(again))
    assert [each.started for each in after] == [each.started for each in before]
    assert [each.service_time_ns for each in after] == [each.service_time_ns for each in before]
    assert [each.status for each in after] == [200] * 5


def test_a_limit_says_how_many_there_are(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("export", "har", capture, "-o", tmp_path / "two.har", "--limit", 2) == 0

    assert "2 of 5 exchanges" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "two.har").read_text())["log"]["entries"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["export", "csv", "{capture}", "-o", "x"], 2, "'csv' is no format to export"),
        (["export", "har", "{capture}", "-o", "{capture}"], 2, "exists already"),
        (["export", "har", "nowhere", "-o", "x.har"], 5, "no such folder"),
        (["import", "pcap", "x", "-o", "y"], 2, "'pcap' is no format to import"),
        (["import", "log", "nowhere.log", "-o", "y"], 5, "nowhere.log: no such file. Name an access log."),
        (["import", "har", "x.har", "-o", "y", "--log-format", "combined"], 2, "'replay import log' only"),
        (["import", "log", "x.log", "-o", "y", "--session-by", "file"], 2, "a log holds many users"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    capture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    complaint: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)

    assert ended(*(word.format(capture=capture) for word in arguments)) == code
    printed = capsys.readouterr().err
    assert complaint in printed
    assert printed.count("\n") == 1
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ("", "read as combined (nginx's and Apache's combined); it tells no durations"),
        (" 0.250", "read as nginx-timed"),
    ],
)
def test_an_import_says_how_it_reads_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tail: str, said: str
) -> None:
    log = tmp_path / "access.log"
    log.write_text(f'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "Agent"{tail}\n')

    assert ended("import", "log", log, "-o", tmp_path / "capture") == 0
    assert said in capsys.readouterr().err
    assert ended("baseline", tmp_path / "capture", "-o", tmp_path / "run") == (0 if tail else 5)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_nothing_is_written_where_git_would_take_it_along(capture: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["git", "init", "-q", str(tree)], check=True)

    assert ended("export", "locust", capture, "-o", tree / "locustfile.py") == EXIT_REFUSED
    assert ended("plan", capture, "-o", tree / "friday") == EXIT_REFUSED
    assert [path.name for path in tree.iterdir()] == [".git"]
