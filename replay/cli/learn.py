"""``replay learn``: raw recordings, read in memory → a proposed policy that a person reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replay.cli.output import progress, stdout
from replay.errors import ReplayError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def learn(
        form: Annotated[
            str,
            typer.Argument(
                metavar="FORMAT",
                help="har, gor, flows or log, as for 'replay import'. A capture holds no raw value to learn from.",
            ),
        ],
        paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files of that format.")],
        output: Annotated[Path, typer.Option("-o", "--output", help="The policy, a new TOML file.")],
        k: Annotated[
            int, typer.Option("--k", min=5, help="Clients that must share a value before it is written down.")
        ] = 20,
        session_by: Annotated[
            str,
            typer.Option(
                help="What makes a client: file (one browser a file), page, auto (session cookie, else credentials, "
                "else connection), cookie:NAME, authorization, connection. Default: file for har, connection for "
                "log, else auto."
            ),
        ] = "",
        log_format: Annotated[str, typer.Option(help="How a log is written, as for 'replay import'.")] = "",
    ) -> None:
        """Raw recordings to a proposed policy: routes, names, and what may stay as it is, with the reasons.

        The recordings are read twice and in memory only. A value is written down only where at least k clients share
        it, its name is no secret's or person's, it is a short word, and no detector speaks against it; with fewer
        clients the candidates stand in comments, without values. No capture takes the policy before a person has
        read it and filled in reviewed_by.

        [bold]Examples[/bold]

            replay learn har visits/*.har -o policy.toml

            replay learn flows friday.flows -o policy.toml --session-by cookie:sid --k 50

            replay learn log access.log -o policy.toml
        """
        from replay.artefacts import write_whole
        from replay.capture.process import forbid_dumps
        from replay.errors import InputError
        from replay.formats.intake import FORMATS, SESSIONS
        from replay.learn.learning import learn as learned
        from replay.learn.recordings import Recordings
        from replay.sanitize.policy import load_policy

        forbid_dumps()
        if form not in FORMATS:
            raise ReplayError(f"'{form[:40]}' is no format to learn from. Name one of: {', '.join(sorted(FORMATS))}.")
        if log_format and form != "log":
            raise ReplayError("--log-format: is for 'replay learn log' only. Leave it out.")
        if output.exists() or output.is_symlink():
            raise ReplayError(f"{output}: exists already. Choose another name, or remove it first.")
        if not output.parent.is_dir():
            raise ReplayError(f"{output.parent}: no such folder. Make it first, or choose another name.")
        recordings = Recordings(form, paths, session_by or SESSIONS[form], log_format)
        proposal = learned(recordings.exchanges, k, recordings.session_by, f"{len(paths):,} {form} files")
        if not recordings.taken:
            raise InputError(f"{paths[0]}: holds no exchange to learn from. Export the recording again.")
        if recordings.left_out:
            progress(f"left out: {recordings.left_out:,} entries (see 'replay import' for where and why)")
        write_whole(output, proposal.text.encode())
        try:
            load_policy(str(output))
        except ReplayError:  # a bug of ours: what no verb reads is not left behind
            output.unlink()
            raise
        stdout.print(
            f"{output}: {proposal.routes:,} routes, {proposal.domains:,} domains and {proposal.names:,} names "
            f"proposed, {proposal.candidates:,} candidates as comments.",
            markup=False,
        )
        stdout.print("Read it, take out what may not be seen, then fill in reviewed_by (docs/policy.md).")
