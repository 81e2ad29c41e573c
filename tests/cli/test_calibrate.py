"""``replay calibrate``: runs are made by the path of ``replay run``, and none is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.cli import main as command
from replay.cli.calibrate import repeat
from replay.cli.run_options import RunOptions
from replay.errors import IncompleteError
from replay.runs import RunManifest, read_run_manifest
from tests.runs import shop, write_run


def ended(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main([str(argument) for argument in arguments])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def a_run(options: RunOptions, **manifest: object) -> RunManifest:
    """Stands in for a replay: a run folder where the order says."""
    folder = Path(options.output)
    write_run(folder, shop(len(list(folder.parent.glob("*"))) + 3, length_s=90), **manifest)
    return read_run_manifest(folder)


def test_runs_are_made_one_after_the_other_with_a_wait_between(tmp_path: Path) -> None:
    waited: list[int] = []

    made = repeat(RunOptions("p", []), 3, tmp_path / "out", a_run, lambda: waited.append(1))

    assert made == [tmp_path / "out" / f"run-{n}" for n in (1, 2, 3)]
    assert waited == [1, 1]


def test_a_run_that_breaks_off_ends_it_and_keeps_what_was_made(tmp_path: Path) -> None:
    ends = iter(["complete", "breaker"])

    with pytest.raises(IncompleteError, match=r"run-2: the run did not complete \(breaker\).*go on from there"):
        repeat(RunOptions("p", []), 3, tmp_path, lambda order: a_run(order, ended=next(ends)), lambda: None)

    assert read_run_manifest(tmp_path / "run-1").ended == "complete"


def test_an_interrupted_run_interrupts_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        repeat(RunOptions("p", []), 3, tmp_path, lambda order: a_run(order, ended="interrupted"), lambda: None)


def test_earlier_runs_alone_make_a_calibration_that_the_gate_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_run(tmp_path / f"aa-{n}", shop(30 + n, length_s=120)) for n in range(3)]
    write_run(tmp_path / "friday", shop(1, length_s=120), kind="production")
    write_run(tmp_path / "build", shop(2, length_s=120))
    options = [option for run in runs for option in ("--run", run)]

    assert ended("calibrate", *options, "--slice", "2", "-o", tmp_path / "noise") == 0

    out = capsys.readouterr().out
    assert "Run-to-run noise, beyond" in out
    assert "time constant" in out
    assert "design effect" in out
    (tmp_path / "gate.toml").write_text("slice_s = 2\nmin_slices = 40\n[margins]\nrelative = 0.5\n")
    assert ended("gate", "./friday", "./build", "--calibration", "noise", "-o", "report") == 0
    assert json.loads((tmp_path / "report" / "verdict.json").read_text())["noise_runs"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a PLAN to replay, or at least 3 runs with --run"),
        (["friday.plan", "--runs", "2"], "--runs 2: fewer than 3 runs measure nothing"),
    ],
)
def test_too_few_runs_are_refused_before_any_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert ended("calibrate", *arguments, "-o", tmp_path / "noise") == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "noise").exists()
