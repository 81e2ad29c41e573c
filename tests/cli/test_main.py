"""What any end of a command means for the exit code and for stderr."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from replay import baseline
from replay.artefacts import new_folder
from replay.cli import main as command
from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.plan.build import Settings, Source, build
from tests.factories import capture_manifest, exchange

HELP = Path(__file__).parent / "golden" / "help"


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def verb_that(raises: BaseException | None = None, returns: int | None = None) -> object:
    def register(app: typer.Typer) -> None:
        @app.command()
        def act() -> int | None:
            if raises is not None:
                raise raises
            return returns

    return register


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReplayError("what, where."), 2),
        (InputError("what, where."), 5),
        (IncompleteError("what, where."), 6),
        (RefusedError("what, where."), 7),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    monkeypatch.setattr(command, "VERBS", [verb_that(raises=error)])

    assert ended(["act"]) == code
    assert capsys.readouterr().err == "replay: what, where.\n"


def test_a_bug_shows_its_type_and_place_and_never_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "VERBS", [verb_that(raises=ValueError("alice@example.org"))])

    assert ended(["act"]) == 70
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "test_main.py" in err
    assert "alice" not in err


def test_an_interruption_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "VERBS", [verb_that(raises=KeyboardInterrupt())])

    assert ended(["act"]) == 130


def test_a_verb_s_own_code_is_the_command_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "VERBS", [verb_that(returns=3)])

    assert ended(["act"]) == 3


def test_an_unknown_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["inspect", "--frob"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a plan and a baseline in it."""
    monkeypatch.chdir(tmp_path)
    exchanges = [exchange(at_ms=i) for i in range(10)]
    with new_folder(tmp_path / "friday.plan") as folder:
        build([Source(capture_manifest(), exchanges)], Settings(), folder, "friday")
    with new_folder(tmp_path / "runs" / "production") as folder:
        baseline.write_baseline([baseline.Source(capture_manifest(), exchanges, 0)], folder, "production")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "what"), [("friday", "plan/1"), ("runs/production", "run/1"), ("production", "run/1")]
)
def test_inspect_says_what_an_artefact_is(
    artefacts: Path, capsys: pytest.CaptureFixture[str], name: str, what: str
) -> None:
    assert ended(["inspect", name]) == 0
    assert what in capsys.readouterr().out


@pytest.mark.parametrize("name", ["friday.plan", "production"])
def test_cat_prints_records_as_json_lines(artefacts: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert ended(["cat", name, "-n", "4"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all('"route":"GET /products/7"' in line for line in lines)


@pytest.mark.parametrize("verb", [["inspect", "gone"], ["cat", "gone"], ["plan", "gone", "-o", "x"]])
def test_a_missing_artefact_is_one_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert ended(verb) == 5
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_printed_without_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out.startswith("replay 0.")


def verbs() -> list[list[str]]:
    found = []
    for name, verb in typer.main.get_command(command.application()).commands.items():  # type: ignore[attr-defined]
        found += [[name, sub] for sub in getattr(verb, "commands", {})] or [[name]]
    return found


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    assert ended([*verb, "--help"]) == 0

    examples = capsys.readouterr().out.partition("Example")[2]
    assert f"replay {' '.join(verb)}" in examples


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_the_help_of_every_verb_is_as_it_was(
    verb: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    golden: Callable[[Path, str], None],
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.argv", ["replay"])

    assert ended([*verb, "--help"]) == 0

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    golden(HELP / f"{'-'.join(verb)}.txt", "\n".join(lines) + "\n")


def test_a_dry_run_and_a_plan_are_json_for_programs(artefacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["run", "friday.plan", "--target", "http://127.0.0.1:1", "--dry-run", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["routes"] == {"GET /products/7": 10}
    assert [target["url"] for target in told["targets"]] == ["http://127.0.0.1:1"]
    assert [one["request"] for one in told["first"]] == ["GET /products/7"] * 10
    assert [one["due_s"] for one in told["first"]] == [number / 1000 for number in range(10)]


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        (["run", "friday.plan", "--target", "http://127.0.0.1:1", "--json"], "--json: is for --dry-run"),
        (["plan", "friday", "-o", "x", "--explain", "--json"], "--json: tells the plan alone"),
    ],
)
def test_json_is_refused_where_it_would_not_tell_all(
    artefacts: Path, capsys: pytest.CaptureFixture[str], verb: list[str], why: str
) -> None:
    assert ended(verb) == 2
    assert why in capsys.readouterr().err


def test_names_from_traffic_neither_steer_the_terminal_nor_are_taken_for_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "GET /[bold]x[/bold]\x1b]0;title\x07\x9b2J"
    build([Source(capture_manifest(), [exchange(route=hostile)])], Settings(), tmp_path, "[red]friday\x1b[2J")

    assert ended(["inspect", str(tmp_path)]) == 0
    assert ended(["run", str(tmp_path), "--target", "http://127.0.0.1:1", "--dry-run"]) == 0

    shown = capsys.readouterr()
    assert (
        shown.out.count("GET /[bold]x[/bold]\ufffd]0;title\ufffd\ufffd2J") == 3
    )  # routes, forecast, and the dry run
    assert "[red]friday" in shown.out
    assert not {"\x1b", "\x07", "\x9b"} & set(shown.out + shown.err)
