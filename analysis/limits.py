"""Limits that stand by themselves, whatever the baseline took: SLOs and error budgets."""

from __future__ import annotations

import math

from analysis.candidacy import Candidacy, finite, held_back, not_asked, too_few
from analysis.compare import Comparison
from analysis.gate_file import Budget, Gate, Slo
from analysis.interval import limit
from analysis.shares import share_limit
from analysis.steadiness import unsteady
from analysis.verdict import Claim, State
from analysis.words import milliseconds, percent, quantile


def slo_claim(comparison: Comparison, gate: Gate, slo: Slo, why: str) -> Candidacy:
    """One quantile of one route against its limit; ``why`` says why the route cannot be judged, if so."""
    row = None if why else comparison.routes[slo.route].response.get(slo.quantile)
    if row is None:
        return not_asked("slo", slo.route, slo.quantile, why or "no request of it succeeded", is_required=True)
    if not row.candidate.is_enough(gate.alpha):
        why = f"too few requests for {quantile(slo.quantile)}: {too_few(row)}"
        return not_asked("slo", slo.route, slo.quantile, why, is_required=True)
    bounds = limit(row.candidate, comparison.noise.of_run(slo.quantile))
    margin = math.log(slo.max_ms * 1e6)
    measured = row.candidate.value_ns / 1e6
    low, high = (finite(math.exp(log) / 1e6) for log in (bounds.lower_at(gate.alpha), bounds.upper_at(gate.alpha)))
    claim = Claim(
        kind="slo",
        route=slo.route,
        quantile=slo.quantile,
        state=State.OPEN,
        sentence=(
            f"{slo.route} {quantile(slo.quantile)}: {milliseconds(measured)} "
            f"({milliseconds(low or 0.0)} … {'no upper bound' if high is None else milliseconds(high)}), "
            f"limit {milliseconds(slo.max_ms)}"
        ),
        candidate=measured,
        lower=low,
        upper=high,
        margin=slo.max_ms,
        n=round(row.candidate.n),
        n_eff=round(row.candidate.n_eff),
        design_effect=finite(row.candidate.design_effect),
        p_worse=bounds.p_above(margin),
    )
    asked = Candidacy(claim, bounds, margin, is_required=True)
    why = unsteady(row, bounds, gate, abs(margin - bounds.estimate))
    return held_back(asked, why, gate.alpha) if why else asked


def budget_claim(comparison: Comparison, gate: Gate, budget: Budget, why: str) -> Candidacy:
    """The failed share of one route against its budget; ``why`` as in ``slo_claim``."""
    if why:
        return not_asked("budget", budget.route, None, why, is_required=True)
    measured = comparison.routes[budget.route].errors["any error"].candidate
    bounds = share_limit(measured)
    low, high = bounds.lower_at(gate.alpha), bounds.upper_at(gate.alpha)
    claim = Claim(
        kind="budget",
        route=budget.route,
        quantile=None,
        state=State.OPEN,
        sentence=(
            f"{budget.route} failed in {percent(measured.share)} of requests "
            f"({percent(low)} … {percent(high)}), budget {percent(budget.max_error_rate)}"
        ),
        candidate=measured.share,
        lower=low,
        upper=high,
        margin=budget.max_error_rate,
        n=round(measured.n),
        n_eff=round(measured.n / measured.design_effect),
        design_effect=measured.design_effect,
        p_worse=bounds.p_above(budget.max_error_rate),
    )
    return Candidacy(claim, bounds, budget.max_error_rate, is_required=True)
