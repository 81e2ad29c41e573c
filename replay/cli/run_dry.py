"""What a run would send, without sending anything."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from replay.cli.output import cell, stdout
from replay.cli.run_order import Order
from replay.safety import may_send

FIRST = 20


def show_dry_run(order: Order) -> None:
    """Print targets, counts by route, what is left out, and the first requests."""
    spec, survey = order.spec, order.examination.result().survey
    for target in spec.targets:
        stdout.print(f"target   {target.url} at {target.address}" + (f" for {target.host}" if target.host else ""))
    played = "" if spec.loops == 1 else f"played {spec.loops} times " if spec.loops else "played many times "
    stdout.print(
        f"load     {survey.requests:,} requests × {order.scale:g} {played}over {order.schedule_ns / 1e9:,.1f} s, "
        f"{spec.users} lanes in {spec.workers} process(es), mode {spec.mode}"
    )
    routes = Table("requests", "route", box=None, pad_edge=False)
    for route, count in sorted(survey.routes.items(), key=lambda item: -item[1]):
        routes.add_row(f"{count:,}", cell(route))
    stdout.print(routes)
    left_out = order.plan.manifest.left_out | survey.left_out
    for reason, count in left_out.items():
        stdout.print(f"left out {count:,}: {reason}", markup=False)
    _show_first(order)


def _show_first(order: Order) -> None:
    hosts = {target.host: target.url for target in order.spec.targets}
    table = Table("due", "target", "request", box=None, pad_edge=False)
    for batch in order.plan.batches():
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        names = {name: columns[name].dictionary.to_pylist() for name in ("host", "method", "route")}
        numbers = {name: np.frombuffer(columns[name].indices.buffers()[1], np.int32) for name in names}
        for row in range(batch.num_rows):
            at = row + batch.column(0).offset
            host, method, route = (names[name][numbers[name][at]] for name in ("host", "method", "route"))
            if host in hosts and may_send(method, route, order.spec.writes):
                if table.row_count == FIRST:
                    stdout.print(table)
                    return
                due_s = columns["due"][row].as_py() / order.spec.speed / 1e9
                line = columns["wire"][row].as_py().partition(b"\r\n")[0].decode("latin-1")
                table.add_row(f"{due_s:.3f} s", hosts[host], cell(line.partition("?")[0].removesuffix(" HTTP/1.1")))
    stdout.print(table)
