"""What a gate claims about a candidate, each claim with its evidence.

A claim is a difference and a margin. Whether it holds is for ``judge`` to say, since Holm's step-down has to see all
of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from analysis.candidacy import Candidacy, finite, held_back, not_asked, too_few
from analysis.compare import Comparison, ErrorRow, QuantileRow, RouteComparison
from analysis.gate_file import Gate
from analysis.limits import budget_claim, slo_claim
from analysis.reference import miss_difference
from analysis.rows import change
from analysis.steadiness import unsteady
from analysis.tally import MISSES, UNRESOLVED, share_of
from analysis.verdict import Claim, State
from analysis.words import between, milliseconds, percent, points, quantile, signed, times

MIN_SHARE = 0.01
"""Routes below this share of the baseline's requests are not gated unless the gate names them."""


def gated_routes(comparison: Comparison, gate: Gate) -> list[str]:
    """The routes that the gate names, or else the busiest of the baseline that were replayed."""
    if gate.routes:
        return list(gate.routes)
    return [name for name in _busy(comparison) if name in comparison.judged][: gate.max_routes]


def _busy(comparison: Comparison) -> list[str]:
    """The routes of both runs that carry a share worth gating, the busiest first."""
    least = MIN_SHARE * comparison.baseline.n
    return [name for name in comparison.routes if comparison.baseline.routes[name].n >= least]


def claims(comparison: Comparison, gate: Gate, reference: Comparison | None = None) -> list[Candidacy]:
    """Every claim of the gate: latency and errors of each gated route and of the total, SLOs and budgets.

    A gate that names no routes also asks of each other route whether it is a wreck: READY does not need that proved,
    but a route that provably fails is NOT READY however little of the traffic it carries.

    Args:
        comparison: what the gate judges by.
        reference: candidate against the reference run, where there is one: misses are judged against it.
    """
    found: list[Candidacy] = []
    if reference:
        asked = [name for name in gate.routes or reference.routes if name in reference.routes]
        needed = set(gate.routes or _busy(reference))
        found += [replace(_misses(reference.routes[name], gate), is_required=name in needed) for name in asked]
    gated = gated_routes(comparison, gate)
    for name in gated:
        why = unjudged(comparison, gate, name)
        if why:
            found.append(not_asked("latency", name, None, why, is_required=bool(gate.routes)))
        else:
            found += _of_route(comparison.routes[name], gate, is_required=bool(gate.routes))
    if not gate.routes:
        found += _of_others(comparison, gate, gated)
    if gate.total and comparison.total:
        found += _of_route(comparison.total, gate, is_required=True)
    found += [slo_claim(comparison, gate, slo, unjudged(comparison, gate, slo.route)) for slo in gate.slos]
    found += [
        budget_claim(comparison, gate, budget, unjudged(comparison, gate, budget.route)) for budget in gate.budgets
    ]
    slices = comparison.candidate.window.slices
    if slices < gate.min_slices:
        why = f"the run has {slices} slices and this gate asks for {gate.min_slices}"
        found = [held_back(item, why, gate.alpha) for item in found]
    return found


def _of_others(comparison: Comparison, gate: Gate, gated: list[str]) -> Iterator[Candidacy]:
    """Of the routes that a gate without names does not gate: busy ones that cannot be judged, and wrecks."""
    for name in _busy(comparison):
        if name not in comparison.judged:
            why = f"{unjudged(comparison, gate, name)}; a --reference run tells whether data or build is at fault"
            yield not_asked("latency", name, None, why, is_required=True)
    for name in comparison.judged:
        if name not in gated:
            route = comparison.routes[name]
            yield replace(_errors(name, route.errors["any error"], _worst_class(route), gate), is_required=False)


def unjudged(comparison: Comparison, gate: Gate, route: str) -> str:
    """Why a route cannot be judged; '' where it can."""
    if route not in comparison.baseline.routes:
        return "the baseline has no such request in the judged part"
    if route not in comparison.routes:
        return "it was not replayed"
    if route not in comparison.judged:
        counted = comparison.candidate.routes[route]
        unresolved = counted.count(UNRESOLVED) / counted.n if counted.n else 0.0
        what = "of its answers were of another status class than recorded"
        if unresolved:
            what = (
                "of its requests were answered with another status class than recorded, or not sent for want of a "
                f"value of an earlier answer ({percent(unresolved)})"
            )
        return f"{percent(counted.miss_share)} {what} (at most {percent(gate.max_miss)})"
    return ""


def _of_route(route: RouteComparison, gate: Gate, *, is_required: bool) -> Iterator[Candidacy]:
    for p in gate.quantiles:
        row = route.response.get(p)
        if row is None:
            # The error claim speaks for a route without a success; a baseline without one has nothing to compare.
            yield not_asked("latency", route.route, p, "no request of it succeeded", is_required=False)
        elif not row.is_enough(gate.alpha):
            why = f"too few requests for {quantile(p)}: {too_few(row)}"
            # A busy route whose requests say too little, or one that looks slower, may not pass for one that is well.
            must = is_required or _is_numerous(row, gate) or row.ratio - 1 > _margin(route.route, row, gate)
            yield not_asked("latency", route.route, p, why, is_required=must)
        else:
            asked = _latency(route.route, row, gate)
            why = unsteady(row, row.difference, gate, asked.margin)
            yield held_back(asked, why, gate.alpha) if why else asked
    yield _errors(route.route, route.errors["any error"], _worst_class(route), gate)


