"""A calibration for the terminal: what it means in sentences, then the table behind them."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from analysis.calibration import Calibration
from analysis.report.terminal import plain
from analysis.words import milliseconds, percent, quantile

ROWS = 20
ENOUGH_RUNS = 8
"""Fewer runs than this say little about their spread; the intervals pay for it."""
_OTHERS = 58
"""Columns that the table needs beside the route's."""


def render_calibration(found: Calibration) -> RenderableType:
    """Run-to-run noise, drift and design effect of one staging environment."""
    pairs = found.pairs
    by = ", ".join(f"{quantile(float(p))} {percent(sd)}" for p, sd in found.by_quantile.items())
    doubt = ", ".join(f"{quantile(p)} {percent(sd)}" for p, sd in found.run_noise.not_ruled_out().items())
    drift_s = found.time_constant_s
    sentences = [
        f"{len(found.runs)} runs of one build at × {found.scale:g}, {found.window_s:.0f} s judged of each.",
        f"Run-to-run noise, beyond each run's own variation: {by}.",
        *([f"So few runs do not rule out {doubt}; a gate takes that instead."] if doubt else []),
        f"Drift within a run: time constant {drift_s:.1f} s; 30 of them are {30 * drift_s:.0f} s.",
    ]
    if pairs.compared:
        sentences.append(
            f"Of {pairs.compared} comparisons of two of these runs, {percent(pairs.alarms / pairs.compared)} called "
            f"them different at 5 %; with this noise {percent(pairs.alarms_calibrated / pairs.compared)}."
        )
    if len(found.runs) < ENOUGH_RUNS:
        sentences.append(
            f"{len(found.runs)} runs say little about their spread, so intervals widen; {ENOUGH_RUNS} say more."
        )
    parts: list[RenderableType] = [*(Text(sentence) for sentence in sentences), Text(), _Spreads(found)]
    if len(found.spreads) > ROWS:
        parts.append(Text(f"… {len(found.spreads) - ROWS} more in calibration.json"))
    parts.append(Text("spread: between the runs; expected: from each run's own variation alone", style="dim"))
    return Group(*parts)


class _Spreads:
    def __init__(self, found: Calibration) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(20, options.max_width - _OTHERS)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("route", no_wrap=True)
        for name in ("", "requests", "median", "spread", "expected", "design effect"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self._found.spreads[:ROWS]:
            route = plain(row.route)
            route.truncate(width, overflow="ellipsis")
            table.add_row(
                route,
                quantile(row.quantile),
                f"{row.n:,}",
                milliseconds(row.median_ms),
                percent(row.spread),
                percent(row.own_error),
                f"{row.design_effect:.1f}",
            )
        yield table
