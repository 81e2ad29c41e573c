"""The calibrated view: a candidate beside the last good build, both replayed against staging from one plan.

Production was measured at a proxy and on other machines; two runs of staging were measured alike. What the candidate
changed against the reference is therefore known better than what it changed against production, and production's
latency times that change is a projection: it supposes that both scale alike, and is never called a measurement.
"""

from __future__ import annotations

import math

from analysis.compare import Comparison
from analysis.interval import Difference
from analysis.rows import change
from analysis.samples import ArtefactError, Run
from analysis.shares import share_difference
from analysis.tally import MISSES, RouteTally, share_of
from analysis.uncertainty import t_critical
from analysis.verdict import CalibratedRow


def check_reference(reference: Run, candidate: Run) -> None:
    """Refuse a reference that did not replay what the candidate did.

    Raises:
        ArtefactError: it is of another plan, scale, pace, mode or place of measuring, or no load run.
    """
    ours, theirs = reference.manifest, candidate.manifest
    if ours.kind != "load":
        raise ArtefactError(f"{reference.folder}: was made by production. A reference is a replay of a good build.")
    for what, a, b in (
        ("plan", ours.plan_hash[:12], theirs.plan_hash[:12]),
        ("scale", f"{ours.scale:g}", f"{theirs.scale:g}"),
        ("speed", f"{ours.speed:g}", f"{theirs.speed:g}"),
        ("mode", ours.mode, theirs.mode),
        ("place of measuring", reference.measured_at, candidate.measured_at),
        ("connections", ours.connections, theirs.connections),
    ):
        if a != b:
            raise ArtefactError(
                f"{reference.folder}: its {what} is '{a}', that of {candidate.folder} is '{b}'. "
                "A reference replays the same plan at the same scale, measured alike; make it again."
            )


def usual_misses(reference: dict[str, RouteTally]) -> dict[str, float]:
    """The share of misses that the reference had too, per route."""
    return {name: route.miss_share for name, route in reference.items() if route.count(*MISSES)}


def miss_difference(reference: RouteTally, candidate: RouteTally) -> Difference:
    """How many more of the candidate's answers are misses, as a difference of shares."""
    return share_difference(share_of(reference, MISSES), share_of(candidate, MISSES))


def calibrated(baseline: Comparison, reference: Comparison, alpha: float) -> list[CalibratedRow]:
    """Production, reference and candidate beside each other, for every route and quantile that all three have.

    Args:
        baseline: candidate against production.
        reference: candidate against the reference.
    """
    found: list[CalibratedRow] = []
    for name, route in baseline.routes.items():
        other = reference.routes.get(name)
        for p, row in route.response.items() if other else ():
            against = other.response.get(p) if other else None
            if against is None or not (row.is_enough(alpha) and against.is_enough(alpha)):
                continue
            low, high = _projection(row.baseline.se * row.baseline.slope(), against.difference, alpha)
            production = row.baseline.value_ns / 1e6
            found.append(
                CalibratedRow(
                    route=name,
                    quantile=p,
                    production_ms=production,
                    reference_ms=against.baseline.value_ns / 1e6,
                    candidate_ms=against.candidate.value_ns / 1e6,
                    change=against.ratio - 1,
                    lower=change(against.difference.lower_at(alpha)),
                    upper=change(against.difference.upper_at(alpha)),
                    projected_ms=production * against.ratio,
                    projected_lower_ms=production * math.exp(low) if math.isfinite(low) else None,
                    projected_upper_ms=production * math.exp(high) if math.isfinite(high) else None,
                )
            )
    return found


def _projection(log_se: float, difference: Difference, alpha: float) -> tuple[float, float]:
    """Bounds of ln(projected / production): the change's own, and production's error squared and added."""
    own = float(t_critical(alpha, 8)) * log_se
    below = math.hypot(difference.estimate - difference.lower_at(alpha), own)
    above = math.hypot(difference.upper_at(alpha) - difference.estimate, own)
    return difference.estimate - below, difference.estimate + above