def _is_numerous(row: QuantileRow, gate: Gate) -> bool:
    """Whether both runs have requests enough for the quantile, were they independent."""
    return min(row.baseline.n, row.candidate.n) >= math.log(gate.alpha) / math.log(row.p)


def _margin(route: str, row: QuantileRow, gate: Gate) -> float:
    margins = gate.margins_of(route, row.p)
    return max(margins.relative, margins.absolute_ms * 1e6 / row.baseline.value_ns)


def _latency(route: str, row: QuantileRow, gate: Gate) -> Candidacy:
    base_ms, mine_ms = row.baseline.value_ns / 1e6, row.candidate.value_ns / 1e6
    margin = _margin(route, row, gate)
    difference = row.difference
    lower, upper = difference.lower_at(gate.alpha), difference.upper_at(gate.alpha)
    longer = difference.runs_longer(math.log1p(margin), gate.alpha)
    claim = Claim(
        kind="latency",
        route=route,
        quantile=row.p,
        state=State.OPEN,
        sentence=(
            f"{route} {quantile(row.p)}: {milliseconds(base_ms)} → {milliseconds(mine_ms)}, {signed(row.ratio - 1)} "
            f"({between(change(lower), change(upper))}), margin {percent(margin)}"
        ),
        baseline=base_ms,
        candidate=mine_ms,
        change=row.ratio - 1,
        lower=change(lower),
        upper=change(upper),
        margin=margin,
        n=round(row.candidate.n),
        n_eff=round(min(row.baseline.n_eff, row.candidate.n_eff)),
        design_effect=finite(max(row.baseline.design_effect, row.candidate.design_effect)),
        detectable=change(difference.detectable(gate.alpha)),
        runs_longer=finite(longer),
        p_worse=difference.p_above(math.log1p(margin)),
    )
    return Candidacy(claim, difference, math.log1p(margin), is_required=True)


def _errors(route: str, row: ErrorRow, worst: str, gate: Gate) -> Candidacy:
    margin = gate.margins_of(route).errors
    lower, upper = row.difference.lower_at(gate.alpha), row.difference.upper_at(gate.alpha)
    kind = f" (mostly {worst})" if worst else ""
    claim = Claim(
        kind="errors",
        route=route,
        quantile=None,
        state=State.OPEN,
        sentence=(
            f"{route} failed in {percent(row.candidate.share)} of requests{kind}, before in "
            f"{percent(row.baseline.share)}: {points(lower)} … {points(upper)}, margin {points(margin)}"
        ),
        baseline=row.baseline.share,
        candidate=row.candidate.share,
        change=row.difference.estimate,
        lower=lower,
        upper=upper,
        margin=margin,
        n=round(row.candidate.n),
        n_eff=round(row.candidate.n / row.candidate.design_effect),
        design_effect=row.candidate.design_effect,
        detectable=row.difference.detectable(gate.alpha),
        p_worse=row.difference.p_above(margin),
        cause=worst,
    )
    return Candidacy(claim, row.difference, margin, is_required=True)


def _misses(route: RouteComparison, gate: Gate) -> Candidacy:
    """Answers of another status class than recorded, beyond those that the reference gave too."""
    difference = miss_difference(route.baseline, route.candidate)
    missed = share_of(route.candidate, MISSES)
    before, after = route.baseline.miss_share, route.candidate.miss_share
    lower, upper = difference.lower_at(gate.alpha), difference.upper_at(gate.alpha)
    claim = Claim(
        kind="misses",
        route=route.route,
        quantile=None,
        state=State.OPEN,
        sentence=(
            f"{route.route} answered otherwise than recorded in {percent(after)} of requests, the reference in "
            f"{percent(before)}: {points(lower)} … {points(upper)}, margin {points(gate.max_miss)}"
        ),
        baseline=before,
        candidate=after,
        change=difference.estimate,
        lower=lower,
        upper=upper,
        margin=gate.max_miss,
        n=round(route.candidate.n),
        n_eff=round(route.candidate.n / missed.design_effect),
        design_effect=missed.design_effect,
        p_worse=difference.p_above(gate.max_miss),
    )
    return Candidacy(claim, difference, gate.max_miss, is_required=True)


def _worst_class(route: RouteComparison) -> str:
    classes = [row for name, row in route.errors.items() if name != "any error"]
    worst = max(classes, key=lambda row: row.difference.estimate)
    return worst.name if worst.candidate.count else ""


def advice(claim: Claim, *, held: bool = False) -> str:
    """What would settle an open latency claim, in words; '' where there is nothing to say."""
    if claim.kind != "latency" or claim.state is not State.OPEN:
        return ""
    if held:
        return "make a longer run, or repeat it at a steadier hour"
    change, lower, margin = claim.change or 0.0, claim.lower or 0.0, claim.margin or 0.0
    if change > 5 * margin or (change > 2 * margin and lower <= margin):
        return "it looks worse than allowed, but in spells too few to be sure: look at it, or make a longer run"
    if lower > margin:
        return "by itself it is worse than allowed, but of so many claims one may look so by chance: repeat the run"
    if change > margin / 2:
        return "it lies near its margin: look at it, or repeat the run"
    if claim.runs_longer is None:
        return "run-to-run noise alone is too large for the margin: repeat the run, or measure the noise by A/A runs"
    return f"about {times(max(1.1, claim.runs_longer))} the length would decide"
