"""What a run would send, without sending anything."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from replay.cli.output import cell, stdout
from replay.cli.run_order import Order
from replay.cli.run_survey import parts

FIRST = 20


def show_dry_run(order: Order) -> None:
    """Print targets, counts by route, what is left out, and the first requests."""
    spec, survey = order.spec, order.examination.result().survey
    for target in spec.targets:
        stdout.print(f"target   {target.url} at {target.address}" + (f" for {target.host}" if target.host else ""))
    stdout.print(f"load     {order.load(survey)}, {spec.users} lanes in {spec.workers} process(es), mode {spec.mode}")
    routes = Table("requests", "route", box=None, pad_edge=False)
    for route, count in sorted(survey.routes.items(), key=lambda item: -item[1]):
        routes.add_row(f"{count:,}", cell(route))
    stdout.print(routes)
    left_out = order.plan.manifest.left_out | survey.left_out
    for reason, count in left_out.items():
        stdout.print(f"left out {count:,}: {reason}", markup=False)
    _show_first(order)


def _show_first(order: Order) -> None:
    spec = order.spec
    hosts = {target.host: target.url for target in spec.targets}
    table = Table("due", "target", "request", box=None, pad_edge=False)
    for part in parts(order.plan, hosts, spec.writes, spec.replaced):
        for row in np.flatnonzero(part.reasons == 0)[: FIRST - table.row_count].tolist():
            due_s = part.columns["due"][row].as_py() / spec.speed / 1e9
            line = part.columns["wire"][row].as_py().partition(b"\r\n")[0].decode("latin-1")
            url = hosts[part.named[part.group_of[row]][0]]
            table.add_row(f"{due_s:.3f} s", url, cell(line.partition("?")[0].removesuffix(" HTTP/1.1")))
        if table.row_count == FIRST:
            break
    stdout.print(table)
