"""``replay baselines``: what is kept is listed with where it came from, and shown with what it says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from replay.artefacts import new_folder, write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli import main as command
from replay.runs import read_run_manifest
from replay.sanitize.keys import KeySource, load_key, sealed_start
from tests.factories import capture_manifest, exchange
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


@pytest.fixture
def week(tmp_path: Path) -> Path:
    """A key file, and captures of a Friday and the Monday after it under that key, and of a day under none."""
    (tmp_path / "team.key").write_bytes(bytes(range(32)))
    (tmp_path / "team.key").chmod(0o600)
    key = load_key(KeySource("file", str(tmp_path / "team.key")))
    began = dt.datetime(2026, 1, 9, 8, tzinfo=dt.UTC)
    starts = {"friday": sealed_start(key, round(began.timestamp()) * 10**9), "lost": ""}
    starts["monday"] = sealed_start(key, round((began + dt.timedelta(days=3)).timestamp()) * 10**9)
    for name, start in starts.items():
        with new_folder(tmp_path / "captures" / name) as folder:
            writer = SegmentWriter(folder, name)
            for place in range(20):
                writer.write(exchange(at_ms=100 * place))
            writer.close()
            mode = "file" if start else "ephemeral"
            manifest = capture_manifest(
                id=name, name=name, origins=[], segments=writer.closed, start=start, key_mode=mode
            )
            write_manifest(folder / MANIFEST_NAME, manifest)
    return tmp_path


def test_a_baseline_of_several_days_knows_how_far_apart_they_are_and_tells_no_time_of_day(
    week: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("baseline", "friday", "monday", "-o", "week", "--key-file", "team.key") == 0
    assert "week: 40 samples of production over 3.8 s of 2 captures" in capsys.readouterr().out

    manifest = read_run_manifest(week / "runs" / "week")
    assert [(day.capture_id, day.date, day.begin_ns) for day in manifest.days] == [
        ("friday", "2026-01-09", 0),
        ("monday", "2026-01-12", 3 * 86_400 * 10**9),
    ]
    assert ended("baselines", "list") == 0
    assert "2 captures" in capsys.readouterr().out
    assert ended("baselines", "show", "week") == 0
    assert "2026-01-12" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["friday", "monday"], 2, "how far apart did these captures begin? Give their key by --key-file"),
        (["friday", "lost", "--key-file", "team.key"], 5, "its key was ephemeral and is gone"),
        (["monday", "friday", "--key-file", "team.key"], 5, "Name the captures in order of time"),
    ],
)
def test_days_whose_distance_is_not_known_are_refused(
    week: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert ended("baseline", *arguments, "-o", "week") == code
    assert message in capsys.readouterr().err
    assert not (week / "runs" / "week").exists()
