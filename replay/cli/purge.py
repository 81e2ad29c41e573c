"""``replay purge``: removes captures whose time is over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from replay.cli.output import problem, progress, stdout
from replay.errors import EXIT_OK, ReplayError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def purge(
        captures: Annotated[
            list[str] | None, typer.Argument(help="Captures: names under captures/, or paths. Default: all there.")
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would be removed, remove nothing.")
        ] = False,
    ) -> int:
        """Remove captures whose time is over (capture --retain), and nothing else.

        A folder that holds anything but a capture's own files is left as it is, and so is a link. Plans, exports and
        runs that were made from a capture are not touched: remove them yourself.

        Exit code 0: done, also where there was nothing to do. 5 or 7: something was left that should have gone.

        [bold]Examples[/bold]

            replay purge --dry-run

            replay purge friday /srv/captures/monday
        """
        import datetime as dt

        from replay.artefacts import named
        from replay.capture.purge import files_of, retained
        from replay.capture.purge import purge as remove
        from replay.cli.captures import CAPTURES
        from replay.storage import refuse_address

        for each in captures or ():
            refuse_address(each, "what a store holds is removed by the store's own rules")
        today = dt.datetime.now(dt.UTC).date()
        worst, removed = EXIT_OK, 0
        for folder in [named(each, CAPTURES) for each in captures] if captures else _all(Path(CAPTURES)):
            try:
                found = retained(folder)
                if not found.is_over(today):
                    stdout.print(f"{folder}: stays until {found.due}")
                    continue
                gone = files_of(found) if dry_run else remove(found)
            except ReplayError as error:
                problem(str(error))
                worst = max(worst, error.exit_code)
            else:
                removed += 1
                what = "would be removed" if dry_run else "removed"
                size = f"{len(gone.names)} files, {gone.size_bytes / 1e6:,.1f} MB"
                stdout.print(f"{folder}: {what}, was due on {found.due} ({size})")
        if not removed and worst == EXIT_OK:
            stdout.print("Nothing is to be removed.")
        return worst


def _all(parent: Path) -> Iterable[Path]:
    """The captures under ``parent``; of other folders it is said that they were passed over."""
    from replay.capture.manifest import MANIFEST_NAME

    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            if (folder / MANIFEST_NAME).exists():
                yield folder
            else:
                progress(f"{folder}: is no capture; passed over")
