"""``replay inspect``: any artefact → what it is."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from replay.cli.output import cell, stdout


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def inspect(
        path: Annotated[str, typer.Argument(help="A capture, a plan or a run.")],
        json: Annotated[bool, typer.Option("--json", help="Print the whole manifest as JSON.")] = False,
    ) -> None:
        """What an artefact is, where it came from, and what was lost on the way.

        [bold]Examples[/bold]

            replay inspect friday

            replay inspect runs/candidate --json
        """
        import msgspec
        from rich import box
        from rich.table import Table

        from replay.cli.artefact import locate, manifest_of

        folder = locate(path)
        manifest = manifest_of(folder)
        if json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n")
            return
        table = Table(
            box=box.SIMPLE, show_header=False, title=cell(f"{folder} ({manifest.format})"), title_justify="left"
        )
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in msgspec.to_builtins(manifest).items():
            if name != "format":
                table.add_row(cell(name), cell(_shown(value)))
        stdout.print(table)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case dict():
            return "\n".join(f"{name}: {_shown(each)}" for name, each in list(value.items())[:30]) or "–"
        case list() if len(value) > 12:
            return f"{len(value)} entries"
        case list():
            return "\n".join(_shown(each) for each in value) or "–"
        case _:
            return str(value) if value not in ("", None) else "–"
