"""``replay import``: foreign recordings → the same sanitised capture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.output import progress, stdout
from replay.errors import RefusedError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.formats.intake import Client, Intake, Source

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command("import")
    def import_(
        form: Annotated[
            str,
            typer.Argument(
                metavar="FORMAT",
                help="har: what browsers and proxies save. gor: GoReplay's files. flows: what mitmproxy saves. "
                "log: access logs of nginx, Apache, HAProxy, AWS load balancers, Caddy and others.",
            ),
        ],
        paths: Annotated[
            list[str],
            typer.Argument(
                metavar="PATH…",
                help="Files of that format, or addresses; s3://BUCKET/LOGS/ is all below it.",
            ),
        ],
        output: Annotated[
            str, typer.Option("-o", "--output", help="The capture: a name under captures/, or a path.")
        ],
        policy: Annotated[
            str, typer.Option(help="What may stay as it is: a policy file, or builtin:strict, which keeps nothing.")
        ] = "builtin:strict",
        key_file: Annotated[
            Path | None,
            typer.Option(
                help="Key of 32 bytes, mode 0600; captures of one key can be joined. Default: a key for once."
            ),
        ] = None,
        retain: Annotated[
            str, typer.Option(help="How long it may be kept, as 30d or 2w; 'replay purge' removes it then.")
        ] = "30d",
        session_by: Annotated[
            str,
            typer.Option(
                help="Whose requests belong together: file (one browser a file), page, or as in capture: "
                "auto, cookie, authorization, connection (in a log: client address and user agent). "
                "Default: file for har, connection for log, else auto."
            ),
        ] = "",
        recipient: Annotated[
            str, typer.Option(help="age recipient (age1…) to encrypt for; verbs that read it take --identity.")
        ] = "",
        log_format: Annotated[
            str,
            typer.Option(
                help="How a log is written: a name, nginx's log_format, Apache's LogFormat, or 'json: time=ts …'. "
                "Default: detected from its first lines."
            ),
        ] = "",
    ) -> None:
        """Foreign recordings to a sanitised capture, through the same sanitiser as live traffic.

        Entries that no server answered (a browser's cache, data URLs, WebSockets) and damaged entries are left out,
        named and counted. Times keep their distances: several files recorded on several days make a capture of days.
        Import each into a capture of its own to lay them over each other in 'replay plan'.

        [bold]Examples[/bold]

            replay import har checkout.har -o checkout

            replay import har visits/*.har -o visits --policy policy.toml --key-file team.key

            replay import log access.log.1.gz access.log -o monday

            replay import log s3://logs/lb/2026/11/23/ -o s3://rehearsals/captures/monday

            replay import log access.log -o monday --log-format '%h %l %u %t "%r" %>s %b %D'
        """
        import secrets
        from datetime import UTC, datetime

        from replay.artefacts import named, new_folder, versions
        from replay.capture.manifest import CaptureManifest
        from replay.capture.placement import refuse_tracked
        from replay.capture.process import forbid_dumps
        from replay.capture.sealing import seal_for
        from replay.capture.segments import SegmentWriter
        from replay.cli.values import days
        from replay.exchange import CAPTURE_FORMAT
        from replay.formats.intake import FORMATS, SESSIONS, close_capture, epoch_ns, open_sources, take_in
        from replay.sanitize.keys import KeySource, load_key, sealed_start
        from replay.sanitize.policy import load_policy
        from replay.sanitize.sanitizer import Sanitizer
        from replay.sanitize.self_test import self_test
        from replay.storage import sources as files_at

        forbid_dumps()
        if form not in FORMATS:
            raise ReplayError(f"'{form[:40]}' is no format to import. Name one of: {', '.join(sorted(FORMATS))}.")
        if log_format and form != "log":
            raise ReplayError("--log-format: is for 'replay import log' only. Leave it out.")
        if session_by == "file" and form == "log":
            raise ReplayError(
                "--session-by file: a log holds many users. Leave it out: they are told by their clients."
            )
        session_by = session_by or SESSIONS[form]
        retention_days = days(retain)
        seal = seal_for(recipient) if recipient else None
        rules = load_policy(policy)
        if not rules.reviewed_by:
            raise RefusedError(f"policy {policy}: nobody has reviewed it. Read it and fill in 'reviewed_by'.")
        key = load_key(KeySource("file", str(key_file)) if key_file else KeySource())
        sources = open_sources(form, [path for each in paths for path in files_at(each)], log_format)
        _print_log_formats(sources)
        folder = named(output, "captures", new=True)
        refuse_tracked(folder)
        client, by = _clients(session_by)
        cleaner = Sanitizer(rules, key, epoch_ns(sources), by, repeats=form == "log")
        self_test(Sanitizer(rules, key, epoch_ns(sources), by))
        with new_folder(folder) as part:
            draft = CaptureManifest(
                format=CAPTURE_FORMAT,
                id=secrets.token_hex(8),
                name=folder.name,
                created=datetime.now(UTC).date().isoformat(),
                source=f"import {form}",
                versions=versions(),
                policy_name=rules.name,
                policy_hash=rules.hash,
                templates=rules.templates,
                key_id=key.key_id,
                key_mode=key.mode,
                start=sealed_start(key, epoch_ns(sources)),
                session_by=session_by,
                retention_days=retention_days,
            )
            writer = SegmentWriter(part, draft.id, seal=seal)
            result = take_in(sources, cleaner, writer, client)
            close_capture(part, draft, result, writer, cleaner)
        _print(folder, result)


def _clients(session_by: str) -> tuple[Client, str]:
    """What stands for a client here, and what the sanitiser goes by."""
    if session_by == "file":
        return "file", "connection"
    if session_by == "page":
        return "page", "connection"
    return "connection", session_by


def _print_log_formats(sources: Sequence[Source]) -> None:
    for source in sources:
        known = getattr(source.recording, "format", None)
        if known is not None:
            untimed = "" if known.is_timed else "; it tells no durations, so there will be no baseline"
            progress(f"{source.path}: read as {known.name} ({known.what}){untimed}")


def _print(folder: Path, result: Intake) -> None:
    from replay.formats.intake import MOST_SESSIONS

    for reason, places in sorted(result.left_out.items()):
        for place in places:
            progress(f"left out, {reason}: {place}")
        more = result.left_out_counts[reason] - len(places)
        if more:
            progress(f"left out, {reason}: … and {more:,} more")
    beyond = " or more" if len(result.sessions) == MOST_SESSIONS else ""
    stdout.print(
        f"{folder}: {result.written:,} of {result.seen:,} exchanges, {len(result.sessions):,}{beyond} sessions, "
        f"{result.duration_ns / 1e9:,.1f} s",
        markup=False,
    )
    for host, count in result.hosts.most_common(_SHOWN):
        stdout.print(f"  {host}  {count:,}", markup=False)
    if len(result.hosts) > _SHOWN:
        stdout.print(f"  … and {len(result.hosts) - _SHOWN:,} more hosts", markup=False)
    for reason, count in sorted(result.left_out_counts.items()):
        stdout.print(f"  left out, {reason}: {count:,}", markup=False)
