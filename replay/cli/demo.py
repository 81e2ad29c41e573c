"""``replay demo``: the whole way on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.cli.output import progress, stdout


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def demo(
        regression: Annotated[
            bool, typer.Option("--regression", help="Let staging run a worse build: one route slower, one failing.")
        ] = False,
        output: Annotated[
            str, typer.Option("-o", "--output", help="Folder to write (default: runs/demo-1, demo-2 …).")
        ] = "",
        scale: Annotated[float, typer.Option(min=0.1, max=10.0, help="Times production's load.")] = 2.0,
        seconds: Annotated[float, typer.Option(min=5.0, max=3600.0, help="Seconds of traffic.", hidden=True)] = 58.0,
        rate: Annotated[float, typer.Option(min=1.0, max=200.0, help="Requests a second.", hidden=True)] = 60.0,
        seed: Annotated[int, typer.Option(help="Seed of the visitors.", hidden=True)] = 1,
    ) -> int:
        """The whole way on this machine: two shops, real traffic, a replay at twice the load, a verdict.

        Visitors look around, log in and buy; on staging each clone of them does so with an account of its own.
        Everything stays on loopback and under one folder; about two and a half minutes. The exit code is the
        verdict's: 0 READY, 1 NOT READY, 3 INCONCLUSIVE, 4 INVALID.

        [bold]Examples[/bold]

            replay demo

            replay demo --regression
        """
        import os
        from pathlib import Path

        from replay.demo.children import Children
        from replay.demo.tour import Course, Tour, new_folder_in
        from replay.errors import ReplayError
        from replay.storage import refuse_address

        refuse_address(output, "the demonstration is made on this host")
        folder = Path(output) if output else new_folder_in(Path("runs"))
        if output:
            if folder.exists():
                raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
            folder.mkdir(mode=0o700, parents=True)
        if not stdout.is_terminal:
            os.environ.setdefault("COLUMNS", "120")  # the commands' tables, in a log
        course = Course(folder, regression, seconds, rate, scale, seed)
        progress(f"About two and a half minutes. Everything goes to {folder}; nothing leaves this machine.")
        with Children() as children:
            return Tour(course, children, progress).run()
