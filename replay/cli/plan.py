"""``replay plan``: exchanges → schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.identity import Identity
from replay.cli.output import cell, print_json, stdout
from replay.cli.run_options import Certificates, Headers, Insecure, Targets
from replay.errors import ReplayError

if TYPE_CHECKING:
    from replay.plan.store import PlanManifest


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def plan(
        captures: Annotated[list[str], typer.Argument(help="Captures: names under captures/, or paths.")],
        output: Annotated[
            str, typer.Option("-o", "--output", help="The plan's folder; '.plan' is added where missing.")
        ],
        method: Annotated[list[str], typer.Option(help="Take only this method; repeatable.")] = [],  # noqa: B006
        host: Annotated[list[str], typer.Option(help="Take only this captured host; a glob, repeatable.")] = [],  # noqa: B006
        route: Annotated[
            list[str], typer.Option(help="Take only this route: 'GET /cart' or '/cart'; a glob, repeatable.")
        ] = [],  # noqa: B006
        without_route: Annotated[list[str], typer.Option(help="Leave this route out; a glob, repeatable.")] = [],  # noqa: B006
        from_: Annotated[str, typer.Option("--from", help="Start this long after the capture's start, as 10m.")] = "",
        until: Annotated[str, typer.Option(help="End this long after the capture's start.")] = "",
        lanes: Annotated[int, typer.Option(min=1, max=100_000, help="Lanes that are production ×1.")] = 100,
        rewrite_host: Annotated[list[str], typer.Option(help="OLD=NEW, a captured host's name in the plan.")] = [],  # noqa: B006
        set_header: Annotated[
            list[str], typer.Option(help="NAME=VALUE, sent with every request. No secrets: use run --header.")
        ] = [],  # noqa: B006
        drop_header: Annotated[list[str], typer.Option(help="A header not to send; repeatable.")] = [],  # noqa: B006
        at: Annotated[
            str,
            typer.Option(
                help="now: move the capture's times, so that its start is today (plan on the day of the run). "
                "none: leave them around 2036-01-01, where the sanitiser put them."
            ),
        ] = "now",
        pools: Annotated[
            str, typer.Option(help="File of pools: rows of staging's data that take the recorded entities' places.")
        ] = "",
        clones: Annotated[
            int, typer.Option(min=1, help="Times that a session is played at once (--scale): rows for so many.")
        ] = 1,
        probe: Annotated[
            bool, typer.Option("--probe", help="Try three safe requests a route on --target: what data is missing?")
        ] = False,
        harvest: Annotated[
            str,
            typer.Option(
                metavar="FOLDER",
                help="With --probe: ask staging for rows of what is missing, at most 300 requests, and write them "
                "as pools into this new folder.",
            ),
        ] = "",
        target: Targets = [],  # noqa: B006
        header: Headers = [],  # noqa: B006
        ca: Certificates = "",
        insecure: Insecure = False,
        rules: Annotated[
            str,
            typer.Option(
                help="A rules file instead of the rules that the captures show, as an edited PLAN/rules.toml; "
                "none: nothing lives, every request is sent as it was recorded."
            ),
        ] = "",
        explain: Annotated[
            bool, typer.Option("--explain", help="Say why two places are linked, with the evidence.")
        ] = False,
        allow_damaged: Annotated[
            bool, typer.Option("--allow-damaged", help="Go on where a closed segment cannot be read to its end.")
        ] = False,
        as_json: Annotated[
            bool, typer.Option("--json", help="Print the plan's manifest instead of the table.")
        ] = False,
        identity: Identity = None,
    ) -> None:
        """From exchanges to a schedule: filter, prepare every request, spread sessions over lanes.

        Several captures are laid over each other, each from its own start. Values that an answer issues and a later
        request of its session carries (tokens, cookies, ids of what was created) are found, written to
        PLAN/rules.toml, and filled in from staging's own answers when the plan is run.

        [bold]Examples[/bold]

            replay plan friday -o friday

            replay plan friday -o reads --method GET --without-route '/admin/*' --from 10m --until 40m

            replay plan friday -o friday --pools pools.toml --clones 3 --probe --target http://staging.example

            replay plan friday -o friday --probe --target http://staging.example --harvest staging-pools

            replay plan friday -o friday --rules rules.toml --explain
        """
        import shutil
        from pathlib import Path

        from replay.artefacts import named, new_folder
        from replay.capture.placement import refuse_tracked
        from replay.cli.captures import exchanges, open_capture
        from replay.cli.plan_harvest import harvest_folder
        from replay.cli.plan_probe import probe as probe_staging
        from replay.cli.plan_rules import print_rules, rules_for, write_rules
        from replay.cli.run_options import RunOptions
        from replay.cli.values import duration_s
        from replay.plan.build import Settings, Source, build
        from replay.plan.filters import Selection
        from replay.plan.pools import load_pools
        from replay.plan.pools_apply import apply_pools
        from replay.plan.store import open_plan
        from replay.plan.times import NO_SHIFT, shift_to
        from replay.plan.wire import Rewrite

        if bool(target) != probe:
            raise ReplayError("--probe and --target: give both, or neither; a plan alone is made for no target.")
        if as_json and (explain or probe):
            raise ReplayError("--json: tells the plan alone. Leave --explain and --probe out, or it.")
        if harvest and not probe:
            raise ReplayError("--harvest: needs --probe and --target, for the rows are staging's.")
        if at not in {"now", "none"}:
            raise ReplayError(f"--at: '{at[:20]}' is neither now nor none. Leave it out for now.")
        place = named(f"{output.removesuffix('.plan')}.plan", ".", new=True)
        selection = Selection(
            methods=tuple(each.upper() for each in method),
            hosts=tuple(host),
            routes=tuple(route),
            without_routes=tuple(without_route),
            from_ns=round(duration_s(from_) * 1e9) if from_ else 0,
            until_ns=round(duration_s(until) * 1e9) if until else None,
        )
        rewrite = Rewrite(
            hosts=_pairs("--rewrite-host", rewrite_host),
            set_headers=_headers(set_header),
            drop_headers=frozenset(each.lower() for each in drop_header),
            times=shift_to() if at == "now" else NO_SHIFT,
        )
        refuse_tracked(place)
        harvested = harvest_folder(harvest) if harvest else None
        readers = [open_capture(each, identity) for each in captures]
        sources = [Source(reader.manifest, exchanges(reader, allow_damaged=allow_damaged)) for reader in readers]
        rows = load_pools(Path(pools)) if pools else []
        found = rules_for(rules, (open_capture(each, identity) for each in captures))
        with new_folder(place) as folder:
            recorded = folder / ".recorded" if rows else folder
            recorded.mkdir(exist_ok=True)
            manifest = build(
                sources, Settings(selection, rewrite, lanes, found), recorded, place.name.removesuffix(".plan")
            )
            if rows:
                manifest = apply_pools(open_plan(recorded), rows, clones, folder)
                shutil.rmtree(recorded)
            write_rules(folder, found)
        if explain:
            print_rules(found)
        if as_json:
            print_json(manifest)
        else:
            _print(str(place), manifest)
        if probe:
            options = RunOptions(str(place), target, headers=header, ca=ca, insecure=insecure)
            probe_staging(
                options,
                [reader.manifest for reader in readers],
                lambda: (
                    exchange
                    for each in captures
                    for exchange in exchanges(open_capture(each, identity), allow_damaged=allow_damaged)
                ),
                clones,
                harvested,
            )


def _headers(values: list[str]) -> dict[str, str]:
    from replay.plan.wire import NOT_SENT

    pairs = _pairs("--set-header", values)
    for name in pairs:
        if name.lower().replace("_", "-") in NOT_SENT:
            raise ReplayError(f"--set-header {name[:60]}: this header cannot be set. Name another.")
    return pairs


def _pairs(option: str, values: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name.strip():
            raise ReplayError(f"{option}: needs NAME=VALUE, one pair an option.")
        pairs[name.strip()] = rest.strip()
    return pairs


def _print(path: str, manifest: PlanManifest) -> None:
    from rich import box
    from rich.table import Table

    from replay.plan.unrepeatable import CURES

    stdout.print(
        f"{path}: {manifest.requests:,} requests of {manifest.production_requests:,} captured, "
        f"{manifest.sessions:,} sessions, {manifest.duration_ns / 1e9:,.1f} s",
        markup=False,
    )
    if manifest.duration_ns > 3600 * 10**9:
        stdout.print(
            f"  a run of it takes {manifest.duration_ns / 3600e9:.1f} h; --from and --until take a part of it, "
            "replay run --speed makes it shorter",
            markup=False,
        )
    for reason, count in manifest.left_out.items():
        stdout.print(f"  left out: {count:,} ({reason})", markup=False)
    if manifest.writes:
        stdout.print(
            f"  writes: {sum(manifest.writes.values()):,} on {len(manifest.writes)} routes; "
            "sent only where replay run --writes names the route",
            markup=False,
        )
    for reason, routes in manifest.unrepeatable.items():
        most = ", ".join(routes if len(routes) <= 3 else [*list(routes)[:3], f"{len(routes) - 3} more routes"])
        stdout.print(f"  {sum(routes.values()):,} requests {CURES[reason]} ({most})", markup=False)
    table = Table(box=box.SIMPLE_HEAD, title="What staging can be expected to know", title_justify="left")
    for column in ("route", "requests", "kept", "linked", "pooled", "unmatched", "pseudonyms in"):
        table.add_column(column, justify="left" if column in {"route", "pseudonyms in"} else "right")
    for route, forecast in list(manifest.forecast.items())[:20]:
        total = forecast.kept + forecast.linked + forecast.pooled + forecast.unmatched
        places = ", ".join(list(forecast.places)[:3])
        table.add_row(
            cell(route),
            f"{total:,}",
            f"{forecast.kept / total:.0%}",
            f"{forecast.linked / total:.0%}",
            f"{forecast.pooled / total:.0%}",
            f"{forecast.unmatched / total:.0%}",
            cell(places),
        )
    stdout.print(table)
    if len(manifest.forecast) > 20:
        stdout.print(f"  … and {len(manifest.forecast) - 20} more routes (replay inspect shows them)", markup=False)
    unmatched = sum(each.unmatched for each in manifest.forecast.values())
    stdout.print(
        f"Forecast: {1 - unmatched / manifest.requests:.0%} of the requests name only what was kept, linked or "
        f"pooled; {unmatched / manifest.requests:.0%} are unmatched: their pseudonyms are not in staging's data "
        "unless it was filled with the same key.",
        markup=False,
    )
    if manifest.logins.people:
        stdout.print(
            f"Logins: {manifest.logins.people:,} people on {', '.join(manifest.logins.requests)}; accounts of "
            f"staging come by replay run --identities FILE (columns {', '.join(manifest.logins.columns)}).",
            markup=False,
        )
    for name, pool in manifest.pools.items():
        entities = ", ".join(f"{count:,} {column}" for column, count in pool.entities.items())
        stdout.print(
            f"Pool {name}: {entities} in {pool.requests:,} requests, {pool.rows:,} rows"
            + (f"; rows for {manifest.clones} clones of a session" if pool.unique else "")
            + (f"; {pool.conflicts:,} met under another parent" if pool.conflicts else ""),
            markup=False,
        )
    if len(manifest.hosts) > 1:
        hosts = ", ".join(f"{host} ({count:,})" for host, count in list(manifest.hosts.items())[:5])
        stdout.print(f"Hosts: {hosts}. Give each its own --target HOST=URL; the others are left out.", markup=False)
    shares = manifest.lane_shares
    stdout.print(
        f"Lanes: {manifest.lanes}, with {min(shares):.2%} to {max(shares):.2%} of the requests each; "
        f"-u {manifest.lanes} is the captured load"
        + ("." if manifest.captured_share == 1 else f", which is {manifest.captured_share:.0%} of production's."),
        markup=False,
    )
