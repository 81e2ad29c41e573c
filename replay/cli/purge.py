"""``replay purge``: removes captures whose time is over."""

from __future__ import annotations

from collections.abc import Iterator
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
            list[str] | None,
            typer.Argument(
                help="Captures: names under captures/, paths or addresses; s3://BUCKET/CAPTURES/ is all below it. "
                "Default: all under captures/."
            ),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would be removed, remove nothing.")
        ] = False,
    ) -> int:
        """Remove captures whose time is over (capture --retain), and nothing else.

        A folder that holds anything but a capture's own files is left as it is, and so is a link. Plans, exports and
        runs that were made from a capture are not touched: remove them yourself. A bucket that keeps versions holds
        what was removed until its own rule ends them.

        Exit code 0: done, also where there was nothing to do. 5 or 7: something was left that should have gone.

        [bold]Examples[/bold]

            replay purge --dry-run

            replay purge friday /srv/captures/monday

            replay purge s3://rehearsals/captures/ --dry-run
        """
        import datetime as dt

        from replay.artefacts import named
        from replay.capture.purge import files_of, retained
        from replay.capture.purge import purge as remove
        from replay.cli.captures import CAPTURES
        from replay.stores import is_address

        today = dt.datetime.now(dt.UTC).date()
        worst, removed = EXIT_OK, 0
        for name in [below for each in captures for below in _meant(each)] if captures else _all(Path(CAPTURES)):
            try:
                found = retained(folder := named(name, CAPTURES, whole=False))
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
        if removed and not dry_run and any(is_address(each) for each in captures or ()):
            progress("A bucket that keeps versions holds what was removed until its own rule ends them.")
        if not removed and worst == EXIT_OK:
            stdout.print("Nothing is to be removed.")
        return worst


def _all(parent: Path) -> Iterator[str]:
    """The captures under ``parent``; of other folders it is said that they were passed over."""
    from replay.capture.manifest import MANIFEST_NAME

    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            if (folder / MANIFEST_NAME).exists():
                yield str(folder)
            else:
                progress(f"{folder}: is no capture; passed over")


def _meant(name: str) -> Iterator[str]:
    """The captures that a NAME means: itself, or of an address with a slash behind it those directly below."""
    from replay.capture.manifest import MANIFEST_NAME
    from replay.stores import Store, is_address

    if not is_address(name) or not name.endswith("/"):
        yield name
        return
    found = Store.of(name).found()
    for below in sorted({each.partition("/")[0] for each in found if "/" in each}):
        if f"{below}/{MANIFEST_NAME}" in found:
            yield f"{name}{below}"
        else:
            progress(f"{name}{below}: is no capture; passed over")
