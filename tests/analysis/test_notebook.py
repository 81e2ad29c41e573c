"""The notebook's way to a verdict, and the lines of the documentation that show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.gate_file import Gate, GateFileError
from analysis.notebook import Judged, judge_runs
from tests.runs import shop, write_run

PAGE = Path(__file__).parents[2] / "docs" / "verdict.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the runs that the documentation names."""
    folder = tmp_path_factory.mktemp("notebook")
    write_run(folder / "runs" / "friday", shop(1, length_s=120), kind="production")
    write_run(folder / "runs" / "build-417", shop(2, length_s=120, slower={"GET /search": 1.6}))
    return folder


@pytest.fixture(scope="module")
def judged(folder: Path) -> Judged:
    return judge_runs(folder / "runs" / "friday", str(folder / "runs" / "build-417"), Gate(slice_s=2.0))


def test_the_documentation_s_lines_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert blocks

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {})

    out = capsys.readouterr().out
    assert out.startswith("NOT READY - GET /search is slower")
    assert "GET /search" in out.partition("\n")[2]


def test_the_tables_hold_what_the_verdict_holds(judged: Judged) -> None:
    verdict = judged.rehearsal.verdict

    assert judged.word == verdict.verdict.value
    assert repr(judged) == f"{judged.word}: {verdict.headline}"
    assert len(judged.claims) == len(verdict.claims)
    assert list(judged.checks["name"]) == [check.name for check in verdict.checks]
    assert len(judged.quantiles) == sum(len(row.quantiles) for row in verdict.routes)
    assert set(judged.errors["name"]) >= {"any error", "5xx", "timeout"}
    assert "burst index" in set(judged.fidelity["name"])


def test_the_report_stands_in_a_frame_of_its_own(judged: Judged) -> None:
    shown = judged._repr_html_()

    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert "<script" not in shown


def test_a_gate_file_may_be_named(folder: Path) -> None:
    with pytest.raises(GateFileError, match=r"gone\.toml: no such file"):
        judge_runs(folder / "runs" / "friday", folder / "runs" / "build-417", folder / "gone.toml")
