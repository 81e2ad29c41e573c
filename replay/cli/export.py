"""``replay export``: a capture → a file of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import progress, stdout
from replay.errors import ReplayError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def export(
        form: Annotated[
            str,
            typer.Argument(
                metavar="FORMAT",
                help="har: HTTP Archive 1.2. gor: GoReplay's file. locust: a Locust file that stands alone.",
            ),
        ],
        capture: Annotated[str, typer.Argument(help="A capture: a name under captures/, or a path.")],
        output: Annotated[str, typer.Option("-o", "--output", help="The file to write.")],
        limit: Annotated[
            int | None,
            typer.Option(min=0, help="Write so many requests at most; 0: all. Default: all, for locust 5,000."),
        ] = None,
        allow_damaged: Annotated[
            bool, typer.Option("--allow-damaged", help="Go on where a closed segment cannot be read to its end.")
        ] = False,
        identity: Identity = None,
    ) -> None:
        """A capture as a file of another tool. It holds what the capture holds: pseudonyms, not what people sent.
        A place that git would take along is refused.

        [bold]Examples[/bold]

            replay export har friday -o friday.har

            replay export gor friday -o friday.gor

            replay export locust friday -o locustfile.py
        """
        from itertools import islice

        from replay.capture.placement import refuse_tracked
        from replay.cli.captures import exchanges, open_capture
        from replay.formats.export_gor import write_gor
        from replay.formats.export_har import write_har
        from replay.formats.export_locust import LIMIT, write_locust
        from replay.formats.outgoing import new_file
        from replay.storage import refuse_address

        writers = {"har": write_har, "gor": write_gor}
        if form not in {*writers, "locust"}:
            raise ReplayError(f"'{form[:40]}' is no format to export. Name one of: gor, har, locust.")
        refuse_address(output, "an export is written on this host")
        place = Path(output)
        refuse_tracked(place, is_file=True)
        reader = open_capture(capture, identity)
        found = exchanges(reader, allow_damaged=allow_damaged)
        with new_file(place) as file:
            if form == "locust":
                most = LIMIT if limit is None else limit
                count = write_locust(reader.manifest, found, file, limit=most, name=place.name)
            else:
                count = writers[form](reader.manifest, islice(found, limit or None), file)
        progress(f"read {reader.folder}")
        whole = "" if count == reader.manifest.written else f" of {reader.manifest.written:,}"
        stdout.print(f"{output}: {count:,}{whole} exchanges as {form}", markup=False)
