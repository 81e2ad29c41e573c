"""A history for the terminal and as one HTML file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import altair as alt
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from analysis.history import History, LastingChange, Series
from analysis.report.charts import BASELINE, CANDIDATE, ROWS, Spec, spec_of
from analysis.report.order import WORD_MARKS
from analysis.report.page import Figure, render_page
from analysis.report.terminal import plain
from analysis.words import milliseconds, percent, quantile, signed

TABLE_ROWS = 24
CHARTS = 12
SPARK = 30
_BLOCKS = "▁▂▃▄▅▆▇█"
_OTHERS = 62
"""Columns that the table needs beside the route's."""


def sentence(change: LastingChange) -> str:
    """A lasting change in words."""
    verb = "slower" if change.change > 0 else "faster"
    since = f"lasted {change.runs} runs" if change.is_over else f"{change.runs} runs so far"
    return (
        f"{change.route} {quantile(change.quantile)} is {percent(abs(change.change))} {verb} since {change.run} "
        f"({change.created[:10]}): {milliseconds(change.before_ms)} → {milliseconds(change.after_ms)}, {since}."
    )


def headline(history: History) -> str:
    """What the history says, in one line."""
    going = [change for change in history.changes if not change.is_over]
    slower = [change for change in going if change.change > 0]
    if not history.changes:
        return f"No lasting change of {percent(history.least_change)} or more in {len(history.runs)} runs."
    worst = max(slower or going or history.changes, key=lambda change: abs(change.change))
    more = len(history.changes) - 1
    return sentence(worst) + (f" {more} more {'change' if more == 1 else 'changes'}." if more else "")


def spark(values: Sequence[float | None]) -> str:
    """The latest values as a line of blocks; a blank where a run could not say."""
    shown = values[-SPARK:]
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = max(high - low, 0.05 * high, 1e-9)
    return "".join(" " if v is None else _BLOCKS[min(7, int(7.99 * (v - low) / span))] for v in shown)


def render_history(history: History) -> RenderableType:
    """The history for a terminal: what changed, then the trend of each series."""
    words = "".join(WORD_MARKS[run.verdict] for run in history.runs[-60:])
    parts: list[RenderableType] = [plain(headline(history), style="bold")]
    parts += [plain(f"  • {sentence(change)}") for change in history.changes[:10]]
    parts += [Text(), plain(f"{len(history.runs)} runs, verdicts: {words}"), _Trends(history)]
    if history.left_out:
        parts.append(Text(f"{history.left_out} verdicts of another plan or load are left out.", style="dim"))
    if len(history.series) > TABLE_ROWS:
        parts.append(Text(f"… {len(history.series) - TABLE_ROWS} more in history.json"))
    return Group(*parts)


class _Trends:
    def __init__(self, history: History) -> None:
        self._history = history

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(18, options.max_width - _OTHERS)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("route", no_wrap=True)
        for name in ("", "usual", "latest"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("trend", no_wrap=True)
        for one in self._history.series[:TABLE_ROWS]:
            route = plain(one.route)
            route.truncate(width, overflow="ellipsis")
            table.add_row(route, quantile(one.quantile), *latest(one), spark(one.ms))
        yield table


def latest(series: Series) -> tuple[str, str]:
    """The median of all runs but the last, and the last run's value with its distance from it; '–' for neither."""
    known = [ms for ms in series.ms[:-1] if ms is not None]
    usual = statistics.median(known) if known else None
    last = series.ms[-1]
    shown = "–" if last is None else milliseconds(last)
    if usual is None:
        return "–", shown
    return milliseconds(usual), shown if last is None else f"{shown} {signed(last / usual - 1)}"


def history_html(history: History) -> str:
    """One HTML file that needs no network, as the report of a verdict."""
    order = {change.route: place for place, change in enumerate(reversed(history.changes))}
    shown = sorted(history.series, key=lambda one: -order.get(one.route, -1))[:CHARTS]
    figures = [
        Figure(f"series-{place}", f"{one.route} {quantile(one.quantile)}", "", trend_plot(history, one))
        for place, one in enumerate(shown)
    ]
    return render_page(
        "history.html.j2",
        figures,
        history=history,
        headline=headline(history),
        sentences=[sentence(change) for change in history.changes],
        rows=[(one.route, quantile(one.quantile), *latest(one), spark(one.ms)) for one in history.series],
        charts=[figure for figure in figures if figure.spec],
    )


def trend_plot(history: History, series: Series) -> Spec | None:
    """One series over its runs, with a rule where a lasting change began."""
    changes = [c for c in history.changes if (c.route, c.quantile) == (series.route, series.quantile)]
    begun = {(change.created, change.run) for change in changes}  # every night's run may have one name
    rows: list[Spec] = [
        {
            "run": run.name,
            "ms": ms,
            "place": place,
            "verdict": run.verdict,
            "begins": (run.created, run.name) in begun,
        }
        for place, (run, ms) in enumerate(zip(history.runs, series.ms, strict=True))
        if ms is not None
    ]
    if len(rows) < 2:
        return None
    base: Any = alt.Chart(ROWS).encode(
        x=alt.X("place:Q", title="run", axis=alt.Axis(tickMinStep=1, format="d")),
        tooltip=["run:N", alt.Tooltip("ms:Q", format=",.4~g"), "verdict:N"],
    )
    rule = base.transform_filter("datum.begins").mark_rule(strokeDash=[4, 3], strokeWidth=2, color=CANDIDATE)
    name = base.transform_filter("datum.begins").mark_text(
        align="left", dx=4, dy=8, color=CANDIDATE, fontWeight="bold"
    )
    line = base.mark_line(color=BASELINE, strokeWidth=1.5).encode(
        y=alt.Y("ms:Q", title="ms", scale=alt.Scale(zero=False))
    )
    dots = base.mark_point(filled=True, size=40, color=BASELINE, opacity=1).encode(y="ms:Q")
    chart = rule + line + dots + name.encode(y=alt.value(0), text="run:N")
    return spec_of(chart.properties(width="container", height=150), rows)
