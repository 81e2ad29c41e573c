"""How claims are written in tables, the same in Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable

from analysis.report.order import MARKS, STATE_WORDS
from analysis.verdict import Claim
from analysis.words import between, milliseconds, percent, points, quantile, signed

_SHARES = {"errors", "misses"}


def what(claim: Claim) -> str:
    """'p95', 'p95 limit', 'errors' or 'error budget'."""
    if claim.kind == "budget":
        return "error budget"
    name = quantile(claim.quantile) if claim.quantile is not None else claim.kind
    return f"{name} limit" if claim.kind == "slo" else name


def before(claim: Claim) -> str:
    """The baseline's value; '' where the claim has none."""
    return "" if claim.baseline is None else _value(claim, claim.baseline)


def after(claim: Claim) -> str:
    """The candidate's value; '' where nothing was measured."""
    return "" if claim.candidate is None else _value(claim, claim.candidate)


def change(claim: Claim) -> str:
    """The change as a signed percentage, of shares in points."""
    if claim.change is None:
        return ""
    return signed(claim.change) if claim.kind == "latency" else points(claim.change)


def interval(claim: Claim) -> str:
    """The interval that the claim rests on."""
    if claim.candidate is None:
        return "not judged"
    if claim.kind == "latency":
        return between(claim.lower, claim.upper)
    low = "" if claim.lower is None else _bound(claim, claim.lower)
    high = "no upper bound" if claim.upper is None else _bound(claim, claim.upper)
    return f"{low} … {high}"


def margin(claim: Claim) -> str:
    """The margin of a change, or the limit that stands by itself."""
    if claim.margin is None:
        return ""
    if claim.kind == "latency":
        return signed(claim.margin)
    return points(claim.margin) if claim.kind in _SHARES else _value(claim, claim.margin)


def _value(claim: Claim, value: float) -> str:
    return milliseconds(value) if claim.kind in {"latency", "slo"} else percent(value)


def _bound(claim: Claim, value: float) -> str:
    return points(value) if claim.kind in _SHARES else _value(claim, value)


def trait(value: float, unit: str) -> str:
    """A trait of the traffic in its unit."""
    if unit == "share":
        return percent(value)
    return f"{value:,.1f}/s" if unit == "rate" else f"{value:,.2f}"


FILTERS: dict[str, Callable[..., str]] = {
    "what": what,
    "before": before,
    "after": after,
    "change": change,
    "interval": interval,
    "margin": margin,
    "percent": percent,
    "signed": signed,
    "ms": milliseconds,
    "quantile": quantile,
    "trait": trait,
    "between": between,
    "points": points,
    "mark": lambda state: MARKS[state],
    "state_word": lambda state: STATE_WORDS[state],
}
