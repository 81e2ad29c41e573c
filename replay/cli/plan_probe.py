"""``replay plan --probe``: a few safe requests a route to staging, and what they say of the plan's data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from rich.table import Table

from replay.capture.manifest import CaptureManifest
from replay.cli import run_preflight
from replay.cli.output import cell, progress, stdout
from replay.cli.plan_harvest import harvest
from replay.cli.run_options import RunOptions
from replay.cli.run_order import Order, prepare
from replay.exchange import Exchange
from replay.plan.probe import Evidence, Missing, Way, missing, ways_of
from replay.runspec import Probed, write_spec

_WAYS: dict[Way, str] = {
    "keep": "keep: no person's; where staging has production's, keep them in the policy and capture again",
    "pool": "pool: rows that staging has take their places (plan --pools)",
    "pseudonymise": "pseudonymise: load production's data under the same map (replay pseudonymise)",
    "link": "link: the session creates it; it lives where the write is sent (run --writes)",
    "log in": "log in: staging wants credentials (--header Authorization=env:NAME)",
    "look": "look: this is no sign of missing data; is it the same service and version?",
}


def probe(
    options: RunOptions,
    manifests: Sequence[CaptureManifest],
    exchanges: Callable[[], Iterable[Exchange]],
    clones: int,
    pools: Path | None = None,
) -> None:
    """Send at most three safe requests a route of a plan to its targets, at most ten a second, and print the cures.

    Args:
        options: the plan, the targets, and what a request needs to get there.
        manifests: the captures that the plan was made from.
        exchanges: reads them again, where something is missing.
        clones: times that a session is to be played at once.
        pools: the folder of pools to harvest for what is missing; None: nothing is harvested.

    Raises:
        RefusedError: a target is forbidden; IncompleteError: it cannot be reached.
    """
    order = prepare(options)
    run_preflight.reach(order.spec.targets, order.spec.tls)
    probed = _sent(order)
    forecast = order.plan.manifest.forecast
    routes = order.plan.manifest.routes
    found = missing(probed, routes, forecast)
    evidence = Evidence(spot for one in found for spot in one.spots if one.domain)
    if found:
        for exchange in exchanges():
            evidence.add(exchange)
    has_key = all(each.key_mode != "ephemeral" for each in manifests)
    cured = [
        one
        if one.ways
        else replace(
            one,
            ways=ways_of(
                evidence.domains.get(one.domain),
                is_kept=not any(spot.place in forecast[spot.route].places for spot in one.spots),
                has_key=has_key,
            ),
        )
        for one in found
    ]
    _print(cured, run_preflight.judge(run_preflight.check(probed), routes), has_key=has_key)
    if pools is not None:
        harvest(order, cured, exchanges, clones, pools)


def _sent(order: Order) -> list[Probed]:
    examined = order.examination.result()
    probes, routes = examined.survey.probes, examined.survey.routes
    progress(f"Probing: {len(probes)} requests, {len(routes)} routes, at most ten a second.")
    with tempfile.TemporaryDirectory(prefix="replay-probe-") as folder:
        spec = msgspec.structs.replace(order.spec, out=folder, plan_state=examined.state)
        return run_preflight.probe(write_spec(Path(folder), spec), probes, os.environ)


def _print(found: Sequence[Missing], reached: float, *, has_key: bool) -> None:
    stdout.print(f"Probe: {reached:.0%} of the requests on the routes that were tried get the recorded status class.")
    if not found:
        stdout.print("Nothing is missing.")
        return
    table = Table("missing", "requests", "probes ok", "seen", "ways", "places", box=None, pad_edge=False)
    for one in found:
        table.add_row(
            cell(one.domain or "–"),
            f"{one.requests:,}",
            f"{one.hits}/{one.probes}",
            cell(one.seen),
            ", ".join(one.ways),
            cell("; ".join(str(spot).strip() for spot in one.spots[:3]) + (" …" if len(one.spots) > 3 else "")),
        )
    stdout.print(table)
    used = {way for one in found for way in one.ways}
    for way, text in _WAYS.items():
        if way in used:
            stdout.print(f"  {text}")
    if not has_key and "pool" in used:
        stdout.print(
            "  The capture's key is gone, so no data can be mapped like it: capture with --key-file for that."
        )
