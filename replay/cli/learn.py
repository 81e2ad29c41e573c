"""``replay learn``: raw recordings or live traffic, read in memory → a proposed policy that a person reviews."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from replay.cli.output import progress, stdout
from replay.errors import ReplayError
from replay.storage import refuse_address


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def learn(
        form: Annotated[
            str,
            typer.Argument(
                metavar="FORMAT",
                help="har, gor, flows or log, as for 'replay import'; or live. A capture holds no raw value to learn "
                "from.",
            ),
        ],
        output: Annotated[str, typer.Option("-o", "--output", help="The policy, a new TOML file.")],
        paths: Annotated[
            list[str] | None,
            typer.Argument(metavar="PATH…", help="Files of that format, or addresses, as for 'replay import'."),
        ] = None,
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
        upstream: Annotated[str, typer.Option(help="live: the service, as for 'replay capture'.")] = "",
        listen: Annotated[str, typer.Option(help="live: HOST:PORT to take its traffic on.")] = "",
        duration: Annotated[str, typer.Option(help="live: stop after this time, as 30m. Default: Ctrl-C.")] = "",
        tls_cert: Annotated[
            Path | None, typer.Option(help="live: PEM with key and certificate shown to clients.")
        ] = None,
        upstream_ca: Annotated[
            Path | None, typer.Option(help="live: PEM to verify the service's certificate against.")
        ] = None,
    ) -> None:
        """Raw recordings or live traffic to a proposed policy: routes, names, what may stay as it is, and why.

        Recordings are read twice and in memory only. Live traffic passes through the proxy of 'replay capture' and is
        held in memory only. A value is written down only where at least k clients share it, its name is no secret's
        or person's, it is a short word, and no detector speaks against it; with fewer clients the candidates stand in
        comments, without values. No capture takes the policy before a person has read it and filled in reviewed_by.

        [bold]Examples[/bold]

            replay learn har visits/*.har -o policy.toml

            replay learn flows friday.flows -o policy.toml --session-by cookie:sid --k 50

            replay learn live --upstream https://shop.internal --listen 0.0.0.0:8443 --tls-cert shop.pem
              --duration 30m -o policy.toml
        """
        refuse_address(output, "a policy is read and committed on this host")
        place = Path(output)
        if place.exists() or place.is_symlink():
            raise ReplayError(f"{place}: exists already. Choose another name, or remove it first.")
        if not place.parent.is_dir():
            raise ReplayError(f"{place.parent}: no such folder. Make it first, or choose another name.")
        if form != "live":
            given: dict[str, object] = {"--upstream": upstream, "--listen": listen, "--duration": duration}
            given |= {"--tls-cert": tls_cert, "--upstream-ca": upstream_ca}
            _refuse(given, "is for 'replay learn live' only")
            _from_recordings(form, paths or [], place, k, session_by, log_format)
            return
        _refuse({"PATH": paths, "--log-format": log_format}, "is not for 'replay learn live'")
        if not upstream:
            raise ReplayError("--upstream: is missing. Name the service, as https://shop.internal:8443.")
        from replay.cli.values import duration_s
        from replay.learn.live import LiveOrder, learn_live

        length_s = duration_s(duration) if duration else None
        order = LiveOrder(
            place,
            upstream.rstrip("/"),
            listen or "127.0.0.1:8080",
            k,
            session_by or "auto",
            length_s,
            tls_cert,
            upstream_ca,
        )
        ending = learn_live(order, progress)
        missed = sum(ending.counters.dropped.values()) + ending.counts["failed"]
        if missed:
            progress(f"not looked at: {missed:,} of {ending.counters.seen:,} exchanges")
        _print(place, ending.counts)


def _refuse(given: dict[str, object], why: str) -> None:
    for name, value in given.items():
        if value:
            raise ReplayError(f"{name}: {why}. Leave it out.")


def _from_recordings(form: str, names: list[str], output: Path, k: int, session_by: str, log_format: str) -> None:
    from replay.capture.process import forbid_dumps
    from replay.errors import InputError
    from replay.formats.intake import FORMATS, SESSIONS
    from replay.learn.learning import learn as learned
    from replay.learn.recordings import Recordings
    from replay.private_files import write_whole
    from replay.storage import sources

    forbid_dumps()
    if form not in FORMATS:
        known = ", ".join([*sorted(FORMATS), "live"])
        raise ReplayError(f"'{form[:40]}' is no format to learn from. Name one of: {known}.")
    if log_format and form != "log":
        raise ReplayError("--log-format: is for 'replay learn log' only. Leave it out.")
    paths = [path for name in names for path in sources(name)]
    if not paths:
        raise ReplayError(f"PATH: is missing. Name files of the format {form}.")
    recordings = Recordings(form, paths, session_by or SESSIONS[form], log_format)
    proposal = learned(recordings.exchanges, k, recordings.session_by, f"{len(paths):,} {form} files")
    if not recordings.taken:
        raise InputError(f"{paths[0]}: holds no exchange to learn from. Export the recording again.")
    if recordings.left_out:
        progress(f"left out: {recordings.left_out:,} entries (see 'replay import' for where and why)")
    write_whole(output, proposal.text.encode())
    _print(output, proposal.counts)


def _print(output: Path, counts: Mapping[str, int]) -> None:
    from replay.sanitize.policy import load_policy

    try:
        load_policy(str(output))
    except ReplayError:  # a bug of ours: what no verb reads is not left behind
        output.unlink()
        raise
    stdout.print(
        f"{output}: {counts['routes']:,} routes, {counts['domains']:,} domains and {counts['names']:,} names "
        f"proposed, {counts['candidates']:,} candidates as comments."
    )
    stdout.print("Read it, take out what may not be seen, then fill in reviewed_by (docs/policy.md).")
