"""``replay calibrate``: one build, replayed several times → how far two runs differ by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replay.artefacts import named
from replay.cli.output import progress, stdout
from replay.cli.run_options import RunOptions, takes_run_options
from replay.errors import IncompleteError, InputError, ReplayError
from replay.private_files import write_whole
from replay.runs import RunManifest
from replay.storage import refuse_address

if TYPE_CHECKING:
    from analysis.calibration import Calibration

LEAST_RUNS = 3
HELP = """Measure how far two runs of one build differ by themselves: replay the plan several times against it.

Each run goes the way of 'replay run', interlock and all, and is kept under DIR. Their spread beyond what each run's
own variation explains is written to DIR/calibration.json, which 'replay gate --calibration DIR' reads. Runs made
within an hour do not show what differs from day to day: --pause spreads them, --run adds earlier ones of the build.

Examples:

  replay calibrate friday.plan --target https://staging.example --scale 2 -o staging-noise

  replay calibrate --run build-416 --run nightly-1 --run nightly-2 -o staging-noise
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    @takes_run_options(without=frozenset({"ui", "baseline", "master", "hosts", "secret"}))
    def calibrate(
        output: Annotated[
            str, typer.Option("-o", "--output", metavar="DIR", help="New folder for the runs and the calibration.")
        ],
        plan: Annotated[str, typer.Argument(help="The plan's folder; not needed where --run names enough.")] = "",
        *,
        runs: Annotated[int, typer.Option(min=1, max=100, help="How often to replay the plan.")] = 4,
        earlier: Annotated[
            list[str], typer.Option("--run", help="A run of the same build, plan and load made before; repeatable.")
        ] = [],  # noqa: B006
        pause: Annotated[str, typer.Option(help="Wait so long between two runs, as 30m.")] = "",
        slice_s: Annotated[
            float, typer.Option("--slice", min=0.1, max=60.0, metavar="SECONDS", help="Length of a slice of time.")
        ] = 5.0,
        options: RunOptions,
    ) -> int:
        from replay.cli.run_order import prepare
        from replay.cli.run_result import perform
        from replay.cli.values import duration_s

        refuse_address(output, "its runs are made on this host")
        folder = Path(output)
        if folder.exists():
            raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
        if not plan and len(earlier) < LEAST_RUNS:
            raise ReplayError(f"calibrate: name a PLAN to replay, or at least {LEAST_RUNS} runs with --run.")
        if plan and runs + len(earlier) < LEAST_RUNS:
            raise ReplayError(f"--runs {runs}: fewer than {LEAST_RUNS} runs measure nothing. Make more.")
        wait_s = duration_s(pause) if pause else 0.0
        made = [named(name, "runs") for name in earlier]
        if plan:
            made += repeat(
                replace(options, plan=plan),
                runs,
                folder,
                lambda each: perform(prepare(each)).manifest,
                lambda: time.sleep(wait_s),
            )
        found = conclude(made, slice_s, folder)
        _print(found, folder)
        return 0


def repeat(
    options: RunOptions,
    runs: int,
    output: Path,
    perform: Callable[[RunOptions], RunManifest],
    wait: Callable[[], None],
) -> list[Path]:
    """Make the A/A runs one after the other, as ``output/run-1``, ``run-2`` …; each stays if a later one fails.

    Raises:
        IncompleteError: a run did not complete.
    """
    made: list[Path] = []
    for number in range(1, runs + 1):
        if made:
            wait()
        folder = output / f"run-{number}"
        progress(f"Run {number} of {runs}")
        manifest = perform(replace(options, output=str(folder)))
        if manifest.ended != "complete":
            if manifest.ended == "interrupted":
                raise KeyboardInterrupt
            kept = f" What was made is under {output}; go on from there with --run." if made else ""
            raise IncompleteError(
                f"{folder}: the run did not complete ({manifest.ended_reason or manifest.ended}).{kept}"
            )
        made.append(folder)
    return made


def conclude(runs: Sequence[Path], slice_s: float, output: Path) -> Calibration:
    """Measure the noise of finished ``runs`` and write it into ``output``.

    Raises:
        InputError: a run cannot be read, or they are not of one plan and load.
    """
    import msgspec

    from analysis.calibration import CALIBRATION_NAME, calibrate
    from analysis.samples import ArtefactError, read_run

    try:
        found = calibrate([read_run(path) for path in runs], slice_s)
    except ArtefactError as error:
        raise InputError(str(error)) from None
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    write_whole(output / CALIBRATION_NAME, content)
    return found


def _print(found: Calibration, output: Path) -> None:
    from analysis.report.terminal_calibration import render_calibration

    stdout.print(render_calibration(found))
    stdout.print()
    stdout.print(f"{output}: written. Judge with it: replay gate BASELINE CANDIDATE --calibration {output} -o DIR")
