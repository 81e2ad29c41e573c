"""``replay capacity``: load in steps → the largest multiple of production that staging carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replay.artefacts import named
from replay.cli.output import stdout
from replay.cli.run_options import RunOptions, takes_run_options
from replay.errors import ReplayError
from replay.private_files import write_whole
from replay.storage import refuse_address

if TYPE_CHECKING:
    from analysis.capacity import Capacity
    from analysis.gate_file import Gate

_OURS = frozenset({"scale", "profile", "duration", "loops", "warmup", "ui", "baseline", "list_created"})
"""What the search decides, or means something else here."""
_ONE_HOST = frozenset({"master", "hosts", "secret"})
HELP = """How much of production can staging carry? Raise the load in steps until a limit gives way.

The plan is replayed by the way of 'replay run', interlock, breaker and all, once from --from to --to, then in finer
steps around what gave way. A limit is an SLO or budget of the gate file; where it has none, the gate's margins over
BASELINE's quantiles, or without a baseline --slower times what the lowest step took. The runs stay under DIR, with
capacity.json and capacity.html. This is an answer, no gate: the exit code is 0 whatever it is.

Examples:

  replay capacity friday.plan --target https://staging.example -o friday-capacity

  replay capacity friday.plan --target https://staging.example --baseline friday --from 1 --to 6 --step 2m -o headroom
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    @takes_run_options(without=_OURS | _ONE_HOST)
    def capacity(
        plan: Annotated[str, typer.Argument(help="The plan's folder (made by 'replay plan').")],
        output: Annotated[
            str, typer.Option("-o", "--output", metavar="DIR", help="New folder for the runs and the report.")
        ],
        *,
        baseline: Annotated[
            str, typer.Option(metavar="RUN", help="Production, whose quantiles make the limits.")
        ] = "",
        gate_file: Annotated[
            Path | None, typer.Option("--gate", metavar="FILE", help="Gate file; ./gate.toml is used if it is there.")
        ] = None,
        lowest: Annotated[
            float, typer.Option("--from", min=0.01, help="Lowest load, as a multiple of production's.")
        ] = 1.0,
        highest: Annotated[float, typer.Option("--to", min=0.01, help="Highest load.")] = 4.0,
        steps: Annotated[int, typer.Option(min=2, max=50, help="Steps from the lowest to the highest.")] = 5,
        step: Annotated[str, typer.Option("--step", help="Length of a step, as 90s.")] = "60s",
        settle: Annotated[str, typer.Option(help="Leave the first part of each step out, as 15s.")] = "15s",
        rounds: Annotated[int, typer.Option(min=1, max=4, help="1: no finer steps around what gave way.")] = 2,
        slower: Annotated[
            float, typer.Option(min=1.01, help="Times as slow as the lowest step, where there is no baseline.")
        ] = 2.0,
        errors: Annotated[
            str, typer.Option(help="Share of requests that may fail, where the gate has no budget.")
        ] = "1%",
        options: RunOptions,
    ) -> int:
        from replay.cli.capacity_search import Course, Limits, Search, ladder
        from replay.cli.run_result import perform
        from replay.cli.values import duration_s, share

        refuse_address(output, "its runs are made on this host")
        folder = Path(output)
        if folder.exists():
            raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
        if highest <= lowest:
            raise ReplayError(f"--to {highest:g}: is not above --from {lowest:g}. Name a higher load.")
        course = Course(duration_s(step), duration_s(settle))
        if course.settle_s > 0.8 * course.step_s:
            raise ReplayError(
                f"--settle {settle}: leaves little of a step of {step}. Make it shorter, or --step longer."
            )
        limits = Limits(_gate(gate_file), named(baseline, "runs") if baseline else None, slower, share(errors))
        search = Search(replace(options, plan=plan), course, limits, folder, lambda each: perform(each).manifest)
        found = search.run(ladder(lowest, highest, steps), rounds)
        _write(found, folder)
        return 0


def _gate(path: Path | None) -> Gate:
    from analysis.gate_file import Gate, GateFileError, read_gate

    found = path or Path("gate.toml")
    if path is None and not found.exists():
        return Gate(quantiles=[0.95])
    try:
        return read_gate(found)
    except GateFileError as error:
        raise ReplayError(str(error)) from None


def _write(found: Capacity, output: Path) -> None:
    from analysis.report.capacity import capacity_html, render_capacity
    from analysis.report.json_ import to_json

    write_whole(output / "capacity.json", to_json(found))
    write_whole(output / "capacity.html", capacity_html(found).encode())
    stdout.print(render_capacity(found))
    stdout.print()
    stdout.print(f"report: {output / 'capacity.html'}")
