"""``replay history``: reports in, a trend out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.gate_file import Gate
from analysis.rehearsal import rehearse
from analysis.report.json_ import to_json
from replay.cli import main as command
from tests.runs import shop, write_run


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main(list(arguments))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two reports and a damaged one under reports/."""
    monkeypatch.chdir(tmp_path)
    baseline = write_run(tmp_path / "friday", shop(1, length_s=60), kind="production")
    for number in (1, 2):
        made = f"2026-03-0{number}"
        candidate = write_run(tmp_path / f"build-{number}", shop(number, length_s=60), created=made)
        found = rehearse(baseline, candidate, Gate(slice_s=1.0, min_slices=30))
        folder = tmp_path / "reports" / f"build-{number}"
        folder.mkdir(parents=True)
        (folder / "verdict.json").write_bytes(to_json(found.verdict))
    (tmp_path / "reports" / "odd").mkdir()
    (tmp_path / "reports" / "odd" / "verdict.json").write_text("{}")
    return tmp_path / "reports"


def test_a_folder_of_reports_is_a_history(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("history", "reports", "-o", "trend") == 0

    shown = capsys.readouterr()
    assert "No lasting change of 5.0 % or more in 2 runs." in shown.out
    assert "GET /search" in shown.out
    assert "left out: reports/odd/verdict.json" in shown.err
    written = json.loads((Path("trend") / "history.json").read_text())
    assert [run["name"] for run in written["runs"]] == ["build-1", "build-2"]
    assert (Path("trend") / "history.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["gone"], 5, "no such folder"),
        (["friday"], 5, "holds no verdict.json"),
        (["reports", "--at-least", "x"], 2, "no share"),
    ],
)
def test_bad_input_is_one_line(
    reports: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert ended("history", *arguments) == code
    assert message in capsys.readouterr().err
