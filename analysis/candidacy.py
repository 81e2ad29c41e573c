"""A claim that waits for its state: what is asked, on what evidence, and what holds it back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from analysis.compare import QuantileRow
from analysis.interval import Difference
from analysis.rows import change
from analysis.verdict import Claim, State
from analysis.words import quantile


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A claim that waits for its state."""

    claim: Claim
    difference: Difference | None
    """None: there is nothing to test, and the claim stays unjudged."""
    margin: float
    """On the scale of ``difference``."""
    is_required: bool
    """Whether READY needs it proved; false where a route that the gate did not name cannot be judged."""
    held: str = ""
    """Why it cannot be proved whatever the numbers say; it can still be disproved, by twice the interval."""


def held_back(item: Candidacy, why: str, alpha: float) -> Candidacy:
    """The claim held back: never proved, and disproved only by twice the interval."""
    if item.difference is None:
        return item
    wide = item.difference.stretched(2.0)
    is_log = item.claim.kind == "latency"
    lower, upper = wide.lower_at(alpha), wide.upper_at(alpha)
    claim = msgspec.structs.replace(
        item.claim,
        lower=change(lower) if is_log else item.claim.lower,
        upper=change(upper) if is_log else item.claim.upper,
        sentence=f"{item.claim.sentence}; {why}, so twice the interval counts",
        p_worse=wide.p_above(item.margin),
    )
    return Candidacy(claim, wide, item.margin, item.is_required, why)


def too_few(row: QuantileRow) -> str:
    """Which run holds too few requests, and what they are worth."""
    fewer = min((row.baseline, row.candidate), key=lambda estimate: estimate.n_eff)
    which = "baseline" if fewer is row.baseline else "candidate"
    if round(fewer.n_eff) == 0:
        return f"{fewer.n:.0f} in the {which}, within too little time to say what they are worth"
    return f"{fewer.n:.0f} in the {which}, worth {fewer.n_eff:.0f} independent ones"


def not_asked(kind: str, route: str, p: float | None, why: str, *, is_required: bool) -> Candidacy:
    """A claim that cannot be asked, with the reason."""
    what = route if p is None else f"{route} {quantile(p)}"
    claim = Claim(kind=kind, route=route, quantile=p, state=State.UNJUDGED, sentence=f"{what} was not judged: {why}")
    return Candidacy(claim, None, 0.0, is_required)


def finite(value: float) -> float | None:
    """The value, None where it is infinite."""
    return value if math.isfinite(value) else None
