"""``replay baseline``: what production took, as samples."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import progress, stdout


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def baseline(
        capture: Annotated[str, typer.Argument(help="A capture: a name under captures/, or a path.")],
        output: Annotated[
            str, typer.Option("-o", "--output", help="The run to write: a name under runs/, or a path.")
        ],
        allow_damaged: Annotated[
            bool, typer.Option("--allow-damaged", help="Go on where a closed segment cannot be read to its end.")
        ] = False,
        identity: Identity = None,
    ) -> None:
        """What production took: a capture as the samples of a run that production made.

        [bold]Example[/bold]

            replay baseline friday -o friday-production
        """
        from replay.artefacts import new_folder
        from replay.baseline import first_start_ns, write_baseline
        from replay.cli.captures import RUNS, exchanges, folder_of, open_capture

        reader = open_capture(capture, identity)
        target = folder_of(output, RUNS)
        start_ns = first_start_ns(reader)
        with new_folder(target) as folder:
            manifest = write_baseline(
                reader.manifest, exchanges(reader, allow_damaged=allow_damaged), start_ns, folder, target.name
            )
        progress(f"read {reader.folder}")
        stdout.print(
            f"{target}: {manifest.requests:,} samples of production over {manifest.duration_ns / 1e9:,.1f} s",
            markup=False,
        )
