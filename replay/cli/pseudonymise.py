"""``replay pseudonymise``: a table of production's data → the same table under a capture's keyed map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.output import plain, print_json, progress, stdout
from replay.errors import InputError, ReplayError

if TYPE_CHECKING:
    from replay.capture.manifest import CaptureManifest
    from replay.pseudonymise.tables import Done
    from replay.sanitize.keys import Key
    from replay.sanitize.policy import Policy

_BUILTIN = "builtin:"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def pseudonymise(
        table: Annotated[
            str, typer.Argument(help="The export: CSV, TSV, COPY text, JSON Lines or Parquet; '-' is standard input.")
        ],
        output: Annotated[str, typer.Option("-o", "--output", help="The file to write, of the same format.")],
        capture: Annotated[
            str, typer.Option(help="The capture whose map it is: its key and policy are compared, its start is used.")
        ] = "",
        policy: Annotated[
            str, typer.Option(help="The capture's policy; its domains keep what they keep there.")
        ] = "",
        key_file: Annotated[str, typer.Option(help="File of mode 0600 with the capture's key.")] = "",
        key_fd: Annotated[int, typer.Option(help="Open file descriptor to read the key from.")] = -1,
        key_command: Annotated[str, typer.Option(help="Command that prints the key.")] = "",
        column: Annotated[
            list[str],
            typer.Option(
                help="NAME=keep, NAME=drop, NAME=constant:TEXT, or NAME=as:FIELD where the capture knows the values "
                "by another name; repeatable. Default: pseudonyms, by the column's own name."
            ),
        ] = [],  # noqa: B006
        password_hash: Annotated[
            list[str],
            typer.Option(help="NAME=env:VARIABLE or NAME=fd:NUMBER, the hash that every account gets; repeatable."),
        ] = [],  # noqa: B006
        form: Annotated[
            str, typer.Option("--format", help="csv, tsv, copy, jsonl or parquet. Default: by the name's ending.")
        ] = "",
        columns: Annotated[str, typer.Option(help="Names of the columns of COPY text without a header: a,b,c.")] = "",
        delimiter: Annotated[str, typer.Option(help="What stands between the fields of CSV.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    ) -> None:
        """Map an export with a capture's key, so that staging holds what the replay asks for.

        Every value gets the pseudonym that it has in the capture, in whatever place it stood there. The output
        appears when it is complete, mode 0600, and an existing file is never replaced. The highest id of each column
        is printed: set sequences above it.

        [bold]Examples[/bold]

            replay pseudonymise users.csv -o staging/users.csv --capture friday --key-file team.key --policy shop.toml

            pg_dump --data-only -t users shop | replay pseudonymise - --format copy -o users.sql --key-file team.key
              --capture friday --policy shop.toml --password-hash password=env:STAGING_HASH --column notes=drop
        """
        from pathlib import Path

        from replay.capture.placement import refuse_tracked
        from replay.capture.process import forbid_dumps
        from replay.cli.keys import key_source
        from replay.formats.outgoing import new_file
        from replay.pseudonymise.columns import parse_choices
        from replay.pseudonymise.tables import Table, format_of
        from replay.pseudonymise.tables import pseudonymise as run
        from replay.sanitize.keys import load_key
        from replay.storage import refuse_address

        forbid_dumps()
        source = key_source(key_file, key_fd, key_command)
        if source.mode == "ephemeral":
            raise ReplayError("which key? Give the capture's by --key-file, --key-fd or --key-command.")
        names = tuple(name.strip() for name in columns.split(",") if name.strip())
        asked = Table(table, form, names, delimiter)
        format_of(asked)
        choices = parse_choices(column, dict(map(_hash, password_hash)))
        key = load_key(source)
        manifest = _manifest(capture, key) if capture else None
        rules = _policy(policy, manifest)
        refuse_address(output, "a table is written on this host")
        place = Path(output)
        refuse_tracked(place, is_file=True)
        with new_file(place) as file:
            done = run(asked, file, rules, key, _start_ns(manifest, key), choices)
        if as_json:
            print_json(_told(output, done))
        else:
            _print(output, done)


def _hash(text: str) -> tuple[str, str]:
    from replay.secret_sources import is_source, secret_from

    name, _, source = text.partition("=")
    if not name or not is_source(source):
        raise ReplayError("--password-hash: write NAME=env:VARIABLE or NAME=fd:NUMBER; a hash is never typed here.")
    return name, secret_from(source, f"--password-hash {name[:60]}")


def _manifest(capture: str, key: Key) -> CaptureManifest:
    from replay.artefacts import named
    from replay.capture.manifest import read_capture_manifest

    manifest = read_capture_manifest(named(capture, "captures", whole=False))
    if manifest.key_id != key.key_id:
        why = (
            "its key was ephemeral and is gone, so nothing can join it: capture with --key-file"
            if manifest.key_mode == "ephemeral"
            else "give the key that it was captured with"
        )
        raise InputError(f"{manifest.name}: was captured under key {manifest.key_id}, this is {key.key_id}; {why}.")
    return manifest


def _policy(name: str, manifest: CaptureManifest | None) -> Policy:
    from replay.sanitize.policy import load_policy

    if not name and manifest is not None:
        if not manifest.policy_name.startswith(_BUILTIN):
            raise ReplayError(
                f"{manifest.name}: was captured under policy {manifest.policy_name}. Give it by --policy."
            )
        name = manifest.policy_name
    rules = load_policy(name or "builtin:strict")
    if manifest is not None and rules.hash != manifest.policy_hash:
        raise InputError(
            f"{manifest.name}: was captured under another policy ({manifest.policy_name}, hash "
            f"{manifest.policy_hash[:12]}; this is {rules.hash[:12]}), so what it keeps differs. Give that one."
        )
    return rules


def _start_ns(manifest: CaptureManifest | None, key: Key) -> int:
    import time

    from replay.sanitize.keys import opened_start

    found = opened_start(key, manifest.start) if manifest is not None else None
    if found is None:
        progress(
            "Times are written as if the capture had begun now: its start is not known here"
            + (" (an older capture)." if manifest is not None else " (give --capture).")
        )
        return time.time_ns()
    return found


def _told(output: str, done: Done) -> dict[str, object]:
    """The summary for programs: no value of the table but the highest ids."""
    return {
        "output": output,
        "rows": done.rows,
        "columns": [
            {
                "table": each.table,
                "column": each.name,
                "is": each.treatment,
                "highest_id": each.highest if each.choice.treatment == "pseudonym" else None,
                "few_values": each.is_few and done.rows > len(each.values),
            }
            for each in done.columns
        ],
        "vetoed": done.counts["veto"],
        "sequences_left_out": done.counts["sequence"],
    }


def _print(output: str, done: Done) -> None:
    from rich import box
    from rich.table import Table

    from replay.cli.output import cell
    from replay.sanitize.vocabulary import is_password_name

    stdout.print(f"{output}: {done.rows:,} rows")
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("column", "is", "highest id"):
        table.add_column(title, justify="right" if title == "highest id" else "left")
    for each in done.columns:
        name = f"{each.table}.{each.name}" if each.table else each.name
        highest = "" if each.highest is None or each.choice.treatment != "pseudonym" else f"{each.highest:,}"
        table.add_row(cell(name), each.treatment, highest)
    stdout.print(table)
    few = [plain(each.name) for each in done.columns if each.is_few and done.rows > len(each.values)]
    if few:
        stdout.print(
            f"Few distinct values in: {', '.join(few)}. Where staging's code knows them (states, flags), keep them: "
            "--column NAME=keep."
        )
    for each in done.columns:
        if each.choice.treatment == "pseudonym" and is_password_name(each.name):
            stdout.print(
                f"{each.name}: nobody can log in with a pseudonym. Give --password-hash {each.name}=env:NAME."
            )
    if done.counts["veto"]:
        stdout.print(
            f"Not kept although told so: {done.counts['veto']:,} values that look like a secret or a person's."
        )
    if done.counts["sequence"]:
        stdout.print(
            f"Left out: {done.counts['sequence']:,} lines that set sequences. Set them above the highest ids."
        )
