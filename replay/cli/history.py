"""``replay history``: past verdicts → how each route went, and with which run a lasting change began."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from replay.artefacts import new_folder
from replay.cli.output import progress, stdout
from replay.errors import InputError, ReplayError
from replay.private_files import write_whole

VERDICT_NAME = "verdict.json"
HELP = """Lay past verdicts side by side: the trend of each gated route, and with which run a lasting change began.

DIR is a report of 'replay gate' or a folder that holds several. Only runs of the latest one's plan and load are laid
side by side. A change is called lasting where it held for four runs or more and chance is ruled out over all series
together; nothing is judged, and the exit code is 0. With -o, history.json and history.html are written.

Examples:

  replay history reports

  replay history reports/build-41* --at-least 10% -o trend
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    def history(
        reports: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Reports, or folders that hold them.")],
        output: Annotated[
            Path | None, typer.Option("-o", "--output", metavar="DIR", help="New folder for the history.")
        ] = None,
        at_least: Annotated[
            str, typer.Option(metavar="SHARE", help="The smallest lasting change that is worth a mention.")
        ] = "5%",
        as_json: Annotated[bool, typer.Option("--json", help="Print history.json instead of the table.")] = False,
    ) -> None:
        from analysis.history import history_of, read_verdict
        from analysis.report.history import history_html, render_history
        from analysis.report.json_ import to_json
        from analysis.samples import ArtefactError
        from replay.cli.values import share

        least = share(at_least)
        if output and output.exists():
            raise ReplayError(f"{output}: exists already. Choose another name, or remove it first.")
        verdicts = []
        for path in verdict_files(reports):
            try:
                verdicts.append(read_verdict(path))
            except ArtefactError as error:
                progress(f"left out: {error}")
        try:
            found = history_of(verdicts, least)
        except ArtefactError as error:
            raise InputError(str(error)) from None
        if output:
            with new_folder(output) as folder:
                write_whole(folder / "history.json", to_json(found))
                write_whole(folder / "history.html", history_html(found).encode())
        if as_json:
            typer.echo(to_json(found).decode(), nl=False)
            return
        stdout.print(render_history(found))
        if output:
            stdout.print(f"report: {output / 'history.html'}")


def verdict_files(places: list[Path]) -> Iterator[Path]:
    """The verdicts in ``places`` and in the folders directly under them.

    Raises:
        InputError: a place does not exist, or holds no verdict.
    """
    for place in places:
        found = [place] if place.is_file() else [place / VERDICT_NAME, *sorted(place.glob(f"*/{VERDICT_NAME}"))]
        found = [path for path in found if path.is_file()]
        if not found:
            why = f"holds no {VERDICT_NAME}, nor does a folder in it" if place.exists() else "no such folder"
            raise InputError(f"{place}: {why}. Name reports that 'replay gate' wrote.")
        yield from found
