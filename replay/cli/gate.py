"""``replay gate``: two runs → verdict, reports, exit code."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replay.artefacts import named, new_folder
from replay.cli.output import progress, stdout
from replay.errors import InputError, ReplayError
from replay.private_files import write_whole
from replay.storage import refuse_address

if TYPE_CHECKING:
    from analysis.gate_file import Gate
    from analysis.verdict import Verdict

HELP = """Judge a run: can the build carry production's traffic?

Ends in READY (exit 0), NOT READY (1), INCONCLUSIVE (3) or INVALID (4) and writes the evidence to DIR: report.html,
verdict.json, comparison.json, report.md for a pull request and junit.xml. In a GitHub workflow the reasons are
annotations of the job, too.

Examples:

  replay gate runs/friday runs/build-417 -o reports/build-417

  replay gate friday build-417 --gate gate.toml -o reports/build-417 --json | jq .headline

  replay gate friday build-417 --reference build-416 --calibration staging-noise -o reports/build-417

  replay gate friday --init -o gate.toml
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    def gate(
        baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="The run to judge against.")],
        candidate: Annotated[
            str | None, typer.Argument(metavar="CANDIDATE", help="The run of the build; not with --init.")
        ] = None,
        output: Annotated[
            str | None, typer.Option("-o", "--output", metavar="DIR", help="New folder for the reports.")
        ] = None,
        gate_file: Annotated[
            Path | None,
            typer.Option("--gate", metavar="FILE", help="Gate file; ./gate.toml is used if it is there."),
        ] = None,
        reference: Annotated[
            str | None,
            typer.Option(metavar="RUN", help="A run of the last good build, of the same plan and scale."),
        ] = None,
        calibration: Annotated[
            str | None,
            typer.Option(
                metavar="DIR", help="Run-to-run noise as 'replay calibrate' measured it; else 3 % is assumed."
            ),
        ] = None,
        init: Annotated[
            bool, typer.Option("--init", help="Write a gate file from BASELINE, with its reasons, to -o FILE.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print verdict.json instead of the table.")] = False,
    ) -> int:
        if init:
            return _write_gate(named(baseline, "runs"), candidate, output or "gate.toml")
        if candidate is None:
            raise ReplayError("gate: no CANDIDATE. Name the run of the build as second argument.")
        if output is None:
            raise ReplayError("gate: no output folder. Name a new one with -o DIR.")
        runs = _Runs(
            named(baseline, "runs"),
            named(candidate, "runs"),
            named(reference, "runs") if reference else None,
            named(calibration, "runs") if calibration else None,
        )
        return _judge(runs, named(output, ".", new=True), gate_file, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Runs:
    baseline: Path
    candidate: Path
    reference: Path | None
    calibration: Path | None


def _judge(runs: _Runs, output: Path, gate_file: Path | None, *, as_json: bool) -> int:
    from analysis.gate_file import GateFileError
    from analysis.rehearsal import rehearse, reports
    from analysis.report.github import to_github
    from analysis.report.terminal import render
    from analysis.samples import ArtefactError

    if output.exists():
        raise ReplayError(f"{output}: exists already. Choose another name, or remove it first.")
    try:
        gate, where = _gate(gate_file)
        rehearsal = rehearse(runs.baseline, runs.candidate, gate, where, runs.reference, runs.calibration)
        files = reports(rehearsal)
    except GateFileError as error:
        raise ReplayError(str(error)) from None
    except ArtefactError as error:
        raise InputError(str(error)) from None
    with new_folder(output) as folder:
        for name, content in files.items():
            write_whole(folder / name, content)
    verdict = rehearsal.verdict
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write(to_github(verdict))
    if as_json:
        typer.echo(files["verdict.json"].decode(), nl=False)
    else:
        stdout.print(render(verdict))
        stdout.print()
        _last_lines(verdict, output)
    return verdict.exit_code


def _last_lines(verdict: Verdict, output: Path) -> None:
    stdout.print(f"report: {output / 'report.html'}", markup=False)
    stdout.print(f"{verdict.verdict} (exit {verdict.exit_code})", markup=False, style="bold")


def _gate(path: Path | None) -> tuple[Gate, str]:
    """The gate to use and its name in messages."""
    from analysis.gate_file import Gate, read_gate

    found = path or Path("gate.toml")
    if path is None and not found.exists():
        progress("no gate.toml here: the defaults decide ('replay gate --init BASELINE' writes one)")
        return Gate(), "the default gate"
    return read_gate(found), str(found)


def _write_gate(baseline: Path, candidate: str | None, name: str) -> int:
    from analysis.gate_init import gate_for
    from analysis.samples import ArtefactError, read_run

    if candidate is not None:
        raise ReplayError("gate --init takes BASELINE alone. Leave CANDIDATE out.")
    refuse_address(name, "a gate file is read and committed on this host")
    output = Path(name)
    if output.exists():
        raise ReplayError(f"{output}: exists already. Choose another name with -o FILE.")
    try:
        content = gate_for(read_run(baseline))
    except ArtefactError as error:
        raise InputError(str(error)) from None
    write_whole(output, content.encode())
    stdout.print(f"{output}: written. Read its comments, set its margins, and commit it.", markup=False)
    return 0
