"""Two runs beside each other: latency quantiles, failures, misses and traffic mix, each difference with its interval.

Nothing is judged here. ``compare`` answers how far apart the runs are and how well that is known; ``judge`` says what
it means for a release.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from analysis.drift import drift_apart, drift_of
from analysis.histogram import Histogram, merged
from analysis.interval import Difference, paired, unpaired
from analysis.load import Load, load_of
from analysis.noise import ASSUMED_SD, RunNoise
from analysis.samples import Run, check_comparable
from analysis.shares import Proportion, share_difference
from analysis.tally import (
    BROKEN,
    CEILING,
    CONNECT,
    ERRORS,
    SERVER,
    TIMEOUT,
    TURNED_AWAY,
    RouteTally,
    Tally,
    route_tally,
    share_of,
    tally,
)
from analysis.variance import NU, QuantileEstimate, estimate_quantiles
from analysis.windows import windows

ASSUMED = RunNoise(ASSUMED_SD)
"""Run-to-run noise while no A/A runs have measured it."""
TOTAL = "all traffic"
"""Name of the total over all judged routes, standardised to the baseline's mix."""
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Quantiles that are compared in any case; a gate may name others."""
ERROR_CLASSES: dict[str, tuple[int, ...]] = {
    "any error": ERRORS,
    "5xx": (SERVER,),
    "429": (TURNED_AWAY,),
    "timeout": (TIMEOUT,),
    "connect": (CONNECT,),
    "reset, protocol, TLS": (BROKEN,),
    "no free slot": (CEILING,),
}


@dataclass(frozen=True, slots=True, eq=False)
class QuantileRow:
    """One quantile of one route in both runs."""

    p: float
    baseline: QuantileEstimate
    candidate: QuantileEstimate
    difference: Difference
    """ln(candidate / baseline)."""
    time_constants: float
    """Length of the runs in time constants of their drift."""
    shift: float
    """How likely it is that the level shifted within a run."""

    @property
    def ratio(self) -> float:
        """Candidate over baseline."""
        return math.exp(self.difference.estimate)

    def is_enough(self, alpha: float) -> bool:
        """Whether both runs hold enough to judge this quantile at all."""
        return self.baseline.is_enough(alpha) and self.candidate.is_enough(alpha)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorRow:
    """One class of failure of one route in both runs."""

    name: str
    baseline: Proportion
    candidate: Proportion
    difference: Difference
    """Share of the candidate less share of the baseline."""


@dataclass(frozen=True, slots=True, eq=False)
class RouteComparison:
    """One route in both runs; ``response`` and ``service`` are empty where a run has no success of it."""

    route: str
    baseline: RouteTally
    candidate: RouteTally
    response: dict[float, QuantileRow]
    service: dict[float, QuantileRow]
    errors: dict[str, ErrorRow]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two runs compared."""

    baseline: Tally
    candidate: Tally
    routes: dict[str, RouteComparison]
    """Routes that both runs have, the busiest of the baseline first."""
    total: RouteComparison | None
    """Over all judged routes, the candidate weighted to the baseline's mix."""
    judged: list[str]
    """Routes whose misses are few enough to judge."""
    judged_share: float
    """Share of the baseline's requests that were replayed and are on judged routes."""
    load: Load
    """How much of the baseline's load the candidate was asked for."""
    is_paired: bool
    noise: RunNoise
    """Run-to-run noise that entered every interval."""
    hours: str = ""
    """Which hours of a baseline of several days were taken, as a sentence."""


def compare(
    baseline: Run,
    candidate: Run,
    *,
    slice_s: float = 5.0,
    quantiles: Sequence[float] = QUANTILES,
    run_noise: RunNoise = ASSUMED,
    max_miss: float = 0.02,
    usual_misses: Mapping[str, float] = MappingProxyType({}),
) -> Comparison:
    """Compare ``candidate`` with ``baseline``.

    Args:
        slice_s: length of a slice of time in seconds.
        quantiles: those to compare.
        run_noise: spread between two runs of one build, assumed or learned.
        max_miss: routes with a larger share of misses are left out of the total and of the judged share.
        usual_misses: share of misses per route that a reference run had too; so many more are allowed.

    Raises:
        ArtefactError: the runs cannot be compared, or one of them has no whole slice.
    """
    check_comparable(baseline, candidate)
    judged = windows(baseline, candidate, slice_s)
    found = compare_tallies(
        tally(baseline, judged.baseline),
        tally(candidate, judged.candidate),
        is_paired=judged.is_paired,
        quantiles=quantiles,
        run_noise=run_noise,
        max_miss=max_miss,
        usual_misses=usual_misses,
    )
    return replace(found, hours=judged.hours)


