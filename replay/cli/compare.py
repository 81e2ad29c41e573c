"""``replay compare``: two runs → comparison; judges nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.artefacts import named, new_folder
from replay.cli.output import stdout
from replay.errors import InputError, ReplayError
from replay.private_files import write_whole

HELP = """Compare two runs and judge nothing.

Shows every route and quantile with its interval, and writes comparison.json and comparison.html to DIR.

Examples:

  replay compare runs/friday runs/build-417 -o reports/friday-417

  replay compare build-416 build-417 --slice 1 -o reports/416-417
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    def compare(
        baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="The run to compare with.")],
        candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="The run to compare.")],
        output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="New folder for the comparison.")],
        slice_s: Annotated[
            float, typer.Option("--slice", min=0.1, max=60.0, metavar="SECONDS", help="Length of a slice of time.")
        ] = 5.0,
    ) -> None:
        from analysis.rehearsal import compare_runs, comparison_reports
        from analysis.report.terminal import render_comparison
        from analysis.samples import ArtefactError

        folder = named(output, ".", new=True)
        if folder.exists():
            raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
        try:
            found = compare_runs(named(baseline, "runs"), named(candidate, "runs"), slice_s)
            files = comparison_reports(found)
        except ArtefactError as error:
            raise InputError(str(error)) from None
        with new_folder(folder) as part:
            for name, content in files.items():
                write_whole(part / name, content)
        stdout.print(render_comparison(found))
        stdout.print(f"report: {folder / 'comparison.html'}", markup=False)
