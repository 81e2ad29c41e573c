"""``replay baselines``: the baselines that are kept, and where each came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from replay.artefacts import named
from replay.cli.output import cell, plain, print_json, progress, stdout
from replay.errors import InputError
from replay.runs import MANIFEST_NAME, RunManifest, read_run_manifest
from replay.stores import is_address

if TYPE_CHECKING:
    from analysis.description import RouteDescription

PLACES = (Path("runs"), Path("baselines"))
"""Where baselines are looked for."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    group = typer.Typer(
        help="The baselines that are kept: what production took, and where each came from.", no_args_is_help=True
    )
    group.command("list")(list_baselines)
    group.command("show")(show_baseline)
    app.add_typer(group, name="baselines")


def list_baselines(
    places: Annotated[
        list[Path] | None, typer.Argument(help="Folders to look in (default: runs, baselines).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a list of JSON instead of the table.")] = False,
) -> None:
    """Every baseline, the latest first, with the capture it was made from.

    [bold]Example[/bold]

        replay baselines list
    """
    from rich.table import Table

    kept = found_in(places or list(PLACES))
    if json:
        print_json([{"baseline": str(folder), **_told(manifest)} for folder, manifest in kept])
        return
    if not kept:
        where = ", ".join(str(place) for place in places or PLACES)
        progress(f"no baseline under {where}; 'replay baseline CAPTURE -o NAME' makes one")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("baseline", "made", "capture", "length", "requests", "of the sessions", "templates"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"length", "requests"} else "left")
    for folder, manifest in kept:
        table.add_row(
            cell(str(folder)),
            cell(manifest.created[:10]),
            f"{len(manifest.days)} captures" if manifest.days else cell(manifest.capture_id[:12]),
            f"{manifest.covered_ns / 1e9:,.0f} s",
            f"{manifest.requests:,}",
            f"{manifest.captured_share:.0%}",
            cell(manifest.templates[:12]),
        )
    stdout.print(table)


def show_baseline(
    baseline: Annotated[str, typer.Argument(help="A baseline: a name under runs/ or baselines/, or a path.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
) -> None:
    """Where one baseline came from, and what production took on each route.

    [bold]Example[/bold]

        replay baselines show friday-production
    """
    from analysis.description import describe
    from analysis.samples import ArtefactError, read_run

    places = [Path(baseline), *(place / baseline for place in PLACES)]
    if is_address(baseline):
        places = [named(baseline, ".")]
    folder = next((each for each in places if each.exists()), None)
    if folder is None:
        raise InputError(f"{baseline}: no such baseline. 'replay baselines list' shows those that are kept.")
    manifest = read_run_manifest(folder)
    if manifest.kind != "production":
        raise InputError(f"{folder}: was made by a load run, so it is no baseline. 'replay inspect' shows it.")
    try:
        routes = describe(read_run(folder))
    except ArtefactError as error:
        raise InputError(str(error)) from None
    if json:
        print_json({"baseline": str(folder), **_told(manifest), "routes": routes})
        return
    _print_provenance(folder, manifest)
    _print_routes(routes)


def found_in(places: list[Path]) -> list[tuple[Path, RunManifest]]:
    """The baselines directly under ``places``, the latest first; what cannot be read is said and passed over."""
    found = []
    for place in places:
        for path in sorted(place.glob(f"*/{MANIFEST_NAME}")):
            try:
                manifest = read_run_manifest(path.parent)
            except InputError as error:
                progress(str(error))
                continue
            if manifest.kind == "production":
                found.append((path.parent, manifest))
    return sorted(found, key=lambda each: (each[1].created, each[1].name), reverse=True)


def _told(manifest: RunManifest) -> dict[str, object]:
    """The manifest without its ticks, of which a baseline has none that say anything."""
    return {name: value for name, value in msgspec.structs.asdict(manifest).items() if name != "ticks"}


def _print_provenance(folder: Path, manifest: RunManifest) -> None:
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in manifest.left_out.items())
    seconds = manifest.covered_ns / 1e9
    for name, value in (
        ("baseline", str(folder)),
        ("made", manifest.created),
        ("from capture", f"{manifest.capture_id}, {manifest.captured_share:.0%} of the sessions"),
        (
            "length",
            f"{seconds:,.0f} s, {manifest.requests:,} requests, {manifest.requests / max(seconds, 1e-9):,.1f}/s",
        ),
        *((f"  {day.date}", f"{day.capture_id}, {day.duration_ns / 1e9:,.0f} s") for day in manifest.days),
        ("no sample", left_out or "none"),
        ("route templates", manifest.templates),
        ("measured at", "the proxy: request complete → answer complete"),
        ("versions", versions),
    ):
        stdout.print(f"{name:16} {plain(value)}")
    stdout.print()


def _print_routes(routes: list[RouteDescription]) -> None:
    from rich.table import Table

    from analysis.words import milliseconds, percent

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("route", overflow="fold")
    for name in ("requests", "a second", "share", "p50", "p95", "p99", "failed", "worth"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in routes:
        latencies = [row.latency_ms.get(p) for p in (0.5, 0.95, 0.99)]
        table.add_row(
            cell(row.route),
            f"{row.n:,}",
            f"{row.rate_per_s:.2f}",
            percent(row.share),
            *("–" if value is None else milliseconds(value) for value in latencies),
            percent(row.failed_share),
            f"{row.worth:,}",
        )
    stdout.print(table)
    stdout.print("worth: how many independent requests say as much about p95; –: too few to say", style="dim")
