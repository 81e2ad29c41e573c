"""A verdict for the terminal: one line that decides, then the table that proves it."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from analysis.evidence import Evidence
from analysis.report.advice import next_step
from analysis.report.filters import after, before, change, interval, margin, what
from analysis.report.order import MARKS, WORD_MARKS, worst_first
from analysis.verdict import Claim, QuantileCell, State, Verdict, Watch, Word
from analysis.words import between, milliseconds, percent, points, quantile, signed

_STYLES = {
    Word.READY: "bold white on dark_green",
    Word.NOT_READY: "bold white on dark_red",
    Word.INCONCLUSIVE: "bold black on yellow",
    Word.INVALID: "bold white on purple4",
}
_STATE_STYLES = {State.PASSED: "green", State.FAILED: "bold red", State.OPEN: "yellow", State.UNJUDGED: "dim"}
_NARROW = ["candidate", "change", "interval"]
_LEAST_ROUTE = 12
WIDE = 110
"""Columns of a terminal that hold the whole table."""
ROWS = 24
REASONS = 10

_TURNS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Unicode's line ends and the marks that turn the direction of a line, so that it reads otherwise than it is."""
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *_TURNS), "\ufffd")


def render(verdict: Verdict) -> RenderableType:
    """Everything that a person at a terminal needs; printing it is the command's business."""
    word = Text.assemble((f" {WORD_MARKS[verdict.verdict]} {verdict.verdict} ", _STYLES[verdict.verdict]))
    parts: list[RenderableType] = [
        word + plain(f"  {verdict.headline}"),
        plain(next_step(verdict), style="bold"),
        Text(),
    ]
    if len(verdict.reasons) > 1:
        parts += [plain(f"  • {reason}") for reason in verdict.reasons[:REASONS]]
        if len(verdict.reasons) > REASONS:
            parts.append(Text(f"  • {len(verdict.reasons) - REASONS} more in the report"))
        parts.append(Text())
    if verdict.claims:
        parts += [_Claims(verdict), Text()]
    for check in verdict.checks:
        if check.state != "ok":
            parts.append(Text.assemble((f"{check.state}: ", "bold"), plain(f"{check.name}: {check.sentence}")))
    parts += [plain(sentence, style="dim") for sentence in verdict.assumptions]
    if verdict.watch:
        parts.append(plain(f"Watch (not gated): {', '.join(map(_watched, verdict.watch[:5]))}"))
    return Group(*parts)


def _watched(item: Watch) -> str:
    if item.quantile is None:
        return f"{item.route} fails {points(item.change)}"
    return f"{item.route} {quantile(item.quantile)} {signed(item.change)}"


class _Claims:
    """The table of claims, as wide as the terminal allows: a narrow one leaves out what the report holds."""

    def __init__(self, verdict: Verdict) -> None:
        self._claims = worst_first(verdict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        is_wide = options.max_width >= WIDE
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        shown = [(claim, _cells(claim)) for claim in self._claims[:ROWS]]
        columns = ["baseline", "candidate", "change", "interval", "margin", "n"] if is_wide else _NARROW
        widths = {name: max([len(name), *(len(cells[name]) for _, cells in shown)]) for name in columns}
        widths["what"] = max(len(what(claim)) for claim, _ in shown)
        # The route gives way first; where even that is not enough, every column does.
        room = options.max_width - 1 - sum(widths.values()) - 2 * (len(widths) + 1)
        fits = room >= _LEAST_ROUTE
        table.add_column("", no_wrap=True, width=1)
        longest = room if fits else None
        table.add_column("route", no_wrap=True, overflow="ellipsis", min_width=_LEAST_ROUTE, max_width=longest)
        for name in ("what", *columns):
            justify: JustifyMethod = "left" if name == "what" else "right"
            table.add_column(name, justify=justify, no_wrap=True, min_width=widths[name] if fits else None)
        for claim, cells in shown:
            mark = Text(MARKS[claim.state], style=_STATE_STYLES[claim.state])
            table.add_row(mark, plain(claim.route), plain(what(claim)), *(cells[name] for name in columns))
        yield table
        if len(self._claims) > ROWS:
            yield Text(f"… {len(self._claims) - ROWS} more in the report")


def _cells(claim: Claim) -> dict[str, str]:
    return {
        "baseline": before(claim),
        "candidate": after(claim),
        "change": change(claim),
        "interval": interval(claim),
        "margin": margin(claim),
        "n": f"{claim.n:,}",
    }


def render_comparison(evidence: Evidence) -> RenderableType:
    """The table of ``replay compare``: every route and quantile, and no judgement."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("route", no_wrap=True, overflow="ellipsis", min_width=24)
    for name in ("n", "", "baseline", "candidate", "change", "interval", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in evidence.routes:
        failed = next((cell for cell in row.errors if cell.name == "any error"), None)
        errors = f"{percent(failed.baseline)} → {percent(failed.candidate)}" if failed else ""
        cells: list[QuantileCell | None] = [cell for cell in row.quantiles if cell.is_enough] or [None]
        for place, cell in enumerate(cells):
            first: list[RenderableType] = [plain(row.route), f"{row.candidate_n:,}"] if place == 0 else [Text(), ""]
            numbers = [""] * 5
            if cell:
                numbers = [
                    quantile(cell.quantile),
                    milliseconds(cell.baseline_ms),
                    milliseconds(cell.candidate_ms),
                    signed(cell.change),
                    between(cell.lower, cell.upper),
                ]
            table.add_row(*first, *numbers, errors if place == 0 else "")
    return table


def plain(text: str, style: str = "") -> Text:
    """A line of text from traffic as it is: no markup, nothing that steers a terminal (C0, C1) or turns the line."""
    return Text(text.translate(_CONTROLS), style)
