"""A capacity in words, for the terminal and as one HTML file."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis.capacity import Capacity, Crossing, Limit, Reading, Step
from analysis.report.charts import BASELINE, CANDIDATE, ROWS, Spec, spec_of
from analysis.report.page import Figure, render_page
from analysis.report.terminal import plain
from analysis.words import listed, milliseconds, percent, quantile, times

CHARTS = 6


def value_of(limit: Limit, value: float) -> str:
    """A measured value or a limit, in the unit of the limit."""
    return percent(value) if limit.quantile is None else milliseconds(value)


def name_of(limit: Limit) -> str:
    """'GET /search p95' or 'GET /search errors'."""
    return f"{limit.route} {'errors' if limit.quantile is None else quantile(limit.quantile)}"


def headline(capacity: Capacity) -> str:
    """What the target carries, in one sentence, and what gives way first."""
    told = [step for step in capacity.steps if not step.fault]
    faults = [step for step in capacity.steps if step.fault]
    name = capacity.name
    if not told:
        return f"Nothing can be said: at × {faults[0].load:.2f} {faults[0].fault}." if faults else "No step was made."
    first = capacity.first
    if first is None:
        above = [step.fault for step in faults if step.load > told[-1].load]
        limited = f" Above it {above[0]}: nothing is said of staging there." if above else ""
        return f"Staging carries at least {times(told[-1].load)} {name}'s traffic; no limit gave way.{limited}"
    limit = capacity.limits[first.limit]
    gives = (
        f"{limit.route}, which fails in more than {percent(limit.value)} of requests"
        if limit.quantile is None
        else f"{limit.route}, whose {quantile(limit.quantile)} passes {milliseconds(limit.value)}"
    )
    if not first.load:
        return f"Staging does not carry {times(told[0].load)} {name}'s traffic, the lowest load tried: {gives}."
    return f"Staging carries {times(first.load)} {name}'s traffic; the first to give way is {gives}."


def details(capacity: Capacity) -> list[str]:
    """What belongs to the headline: the interval, the headroom over the busiest minute, steps that say nothing."""
    found: list[str] = []
    upper = (
        "no load that was tried is proved to break one"
        if capacity.upper is None
        else (f"at {capacity.upper:.2f} × one is proved broken")
    )
    if capacity.lower:
        found.append(f"Up to {capacity.lower:.2f} × every limit is proved to be met; {upper} (each at 5 %).")
    else:
        open_ = [name_of(capacity.limits[crossing.limit]) for crossing in capacity.crossings if not crossing.lower]
        found.append(f"Too few requests prove {listed(open_)} met at the lowest load: lengthen --step; {upper}.")
    first = capacity.first
    load = first.load if first else max((step.load for step in capacity.steps if not step.fault), default=0.0)
    if load:
        rate = load * capacity.production_per_s
        peak = rate / capacity.peak_per_s
        found.append(
            f"{load:.2f} × is {rate:,.1f} requests/s, {peak:.2f} × {capacity.name}'s busiest minute "
            f"({capacity.peak_per_s:,.1f}/s; mean {capacity.production_per_s:,.1f}/s)."
        )
    found += [f"Not used: × {step.load:.2f}, {step.fault}." for step in capacity.steps if step.fault]
    return found


def state_of(step: Step) -> str:
    """How a step did, in a word."""
    states = {reading.state for reading in step.readings}
    if step.fault:
        return "generator"
    return "breaks" if "breaks" in states else "open" if "open" in states else "meets"


def render_capacity(capacity: Capacity) -> RenderableType:
    """The capacity for a terminal."""
    marks = {"meets": "✓", "breaks": "✗", "open": "?", "generator": "!"}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    for title in ("load", "asked", "answered"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("worst against its limit", overflow="fold")
    for step in capacity.steps:
        table.add_row(
            marks[state_of(step)],
            f"{step.load:.2f} ×",
            f"{step.rate_per_s:,.1f}/s",
            f"{step.answered_per_s:,.1f}/s",
            plain(step.fault or worst(capacity, step)),
        )
    parts: list[RenderableType] = [plain(headline(capacity), style="bold")]
    parts += [plain(f"  {each}") for each in details(capacity)]
    parts += [
        Text(),
        table,
        Text("✓ every limit proved met, ✗ one proved broken, ? neither, ! the generator's limit", style="dim"),
    ]
    return Group(*parts)


def worst(capacity: Capacity, step: Step) -> str:
    """The reading of a step that is furthest beyond its limit, or nearest to it."""
    known = [reading for reading in step.readings if reading.value is not None]
    if not known:
        return "–"

    def of_limit(reading: Reading) -> float:
        value, limit = reading.value or 0.0, capacity.limits[reading.limit].value
        return value / limit if limit else math.inf if value else 0.0  # a budget may be none at all

    found = max(known, key=of_limit)
    limit = capacity.limits[found.limit]
    measured, most = value_of(limit, found.value or 0.0), value_of(limit, limit.value)
    return f"{name_of(limit)} {measured}, limit {most} ({limit.source})"


def capacity_html(capacity: Capacity) -> str:
    """One HTML file that needs no network, as the report of a verdict."""
    shown = capacity.crossings[:CHARTS]
    figures = [Figure("throughput", "Asked and answered", "", throughput_plot(capacity))] + [
        Figure(f"limit-{place}", name_of(capacity.limits[crossing.limit]), "", limit_plot(capacity, crossing))
        for place, crossing in enumerate(shown)
    ]
    return render_page(
        "capacity.html.j2",
        figures,
        capacity=capacity,
        headline=headline(capacity),
        details=details(capacity),
        steps=[(step, state_of(step), step.fault or worst(capacity, step)) for step in capacity.steps],
        crossings=[(capacity.limits[c.limit], name_of(capacity.limits[c.limit]), c) for c in capacity.crossings],
        value_of=value_of,
        charts=[figure for figure in figures if figure.spec],
    )


def throughput_plot(capacity: Capacity) -> Spec | None:
    """Requests answered well against those asked for: where they part, the target is full."""
    rows: list[Spec] = [
        {"load": step.load, "rate": rate, "what": what}
        for step in capacity.steps
        if not step.fault
        for what, rate in (("asked", step.rate_per_s), ("answered", step.answered_per_s))
    ]
    if not rows:
        return None
    scale = alt.Scale(domain=["asked", "answered"], range=[BASELINE, CANDIDATE])
    dashes = alt.Scale(domain=["asked", "answered"], range=[[5, 3], [1, 0]])
    chart = (
        alt.Chart(ROWS)
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("load:Q", title="× production"),
            y=alt.Y("rate:Q", title="requests/s"),
            color=alt.Color("what:N", title=None, scale=scale, legend=alt.Legend(orient="top")),
            strokeDash=alt.StrokeDash("what:N", title=None, scale=dashes, legend=alt.Legend(orient="top")),
            tooltip=["what:N", alt.Tooltip("load:Q", format=".2f"), alt.Tooltip("rate:Q", format=",.1f")],
        )
    )
    return spec_of(chart.properties(width="container", height=200), rows)


def limit_plot(capacity: Capacity, crossing: Crossing) -> Spec | None:
    """One limit over the load: what was measured with its bounds, and the limit as a line."""
    limit = capacity.limits[crossing.limit]
    rows: list[Spec] = []
    for step in capacity.steps:
        reading = step.readings[crossing.limit]
        if reading.value is not None and not step.fault:
            upper = reading.value if reading.upper is None else reading.upper
            rows.append(
                {
                    "load": step.load,
                    "value": reading.value,
                    "lower": reading.lower,
                    "upper": upper,
                    "limit": limit.value,
                    "state": reading.state,
                }
            )
    if len(rows) < 2:
        return None
    is_share = limit.quantile is None
    scale = alt.Scale() if is_share else alt.Scale(type="log")
    axis = alt.Axis(format=".1%") if is_share else alt.Axis()
    base: Any = alt.Chart(ROWS).encode(
        x=alt.X("load:Q", title="× production"), tooltip=["load:Q", "value:Q", "lower:Q", "upper:Q", "state:N"]
    )
    band = base.mark_area(opacity=0.25, color=BASELINE).encode(
        y=alt.Y("lower:Q", title="failed" if is_share else "ms", scale=scale, axis=axis), y2="upper:Q"
    )
    line = base.mark_line(point=True, color=BASELINE, strokeWidth=2).encode(y=alt.Y("value:Q", scale=scale))
    rule = base.mark_line(color=CANDIDATE, strokeDash=[5, 3], strokeWidth=2).encode(y=alt.Y("limit:Q", scale=scale))
    return spec_of((band + line + rule).properties(width="container", height=200), rows)
