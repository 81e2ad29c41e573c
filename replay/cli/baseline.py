"""``replay baseline``: what production took, as samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import progress, stdout
from replay.errors import InputError, ReplayError

if TYPE_CHECKING:
    from replay.capture.manifest import CaptureManifest
    from replay.sanitize.keys import Key


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def baseline(
        captures: Annotated[
            list[str],
            typer.Argument(metavar="CAPTURE…", help="Captures in order of time: names under captures/, or paths."),
        ],
        output: Annotated[
            str, typer.Option("-o", "--output", help="The run to write: a name under runs/, or a path.")
        ],
        key_file: Annotated[
            str,
            typer.Option(help="File of mode 0600 with the key of several captures, to know how far apart they are."),
        ] = "",
        key_fd: Annotated[int, typer.Option(help="Open file descriptor to read the key from.")] = -1,
        key_command: Annotated[str, typer.Option(help="Command that prints the key.")] = "",
        allow_damaged: Annotated[
            bool, typer.Option("--allow-damaged", help="Go on where a closed segment cannot be read to its end.")
        ] = False,
        identity: Identity = None,
    ) -> None:
        """What production took: captures as the samples of a run that production made.

        Of several captures, a gate takes the hours that match its plan's: the same time of day on each day of the
        plan's kind (working days, or weekends). A capture stores no time of day; their key says how far apart they
        began.

        [bold]Examples[/bold]

            replay baseline friday -o friday-production

            replay baseline monday tuesday wednesday -o week --key-file team.key
        """
        from replay.artefacts import new_folder
        from replay.baseline import Source, first_start_ns, write_baseline
        from replay.cli.captures import RUNS, exchanges, folder_of, open_capture
        from replay.cli.keys import key_source
        from replay.sanitize.keys import load_key

        readers = [open_capture(each, identity) for each in captures]
        source = key_source(key_file, key_fd, key_command)
        if len(readers) > 1 and source.mode == "ephemeral":
            raise ReplayError(
                "how far apart did these captures begin? Give their key by --key-file, --key-fd or --key-command."
            )
        key = load_key(source)
        several = len(readers) > 1
        sources = [
            Source(
                reader.manifest,
                exchanges(reader, allow_damaged=allow_damaged),
                first_start_ns(reader),
                _start_ns(reader.manifest, key) if several else None,
            )
            for reader in readers
        ]
        target = folder_of(output, RUNS)
        with new_folder(target) as folder:
            manifest = write_baseline(sources, folder, target.name)
        progress(f"read {', '.join(str(reader.folder) for reader in readers)}")
        days = f" of {len(manifest.days)} captures" if several else ""
        stdout.print(
            f"{target}: {manifest.requests:,} samples of production over {manifest.covered_ns / 1e9:,.1f} s{days}",
            markup=False,
        )


def _start_ns(manifest: CaptureManifest, key: Key) -> int:
    """When a capture began.

    Raises:
        InputError: this key does not tell.
    """
    from replay.sanitize.keys import opened_start

    found = opened_start(key, manifest.start)
    if found is None:
        why = (
            "its key was ephemeral and is gone. Capture with --key-file, or make a baseline of each"
            if manifest.key_mode == "ephemeral"
            else "give the key that it was captured with"
        )
        raise InputError(f"{manifest.name}: this key does not tell when it began; {why}.")
    return found
