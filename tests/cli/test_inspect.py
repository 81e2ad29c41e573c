"""``replay inspect`` on reports, and what programs read of tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.evidence import COMPARISON_FORMAT
from replay.cli import main as command
from replay.errors import EXIT_INPUT, EXIT_OK
from tests.runs import shop, write_run


def ended(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main([str(each) for each in arguments])
    return int(exit_.value.code or 0)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    write_run(folder / "production", shop(1, length_s=60), kind="production")
    (folder / "report").mkdir()
    content = {"format": COMPARISON_FORMAT, "baseline": "production", "routes": [{"route": "GET /a"}]}
    (folder / "report" / "comparison.json").write_text(json.dumps(content))
    return folder / "report"


@pytest.mark.parametrize("name", ["", "comparison.json"])
def test_a_report_is_told_by_its_folder_and_by_its_file(
    report: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("inspect", report / name) == EXIT_OK
    assert "comparison/1" in capsys.readouterr().out

    assert ended("inspect", report / name, "--json") == EXIT_OK
    assert json.loads(capsys.readouterr().out) == json.loads((report / "comparison.json").read_text())


@pytest.mark.parametrize("content", [b'{"format": "verdict/9"}', b"{", b"\xff", b"[]", b"version = 1\n"])
def test_a_file_that_is_no_report_is_bad_input(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "verdict.json").write_bytes(content)

    assert ended("inspect", tmp_path) == EXIT_INPUT
    assert "is no report of this version" in capsys.readouterr().err


def test_baselines_are_told_as_json(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("baselines", "list", report.parent, "--json") == EXIT_OK
    (one,) = json.loads(capsys.readouterr().out)
    assert one["baseline"] == str(report.parent / "production")

    assert ended("baselines", "show", report.parent / "production", "--json") == EXIT_OK
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "production"
    assert {"route", "n", "latency_ms"} <= set(found["routes"][0])


def test_quiet_leaves_what_went_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.hush.__globals__["_told"], "quiet", False)
    assert ended("baselines", "list", tmp_path) == EXIT_OK
    assert "no baseline under" in capsys.readouterr().err
    assert ended("--quiet", "baselines", "list", tmp_path) == EXIT_OK
    assert capsys.readouterr().err == ""
    assert ended("-q", "inspect", tmp_path / "nothing") == EXIT_INPUT
    assert "no such artefact" in capsys.readouterr().err
