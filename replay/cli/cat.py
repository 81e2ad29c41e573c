"""``replay cat``: any artefact → its records."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from replay.cli.identity import Identity


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def cat(
        path: Annotated[str, typer.Argument(help="A capture, a plan or a run.")],
        limit: Annotated[int, typer.Option("-n", "--limit", min=0, help="Stop after so many records; 0: all.")] = 0,
        identity: Identity = None,
    ) -> None:
        """The records of an artefact as JSON lines.

        [bold]Examples[/bold]

            replay cat friday -n 3

            replay cat runs/candidate | jq .status | sort | uniq -c
        """
        from itertools import islice

        import msgspec

        from replay.cli.artefact import records

        encoder = msgspec.json.Encoder()
        for record in islice(records(path, identity), limit or None):
            sys.stdout.write(encoder.encode(record).decode() + "\n")
