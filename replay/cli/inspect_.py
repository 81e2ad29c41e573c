"""``replay inspect``: any artefact → what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import cell, print_json, stdout
from replay.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def inspect(
        path: Annotated[str, typer.Argument(help="A capture, a plan, a run, or a report that was written.")],
        json: Annotated[bool, typer.Option("--json", help="Print the whole manifest as JSON.")] = False,
        identity: Identity = None,
    ) -> None:
        """What an artefact is, where it came from, and what was lost on the way.

        Of a capture that did not end in order it says what can be read; an encrypted one is read with --identity.

        [bold]Examples[/bold]

            replay inspect friday

            replay inspect runs/candidate --json

            replay inspect report
        """
        import msgspec
        from rich import box
        from rich.table import Table

        from replay.capture.manifest import CaptureManifest
        from replay.cli.artefact import locate, manifest_of, report_of

        folder = locate(path)
        report = report_of(folder)
        manifest = None if report else manifest_of(folder)
        found = report or msgspec.to_builtins(manifest)
        if json:
            print_json(found)
            return
        title = cell(f"{folder} ({found['format']})")
        table = Table(box=box.SIMPLE, show_header=False, title=title, title_justify="left")
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in found.items():
            if name != "format":
                table.add_row(cell(name), cell(_shown(value)))
        if isinstance(manifest, CaptureManifest):
            for name, told in _on_disk(folder, identity):
                table.add_row(name, cell(told))
        stdout.print(table)


def _on_disk(folder: Path, identity: Path | None) -> list[tuple[str, str]]:
    """Whether a capture is encrypted, and what can be read of one that did not end in order."""
    from replay.capture.segments import CaptureReader

    told = []
    try:
        reader = CaptureReader(folder, identity)
        told.append(("encrypted", _shown(reader.is_sealed)))
        if not reader.manifest.complete:
            count = sum(1 for _ in reader)
            told += [("readable", f"{count:,} exchanges"), ("missing", "\n".join(reader.notes))]
    except InputError as error:
        told.append(("missing", str(error)))
    return told


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
