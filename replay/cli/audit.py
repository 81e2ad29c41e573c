"""``replay audit``: any artefact → leaks, places and kinds, never values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import problem, stdout
from replay.errors import EXIT_INPUT, EXIT_OK, EXIT_REFUSED, InputError

if TYPE_CHECKING:
    from replay.audit.reading import Entry
    from replay.audit.scan import Audit, Finding

_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def audit(
        paths: Annotated[list[str], typer.Argument(help="Files or folders: captures, plans, runs, reports, logs.")],
        canaries: Annotated[
            Path | None, typer.Option(help="A file with one planted value a line; they are searched in all forms.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
        identity: Identity = None,
    ) -> int:
        """Search anything on disk, or an artefact at an address, for leaks. Prints places and kinds, never values.

        With --canaries it looks for values that you sent through the capture on purpose, as they stand and in every
        notation that decodes out of the file. Without, it judges the kinds whose pseudonyms lie in a reserved range,
        and says which kinds it cannot judge. It shares no code with the sanitiser.

        Exit code 0: nothing found. 7: leaks. 5: something could not be read (and nothing was found in the rest).

        [bold]Examples[/bold]

            replay audit captures/friday

            replay audit captures/friday runs/tuesday reports/ --canaries planted.txt

            replay audit captures/friday --identity age-identity.txt
        """
        from replay.audit.canaries import read_canaries
        from replay.audit.scan import audit as run_audit
        from replay.audit.sealed import opener
        from replay.storage import held

        entries = [entry for each in paths for entry in _entries(each)]
        planted = read_canaries(canaries) if canaries else ()
        found = run_audit(entries, planted, opener(identity) if identity else None, held)
        if as_json:
            _print_json(found)
        else:
            _print(found)
        for line in found.unreadable:
            problem(f"{line}, so it was not audited.")
        if found.findings:
            return EXIT_REFUSED
        return EXIT_INPUT if found.unreadable else EXIT_OK


def _entries(name: str) -> list[Entry]:
    from replay.audit.reading import Entry, files
    from replay.cli.artefact import locate
    from replay.storage import MANIFESTS, files_in
    from replay.stores import is_address

    if not is_address(name):
        return files([Path(name)])
    folder = locate(name)
    if MANIFESTS.isdisjoint(files_in(folder)):  # what is no artefact may hold what people sent, and is not copied
        raise InputError(f"{name}: is no artefact. Name a capture, a plan, a run or a report.")
    return [Entry(folder, folder / below) for below in files_in(folder)]


def _print(found: Audit) -> None:
    from replay.audit.detectors import JUDGED, NOT_JUDGED

    groups = list(_grouped(found.findings).values())
    for findings in groups[:_SHOWN]:
        first = findings[0]
        planted = f", planted in line {first.canary}" if first.canary else ""
        more = f", and {len(findings) - 1:,} more like it" if len(findings) > 1 else ""
        where = f"{first.file}, {first.record}{', ' + first.pointer if first.pointer else ''}"
        stdout.print(f"LEAK {first.kind} ({first.form}{planted}): {where}{more}", markup=False)
    if len(groups) > _SHOWN:
        stdout.print(f"… and {len(groups) - _SHOWN:,} more places; --json prints them all.", markup=False)
    stdout.print(f"{found.files:,} files, {found.size_bytes / 1e6:,.1f} MB: {_outcome(found)}", markup=False)
    if found.canaries:
        stdout.print(
            f"Planted values searched: {found.canaries - found.canaries_not_judged:,}; too short to search: "
            f"{found.canaries_not_judged:,}.",
            markup=False,
        )
    stdout.print(f"Judged by their reserved ranges: {', '.join(JUDGED)}.", markup=False)
    stdout.print(f"Not judged without planted values: {'; '.join(NOT_JUDGED)}.", markup=False)


def _outcome(found: Audit) -> str:
    if not found.findings:
        return "no leak found."
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in found.counts().most_common())
    return f"{len(found.findings):,} leaks ({kinds})."


def _grouped(findings: set[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Findings of the same kind at the same place of the same file, whatever the record."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings):
        pointer = "/".join("#" if part.isdigit() else part for part in finding.pointer.split("/"))
        groups.setdefault((f"{finding.file}{pointer}", finding.kind), []).append(finding)
    return groups


def _print_json(found: Audit) -> None:
    from dataclasses import asdict

    import msgspec

    from replay.audit.detectors import JUDGED, NOT_JUDGED

    report = {
        "format": "audit/1",
        "files": found.files,
        "size_bytes": found.size_bytes,
        "canaries": found.canaries,
        "canaries_not_judged": found.canaries_not_judged,
        "judged": JUDGED,
        "not_judged": NOT_JUDGED,
        "unreadable": found.unreadable,
        "findings": [asdict(finding) for finding in sorted(found.findings)],
    }
    stdout.print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode(), markup=False)
