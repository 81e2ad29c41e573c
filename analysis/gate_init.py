"""A gate file written from a baseline, with the reason of every choice as a comment beside it."""

from __future__ import annotations

import json

from analysis.claims import MIN_SHARE
from analysis.gate_file import Gate
from analysis.samples import ArtefactError, Run
from analysis.tally import RouteTally, Tally, Window, tally
from analysis.variance import QuantileEstimate, estimate_quantile
from analysis.words import milliseconds, percent, quantile

QUANTILES = (0.5, 0.95, 0.99)


def gate_for(run: Run) -> str:
    """The text of a gate file that fits ``run``.

    Raises:
        ArtefactError: the run is shorter than sixteen slices, or holds no request.
    """
    usual = Gate()
    length_ns = run.manifest.duration_ns - run.manifest.warmup_ns
    slice_s = usual.slice_s if length_ns >= 60 * usual.slice_s * 1e9 else 1.0
    slices = length_ns // round(slice_s * 1e9)
    if slices < 16:
        raise ArtefactError(f"{run.folder}: is too short to make a gate from. Capture at least a minute.")
    counted = tally(run, Window(run.manifest.warmup_ns, round(slice_s * 1e9), slices))
    if not counted.n:
        raise ArtefactError(f"{run.folder}: holds no request in its judged part.")
    return "\n".join(_lines(counted, usual, slice_s, slices)) + "\n"


def _lines(run: Tally, usual: Gate, slice_s: float, slices: int) -> list[str]:
    busy = sorted(run.routes.values(), key=lambda route: (-route.n, route.route))
    chosen = [route for route in busy if route.n >= MIN_SHARE * run.n and route.response.n][: usual.max_routes]
    gated = [0.5, 0.95]
    lines = [
        f"# A gate for runs against {json.dumps(run.run.manifest.name)}.",
        f"# Its judged part holds {run.n:,.0f} requests in {run.run.manifest.covered_ns / 1e9:.0f} s.",
        'format = "gate/1"',
        "",
        "# READY needs every claim below proved, so each route makes it harder: gate what matters, 20 at most.",
        f"# Chosen: the routes with {percent(MIN_SHARE)} of the traffic or more.",
        "routes = [",
    ]
    lines += [f"  {_quoted(route)},  # {_reason(route, run.n)}" for route in chosen]
    lines += ["]"]
    left = [route for route in busy if route not in chosen]
    lines += [f"# not gated: {_quoted(route)} ({percent(route.n / run.n)})" for route in left[:20]]
    few = [route for route in chosen if not estimate_quantile(route.response, 0.99).is_enough(usual.alpha)]
    why = f"{len(few)} of these routes have too few requests for p99" if few else "add 0.99 where the tail matters"
    lines += [
        f"quantiles = {gated}  # {why}",
        "",
        "# One slice of time; the run's own variation is estimated from the slices.",
        f"slice_s = {slice_s:g}  # this baseline has {slices} of them",
    ]
    if slices < usual.min_slices:
        lines.append(
            f"min_slices = {max(16, slices - 4)}  # fewer than the usual {usual.min_slices}: a short baseline"
        )
    lines += [
        "",
        "[margins]",
        f"relative = {usual.margins.relative:g}  # a quantile may rise by this share …",
        f"absolute_ms = {usual.margins.absolute_ms:g}  # … or by this much, whichever is more",
        f"errors = {usual.margins.errors:g}  # the share of failed requests may rise by this much",
        "",
        "# Limits that stand whatever production took. Examples, 1.5 times what the baseline showed:",
    ]
    for route in chosen[:2]:
        p95 = estimate_quantile(route.response, 0.95).value_ns / 1e6
        lines += [
            "# [[slos]]",
            f"# route = {_quoted(route)}",
            "# quantile = 0.95",
            f"# max_ms = {float(f'{1.5 * p95:.2g}'):g}",
        ]
    return lines


def _quoted(route: RouteTally) -> str:
    return json.dumps(route.route, ensure_ascii=False)


def _reason(route: RouteTally, n: float) -> str:
    known: list[QuantileEstimate] = [estimate_quantile(route.response, p) for p in QUANTILES]
    parts = [f"{quantile(e.p)} {milliseconds(e.value_ns / 1e6)}" for e in known if e.is_enough(0.05)]
    worth = f"{route.n:,.0f} requests worth {known[1].n_eff:,.0f} independent ones at p95"
    return f"{percent(route.n / n)} of traffic; {', '.join(parts) or 'too few to judge'}; {worth}"
