"""What a run would send, without sending anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from rich.table import Table

from replay.cli.output import cell, stdout
from replay.cli.run_order import Order
from replay.cli.run_survey import parts
from replay.runs import Target

FIRST = 20


@dataclass(frozen=True, slots=True)
class Due:
    """A request and when it is due."""

    due_s: float
    target: str
    request: str
    """Method and path; a query is not shown."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would send, and where."""

    targets: list[Target]
    load: str
    lanes: int
    processes: int
    mode: str
    routes: dict[str, int]
    """Requests at production ×1 by route, most first."""
    left_out: dict[str, int]
    """Requests of the captures that are not sent, by reason."""
    first: list[Due]


def dry_run_of(order: Order) -> DryRun:
    """What ``order`` would send; the first requests and counts of all."""
    spec, survey = order.spec, order.examination.result().survey
    return DryRun(
        targets=spec.targets,
        load=order.load(survey),
        lanes=spec.users,
        processes=spec.workers,
        mode=spec.mode,
        routes=dict(sorted(survey.routes.items(), key=lambda item: -item[1])),
        left_out=order.plan.manifest.left_out | survey.left_out,
        first=list(islice(_due(order), FIRST)),
    )


def show_dry_run(found: DryRun) -> None:
    """Print targets, counts by route, what is left out, and the first requests."""
    for target in found.targets:
        stdout.print(f"target   {target.url} at {target.address}" + (f" for {target.host}" if target.host else ""))
    stdout.print(f"load     {found.load}, {found.lanes} lanes in {found.processes} process(es), mode {found.mode}")
    routes = Table("requests", "route", box=None, pad_edge=False)
    for route, count in found.routes.items():
        routes.add_row(f"{count:,}", cell(route))
    stdout.print(routes)
    for reason, count in found.left_out.items():
        stdout.print(f"left out {count:,}: {reason}", markup=False)
    table = Table("due", "target", "request", box=None, pad_edge=False)
    for one in found.first:
        table.add_row(f"{one.due_s:.3f} s", one.target, cell(one.request))
    stdout.print(table)


def _due(order: Order) -> Iterator[Due]:
    spec = order.spec
    hosts = {target.host: target.url for target in spec.targets}
    for part in parts(order.plan, hosts, spec.writes, frozenset(map(str.lower, spec.headers))):
        for row in np.flatnonzero(part.reasons == 0).tolist():
            due_s = part.columns["due"][row].as_py() / spec.speed / 1e9
            line = part.columns["wire"][row].as_py().partition(b"\r\n")[0].decode("latin-1")
            url = hosts[part.named[part.group_of[row]][0]]
            yield Due(due_s, url, line.partition("?")[0].removesuffix(" HTTP/1.1"))