def compare_tallies(
    a: Tally,
    b: Tally,
    *,
    is_paired: bool,
    quantiles: Sequence[float] = QUANTILES,
    run_noise: RunNoise = ASSUMED,
    max_miss: float = 0.02,
    usual_misses: Mapping[str, float] = MappingProxyType({}),
) -> Comparison:
    """Compare two counted runs; see ``compare``."""
    common = [name for name, part in a.routes.items() if name in b.routes and part.n and b.routes[name].n]
    common.sort(key=lambda name: (-a.routes[name].n, name))
    routes = {
        name: _compare_route(a.routes[name], b.routes[name], quantiles, run_noise, is_paired) for name in common
    }
    # What a run of another build missed too is a fault of the data, not of this build; production never misses.
    usual = {name: max(usual_misses.get(name, 0.0), a.routes[name].miss_share) for name in common}
    judged = [name for name in common if b.routes[name].miss_share <= max_miss + usual[name]]
    total_a, total_b = _standardised(a, b, judged)
    load = load_of(a, b, common)
    return Comparison(
        baseline=a,
        candidate=b,
        routes=routes,
        total=_compare_route(total_a, total_b, quantiles, run_noise, is_paired) if total_a and total_b else None,
        judged=judged,
        judged_share=sum(a.routes[name].n * load.reach.get(name, 0.0) for name in judged) / a.n if a.n else 0.0,
        load=load,
        is_paired=is_paired,
        noise=run_noise,
    )


def _compare_route(
    a: RouteTally, b: RouteTally, quantiles: Sequence[float], noise: RunNoise, is_paired: bool
) -> RouteComparison:
    return RouteComparison(
        route=a.route,
        baseline=a,
        candidate=b,
        response=compare_quantiles(a.response, b.response, quantiles, noise, is_paired),
        service=compare_quantiles(a.service, b.service, quantiles, noise, is_paired),
        errors={name: _errors(name, a, b, classes) for name, classes in ERROR_CLASSES.items()},
    )


def compare_quantiles(
    a: Histogram, b: Histogram, quantiles: Sequence[float], noise: RunNoise, is_paired: bool
) -> dict[float, QuantileRow]:
    """Each quantile of ``b`` against that of ``a``; empty where one of them counted nothing.

    Args:
        noise: run-to-run noise; ``RunNoise(0.0)`` for none.
        is_paired: whether slice i of both is the same part of one schedule.
    """
    if not a.n or not b.n:
        return {}
    is_long = min(a.slices, b.slices) > 2 * NU
    is_pair = is_paired and is_long and a.slices == b.slices
    estimates = [estimate_quantiles(part, {0.5, *quantiles}) for part in (a, b)]
    medians = [found[0.5] for found in estimates]
    alone = drift_of([median.influence for median in medians])
    together = drift_apart(*(median.log_influence() for median in medians)) if is_pair else alone
    rows: dict[float, QuantileRow] = {}
    for p in quantiles:
        of_a, of_b = (found[p] for found in estimates)
        if is_long:
            known = alone.uncertainty([of_a.influence, of_b.influence], [of_a.floor, of_b.floor])
            of_a, of_b = of_a.known_to(known[0]), of_b.known_to(known[1])
        drift = together if is_pair and _is_smooth(of_a) and _is_smooth(of_b) else alone
        if drift is alone:
            difference = unpaired(of_a, of_b, noise.of_difference(p))
        else:
            (apart,) = together.uncertainty([of_b.log_influence() - of_a.log_influence()])
            difference = paired(of_a, of_b, noise.of_difference(p), apart)
        rows[p] = QuantileRow(p, of_a, of_b, difference, drift.time_constants, drift.shift)
    return rows


def _is_smooth(estimate: QuantileEstimate) -> bool:
    """Whether enough lies beyond the quantile for its slope to mean something; else the wider interval is used."""
    return estimate.n_eff * min(estimate.p, 1 - estimate.p) >= 10


def _errors(name: str, a: RouteTally, b: RouteTally, classes: tuple[int, ...]) -> ErrorRow:
    of_a, of_b = (share_of(route, classes) for route in (a, b))
    return ErrorRow(name, of_a, of_b, share_difference(of_a, of_b))


def _standardised(a: Tally, b: Tally, judged: Sequence[str]) -> tuple[RouteTally | None, RouteTally | None]:
    """Both totals over the judged routes, the candidate's routes weighted to the baseline's shares."""
    if not judged:
        return None, None
    n_a, n_b = (sum(run.routes[name].n for name in judged) for run in (a, b))
    weight = {name: (a.routes[name].n / n_a) / (b.routes[name].n / n_b) for name in judged}
    return _sum(dict.fromkeys(judged, 1.0), a), _sum(weight, b)


def _sum(weights: dict[str, float], run: Tally) -> RouteTally:
    parts, weighted = [run.routes[name] for name in weights], list(weights.values())
    return route_tally(
        route=TOTAL,
        response=merged([part.response for part in parts], weighted),
        service=merged([part.service for part in parts], weighted),
        failed=merged([part.failed for part in parts], weighted),
        outcomes=merged([part.outcomes for part in parts], weighted),
    )
