"""The charts of a report as Vega-Lite specifications; each stands beside a table that says the same.

Colours are told apart by the colour-blind (Okabe and Ito 2008) and never carry a meaning alone: states have shapes
and undecided cells a mark. Axes and texts take their colours from the page, so that one chart fits light, dark and
paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from analysis.evidence import Curve, Evidence, Timeline
from analysis.report.filters import what
from analysis.report.order import STATE_WORDS, worst_first
from analysis.verdict import RouteRow, State, Verdict
from analysis.words import between, milliseconds, quantile, signed

type Spec = dict[str, Any]

BASELINE, CANDIDATE = "#0072B2", "#D55E00"
_RUNS = alt.Scale(domain=["baseline", "candidate"], range=[BASELINE, CANDIDATE])
_DASH = alt.StrokeDash(
    "run:N",
    title=None,
    scale=alt.Scale(domain=["baseline", "candidate"], range=[[5, 3], [1, 0]]),
    legend=alt.Legend(orient="top"),
)
_STATES = [STATE_WORDS[state] for state in (State.PASSED, State.OPEN, State.FAILED)]
_STATE_COLOURS = alt.Scale(domain=_STATES, range=["#009E73", "#B8860B", "#D55E00"])
_STATE_SHAPES = alt.Scale(domain=_STATES, range=["circle", "square", "triangle-up"])
_STATE_LEGEND = alt.Legend(orient="top", columns=2)  # two, so that a phone holds them
HEAT_ROWS = 40
_PLATE = "#f7f5f1"
"""What lies under the pale cells, so that dark letters can be read on them where the page is dark too."""
_STRIPES = 12
_STRIPE = "rgba(87, 96, 106, 0.45)"
HATCH: Any = {
    "gradient": "linear",
    "x1": 0,
    "y1": 0,
    "x2": 1,
    "y2": 1,
    "stops": [
        {"offset": (i + edge) / _STRIPES, "color": color}
        for i in range(_STRIPES)
        for edge, color in ((0, "transparent"), (0.82, "transparent"), (0.82, _STRIPE), (1, _STRIPE))
    ],
}
"""Stripes across a cell: the drawing code knows no patterns, but gradients with hard edges."""


ROWS: Any = alt.NamedData("rows")
"""The rows of a chart are put beside it as they are: altair would copy and check every one of them."""


def spec_of(chart: Any, rows: Sequence[Spec]) -> Spec:
    """The specification of ``chart``, with its rows inside."""
    found: Spec = chart.to_dict(validate=False)
    # The schema's address is a name, but a page that must reach nothing should not hold one.
    found.pop("$schema", None)
    if found.get("width") == "container":
        found["autosize"] = {"type": "fit-x", "contains": "padding"}
    found["datasets"] = {"rows": list(rows), "zero": [{"zero": 0}]}
    return found


def heat_map(routes: Sequence[RouteRow]) -> Spec | None:
    """Change per route and quantile; a cell whose interval holds zero is pale, hatched and marked '~'."""
    rows: list[Spec] = []
    shown = [row for row in routes if row.judged and any(cell.is_enough for cell in row.quantiles)][:HEAT_ROWS]
    for row in shown:
        for cell in row.quantiles:
            if not cell.is_enough:
                continue
            is_clear = (cell.lower is not None and cell.lower > 0) or (cell.upper is not None and cell.upper < 0)
            rows.append(
                {
                    "route": row.route,
                    "quantile": quantile(cell.quantile),
                    "change": cell.change,
                    "label": f"{signed(cell.change)}{'' if is_clear else ' ~'}",
                    "clear": is_clear,
                    "interval": between(cell.lower, cell.upper),
                    "baseline": milliseconds(cell.baseline_ms),
                    "candidate": milliseconds(cell.candidate_ms),
                }
            )
    if not rows:
        return None
    base = alt.Chart(ROWS).encode(
        x=alt.X("quantile:N", title=None, sort=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("route:N", title=None, sort=[row.route for row in shown], axis=alt.Axis(labelLimit=320)),
        tooltip=["route:N", "quantile:N", "baseline:N", "candidate:N", "label:N", "interval:N"],
    )
    plates = base.mark_rect(cornerRadius=3, color=_PLATE)
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "change:Q",
            title="change",
            legend=alt.Legend(format="+.0%", orient="bottom", gradientLength=240),
            scale=alt.Scale(scheme="blueorange", domain=[-0.5, 0.5], domainMid=0, clamp=True),
        ),
        opacity=alt.condition("datum.clear", alt.value(1), alt.value(0.35)),
    )
    hatched = base.transform_filter("!datum.clear").mark_rect(cornerRadius=3, color=HATCH)
    labels = base.mark_text(fontSize=11).encode(
        text="label:N",
        color=alt.condition("datum.clear && abs(datum.change) > 0.3", alt.value("white"), alt.value("#1c1c1c")),
    )
    return spec_of(
        (plates + cells + hatched + labels).properties(
            width=90 * len({row["quantile"] for row in rows}), height={"step": 26}
        ),
        rows,
    )


def shift_plot(verdict: Verdict) -> Spec | None:
    """Each latency claim as an interval of its change, with its margin as a tick."""
    rows: list[Spec] = []
    for claim in worst_first(verdict):
        if claim.kind != "latency" or claim.change is None:
            continue
        rows.append(
            {
                "claim": f"{claim.route} {what(claim)}",
                "change": claim.change,
                "lower": max(claim.lower if claim.lower is not None else -1.0, -0.9),
                "upper": min(claim.upper if claim.upper is not None else 9.0, 9.0),
                "margin": claim.margin,
                "state": STATE_WORDS[claim.state],
                "interval": between(claim.lower, claim.upper),
            }
        )
    if not rows:
        return None
    order = [row["claim"] for row in rows]
    # A margin far beyond every bar, as that of a route of one millisecond, may not press the others together.
    bars = max(min(row["upper"], 3 * abs(row["change"]) + min(row["margin"], 1.0)) for row in rows)
    margins = [row["margin"] for row in rows]
    most = max(bars, min(margins), *(margin for margin in margins if margin <= 1.5 * bars))
    least = min(-0.1, *(row["lower"] for row in rows))
    scale = alt.Scale(domain=[least, most * 1.1], clamp=True)
    base = alt.Chart(ROWS).encode(y=alt.Y("claim:N", title=None, sort=order, axis=alt.Axis(labelLimit=320)))
    colour = alt.Color("state:N", title=None, scale=_STATE_COLOURS, legend=_STATE_LEGEND)
    tooltip = ["claim:N", "interval:N", "state:N", alt.Tooltip("margin:Q", format="+.1%")]
    bands = base.mark_rule(strokeWidth=5, opacity=0.45).encode(
        x=alt.X("lower:Q", title="change against the baseline", axis=alt.Axis(format="+.0%"), scale=scale),
        x2="upper:Q",
        color=colour,
        tooltip=tooltip,
    )
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("change:Q", scale=scale),
        color=colour,
        shape=alt.Shape("state:N", title=None, scale=_STATE_SHAPES, legend=_STATE_LEGEND),
        tooltip=tooltip,
    )
    ticks = base.mark_tick(thickness=3, size=18, color="#CC79A7").encode(
        x=alt.X("margin:Q", scale=scale), tooltip=tooltip
    )
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(strokeDash=[4, 4], color="#888888").encode(x="zero:Q")
    return spec_of((zero + bands + ticks + points).properties(width="container", height=24 * len(rows)), rows)


def percentile_plot(curves: Sequence[Curve], route: str) -> Spec | None:
    """Latency against 1/(1 − p), the axis on which every further nine takes the same room."""
    rows = [
        {"run": curve.run, "x": 1 / (1 - p), "ms": ms, "percentile": quantile(round(p, 6))}
        for curve in curves
        if curve.route == route
        for p, ms in zip(curve.p, curve.ms, strict=True)
    ]
    if not rows:
        return None
    ticks = [1, 2, 4, 10, 20, 100, 1000, 10000, 100000]
    labels = (
        "datum.value == 1 ? 'p0' : datum.value == 2 ? 'p50' : datum.value == 4 ? 'p75' : datum.value == 10 ? 'p90' : "
        "datum.value == 20 ? 'p95' : datum.value == 100 ? 'p99' : datum.value == 1000 ? 'p99.9' : "
        "datum.value == 10000 ? 'p99.99' : 'p99.999'"
    )
    chart = (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(
                "x:Q",
                title=None,
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(values=ticks, labelExpr=labels, labelOverlap=True),
            ),
            y=alt.Y("ms:Q", title="ms", scale=alt.Scale(type="log")),
            color=alt.Color("run:N", title=None, scale=_RUNS, legend=alt.Legend(orient="top")),
            strokeDash=_DASH,
            tooltip=["run:N", "percentile:N", alt.Tooltip("ms:Q", format=",.4~g")],
        )
    )
    return spec_of(chart.properties(width="container", height=220), rows)


def distribution_plot(curves: Sequence[Curve], route: str) -> Spec | None:
    """Share of requests answered within a time, on a log axis of time."""
    rows = [
        {"run": curve.run, "p": p, "ms": ms}
        for curve in curves
        if curve.route == route
        for p, ms in zip(curve.p, curve.ms, strict=True)
    ]
    if not rows:
        return None
    chart = (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("ms:Q", title="ms", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("p:Q", title="answered within", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
            order="p:Q",
            color=alt.Color("run:N", title=None, scale=_RUNS, legend=alt.Legend(orient="top")),
            strokeDash=_DASH,
            tooltip=["run:N", alt.Tooltip("p:Q", format=".2%"), alt.Tooltip("ms:Q", format=",.4~g")],
        )
    )
    return spec_of(chart.properties(width="container", height=220), rows)


def timeline(timelines: Sequence[Timeline]) -> Spec | None:
    """The course of both runs: rate, latency, the generator's lag and errors, one above the other."""
    rows = [
        {
            "run": line.run,
            "s": line.seconds[i],
            "intended": line.intended_per_s[i],
            "ready": line.ready_per_s[i],
            "p95": line.p95_ms[i],
            "lag": line.lag_p99_ms[i] if line.run == "candidate" else None,
            "errors": line.error_share[i],
        }
        for line in timelines
        for i in range(len(line.seconds))
    ]
    if not rows:
        return None
    colour = alt.Color("run:N", title=None, scale=_RUNS, legend=alt.Legend(orient="top"))
    panels = [
        ("ready", "requests/s", "~s", 110),
        ("p95", "p95, ms", "~s", 130),
        ("errors", "failed", ".0%", 70),
        ("lag", "lag p99, ms", "~s", 70),
    ]
    charts = []
    for place, (field, title, form, height) in enumerate(panels):
        is_last = place == len(panels) - 1
        axis = alt.Axis(title="seconds from the window's start" if is_last else None, labels=is_last)
        panel = (
            alt.Chart()
            .mark_line(strokeWidth=1.5)
            .encode(
                x=alt.X("s:Q", axis=axis),
                y=alt.Y(f"{field}:Q", title=title, axis=alt.Axis(format=form, titleFontWeight="normal")),
                color=colour,
                strokeDash=_DASH,
                tooltip=["run:N", "s:Q", alt.Tooltip(f"{field}:Q", format=",.4~g")],
            )
        )
        if place == 0:
            wanted = alt.Chart().mark_point(size=14, filled=True, opacity=0.7)
            panel += wanted.encode(
                x=alt.X("s:Q", axis=axis),
                y=alt.Y("intended:Q", title=title),
                color=colour,
                tooltip=["run:N", "s:Q", "intended:Q"],
            )
        charts.append(panel.properties(width=920, height=height))
    return spec_of(alt.vconcat(*charts, data=ROWS, spacing=6), rows)


def error_bars(evidence: Evidence) -> Spec | None:
    """Failed requests by class, for the routes that had any."""
    rows = [
        {"route": row.route, "class": cell.name, "share": share, "run": run}
        for row in evidence.routes
        for cell in row.errors
        if cell.name != "any error"
        for run, share in (("baseline", cell.baseline), ("candidate", cell.candidate))
        if share > 0
    ]
    if not rows:
        return None
    chart = (
        alt.Chart(ROWS)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of requests", axis=alt.Axis(format=".1%")),
            y=alt.Y("route:N", title=None, axis=alt.Axis(labelLimit=320)),
            yOffset="run:N",
            color=alt.Color("run:N", title=None, scale=_RUNS, legend=alt.Legend(orient="top")),
            tooltip=["route:N", "class:N", "run:N", alt.Tooltip("share:Q", format=".2%")],
        )
    )
    return spec_of(chart.properties(width="container", height=34 * len({row["route"] for row in rows})), rows)
