"""``replay gate`` and ``replay compare`` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from replay.cli.main import main
from tests.runs import shop, write_run

type Replay = Callable[..., int]


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replay:
    """Runs the command line in an empty folder and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path) -> int:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return write_run(tmp_path / "friday", shop(1), kind="production")


def test_an_unchanged_build_is_ready_and_leaves_every_report(
    replay: Replay, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = write_run(tmp_path / "build", shop(5, rate_per_s=60.0), scale=2.0)
    gate = tmp_path / "wide.toml"
    gate.write_text("[margins]\nrelative = 0.25\n")

    code = replay("gate", baseline, candidate, "--gate", gate, "-o", tmp_path / "report")

    assert code == 0
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "verdict.json",
        "comparison.json",
        "report.html",
        "report.md",
        "junit.xml",
    }
    out = capsys.readouterr().out
    assert "READY" in out.splitlines()[0]
    assert out.splitlines()[-2:] == [f"report: {tmp_path / 'report' / 'report.html'}", "READY (exit 0)"]


def test_a_slow_and_a_failing_route_are_both_named(
    replay: Replay, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = shop(3, slower={"GET /search": 1.6}, failing={"GET /": 0.04})
    candidate = write_run(tmp_path / "build", worse)

    code = replay("gate", baseline, candidate, "-o", tmp_path / "report", "--json")

    verdict = json.loads(capsys.readouterr().out)
    assert code == verdict["exit_code"] == 1
    assert verdict["verdict"] == "NOT READY"
    assert any(reason.startswith("GET /search is slower: p95") for reason in verdict["reasons"])
    assert any(reason.startswith("GET / fails: 4") for reason in verdict["reasons"])
    assert json.loads((tmp_path / "report" / "verdict.json").read_text()) == verdict


def test_a_gate_file_in_the_folder_is_used(replay: Replay, baseline: Path, tmp_path: Path) -> None:
    candidate = write_run(tmp_path / "build", shop(2))
    (tmp_path / "gate.toml").write_text("min_slices = 5000\n")

    assert replay("gate", baseline, candidate, "-o", tmp_path / "report") == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("qantiles = [0.5]", "unknown key 'qantiles'. Did you mean 'quantiles'?"),
        ('routes = ["GET /serch"]', "no route 'GET /serch'. Did you mean 'GET /search'?"),
        ("alpha = 3", "Expected 'float' <= 0.2 - at 'alpha'"),
        ("alpha = ", "cannot be read as TOML"),
    ],
)
def test_a_wrong_gate_file_is_a_usage_error_with_a_hint(
    content: str,
    message: str,
    replay: Replay,
    baseline: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candidate = write_run(tmp_path / "build", shop(2))
    (tmp_path / "gate.toml").write_text(content)

    assert replay("gate", baseline, candidate, "-o", tmp_path / "report") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_runs_of_two_template_sets_are_refused_with_the_reason(
    replay: Replay, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = write_run(tmp_path / "build", shop(2), templates="other")

    assert replay("gate", baseline, candidate, "-o", tmp_path / "report") == 5
    assert "route templates (other…) are not those of" in capsys.readouterr().err


def test_a_missing_candidate_and_a_missing_output_are_usage_errors(
    replay: Replay, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("gate", baseline, "-o", "report") == 2
    assert "no CANDIDATE" in capsys.readouterr().err
    assert replay("gate", baseline, baseline) == 2
    assert "no output folder" in capsys.readouterr().err


def test_an_existing_output_is_never_overwritten(replay: Replay, baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()

    assert replay("gate", baseline, baseline, "-o", tmp_path / "report") == 2
    assert list((tmp_path / "report").iterdir()) == []


def test_init_writes_a_gate_that_the_gate_reads(replay: Replay, baseline: Path, tmp_path: Path) -> None:
    candidate = write_run(tmp_path / "build", shop(3, slower={"GET /search": 1.6}))

    assert replay("gate", baseline, "--init") == 0
    assert '"GET /search",  #' in (tmp_path / "gate.toml").read_text()
    assert replay("gate", baseline, candidate, "-o", tmp_path / "report") == 1


def test_compare_judges_nothing_and_exits_0(
    replay: Replay, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = write_run(tmp_path / "build", shop(3, slower={"GET /search": 1.6}))

    assert replay("compare", baseline, candidate, "-o", tmp_path / "report") == 0

    out = capsys.readouterr().out
    assert "GET /search" in out
    assert "READY" not in out
    written = json.loads((tmp_path / "report" / "comparison.json").read_text())
    assert written["format"] == "comparison/1"
    assert (tmp_path / "report" / "comparison.html").exists()
