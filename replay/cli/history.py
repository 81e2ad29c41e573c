"""``replay history``: past verdicts → how each route went, and with which run a lasting change began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from replay.artefacts import named, new_folder
from replay.cli.output import progress, stdout
from replay.errors import InputError, ReplayError
from replay.private_files import write_whole
from replay.storage import files_in, held

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
        reports: Annotated[list[str], typer.Argument(metavar="DIR...", help="Reports, or folders that hold them.")],
        output: Annotated[
            str | None, typer.Option("-o", "--output", metavar="DIR", help="New folder for the history.")
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
        folder = named(output, ".", new=True) if output else None
        if folder and folder.exists():
            raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
        verdicts = []
        for path in verdict_files(named(each, ".", whole=False) for each in reports):
            try:
                with held(path):
                    verdicts.append(read_verdict(path))
            except ArtefactError as error:
                progress(f"left out: {error}")
        try:
            found = history_of(verdicts, least)
        except ArtefactError as error:
            raise InputError(str(error)) from None
        if folder:
            with new_folder(folder) as part:
                write_whole(part / "history.json", to_json(found))
                write_whole(part / "history.html", history_html(found).encode())
        if as_json:
            typer.echo(to_json(found).decode(), nl=False)
            return
        stdout.print(render_history(found))
        if folder:
            stdout.print(f"report: {folder / 'history.html'}")


def verdict_files(places: Iterable[Path]) -> Iterator[Path]:
    """The verdicts in ``places`` and in the folders directly under them.

    Raises:
        InputError: a place does not exist, or holds no verdict.
    """
    for place in places:
        below = [Path(name) for name in files_in(place)]
        found = [place / path for path in below if path.name == VERDICT_NAME and len(path.parts) <= 2]
        found = [place] if place.is_file() else sorted(found, key=lambda path: (len(path.parts), path))
        if not found:
            why = f"holds no {VERDICT_NAME}, nor does a folder in it" if place.exists() else "no such folder"
            raise InputError(f"{place}: {why}. Name reports that 'replay gate' wrote.")
        yield from found
