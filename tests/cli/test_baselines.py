"""``replay baselines``: what is kept is listed with where it came from, and shown with what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli import main as command
from tests.runs import shop, write_run


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main(list(arguments))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with two baselines, a load run and a folder that is nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    made = {"kind": "production", "captured_share": 0.1}
    write_run(tmp_path / "runs" / "friday", shop(1, length_s=90), created="2026-01-09", capture_id="fr1da7", **made)
    write_run(tmp_path / "baselines" / "monday", shop(1, length_s=60), created="2026-01-12", **made)
    write_run(tmp_path / "runs" / "build", shop(2, length_s=60))
    (tmp_path / "runs" / "odd").mkdir()
    (tmp_path / "runs" / "odd" / "run.json").write_text("{")


def test_baselines_are_listed_the_latest_first_and_load_runs_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("baselines", "list") == 0

    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["baselines/monday", "runs/friday"]
    assert "fr1da7" in lines[2]
    assert "10%" in lines[2]
    assert "runs/odd/run.json" in shown.err


def test_an_empty_place_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("baselines", "list", "nowhere") == 0
    assert "no baseline under nowhere" in capsys.readouterr().err


def test_a_baseline_is_shown_with_its_provenance_and_routes(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("baselines", "show", "friday") == 0

    out = capsys.readouterr().out
    assert "fr1da7, 10% of the sessions" in out
    row = next(line for line in out.splitlines() if line.startswith("GET /search"))
    assert "ms" in row
    p50_ms = float(row.split()[6])
    assert p50_ms == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize(
    ("name", "message"), [("gone", "no such baseline"), ("build", "made by a load run, so it is no baseline")]
)
def test_what_is_no_baseline_is_said(capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    assert ended("baselines", "show", name) == 5
    assert message in capsys.readouterr().err
