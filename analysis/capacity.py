"""Capacity: the largest load that still meets its limits, from a run whose load rose step by step.

Between steps the logarithm of a latency quantile is taken as a straight line over the load. A queue's curve bends
upwards, so it lies below that line: the lower bound, where the line through the *upper* bounds passes the limit, is
on the safe side. The upper bound is the first step that is proved to break a limit, never interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.optimize import isotonic_regression

from analysis.compare import TOTAL
from analysis.crossing import passing_load
from analysis.gate_file import Gate
from analysis.histogram import merged
from analysis.interval import limit as limit_of
from analysis.samples import Run
from analysis.shares import share_limit
from analysis.tally import ERRORS, OK, RouteTally, Tally, Window, route_tally, share_of, tally
from analysis.variance import NU, estimate_quantile
from analysis.words import milliseconds, percent

CAPACITY_FORMAT = "capacity/1"
ALPHA = 0.05
FEW = math.log(ALPHA)
SLICES = 3 * NU
"""Slices of one step: enough for its own variation."""
MIN_SHARE = 0.01
LEAST_SLICE_NS = 50_000_000
"""A step cut shorter than this a slice says nothing."""


@dataclass(frozen=True, slots=True)
class Order:
    """One step as ordered: the load, and which part of the run is judged."""

    scale: float
    start_s: float
    begin_s: float
    """Where the judged part begins: sessions that were open before the step must have ended."""
    end_s: float


class Limit(msgspec.Struct, frozen=True):
    """What a route may take, or how often it may fail."""

    route: str
    quantile: float | None
    """None: the share of failed requests."""
    value: float
    """Milliseconds, or a share."""
    source: str
    """Where it comes from: ``gate``, ``baseline`` or ``first step``."""


class Reading(msgspec.Struct, frozen=True):
    """One limit at one step: what was measured, and its one-sided bounds."""

    limit: int
    """Place in ``Capacity.limits``."""
    value: float | None
    """None: the step has too few requests of the route to say."""
    lower: float | None
    upper: float | None
    """None: no finite bound."""
    state: str
    """``meets``, ``breaks``, ``open`` or ``unknown``."""


class Step(msgspec.Struct, frozen=True):
    """One stretch of steady load."""

    scale: float
    """As ordered."""
    load: float
    """As asked for: requests that became due, as a multiple of production's mean rate."""
    rate_per_s: float
    answered_per_s: float
    """Requests that went well, a second."""
    fault: str
    """Why the generator, not the target, limited this step; '' where it did not."""
    readings: list[Reading]


class Crossing(msgspec.Struct, frozen=True):
    """Up to which load one limit is met."""

    limit: int
    load: float | None
    """None: no step passes the limit."""
    lower: float
    """The load up to which it is proved to be met; 0 where not even the first step proves it."""
    upper: float | None
    """The first load that is proved to break it; None where none does."""


class Capacity(msgspec.Struct, frozen=True):
    """What a target can carry (``capacity/1``)."""

    format: str
    name: str
    """Of the plan: whose traffic is meant."""
    production_per_s: float
    """Production's mean rate of what is sent."""
    peak_per_s: float
    """Production's rate in its busiest minute."""
    limits: list[Limit]
    steps: list[Step]
    """The lowest load first."""
    crossings: list[Crossing]
    """The first to give way first."""

    @property
    def first(self) -> Crossing | None:
        """The limit that gives way first; None where none does."""
        return next((crossing for crossing in self.crossings if crossing.load is not None), None)

    @property
    def lower(self) -> float:
        """The load up to which every limit is proved to be met."""
        return min((crossing.lower for crossing in self.crossings), default=0.0)

    @property
    def upper(self) -> float | None:
        """The least load that is proved to break a limit."""
        return min((c.upper for c in self.crossings if c.upper is not None), default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """One step, counted; ``fault`` says what the generator could not do."""

    scale: float
    tally: Tally
    fault: str = ""


def limits_of(first: Tally, gate: Gate, baseline: Tally | None, slower: float, errors: float) -> list[Limit]:
    """What must be met: the gate's limits and budgets where it names some, else how much worse a route may become.

    Args:
        first: the lowest step; where there is no baseline, nothing may become ``slower`` times as slow as in it.
        baseline: production, whose quantiles and the gate's margins make the limits where it is given.
        errors: the share of requests that may fail where the gate has no budget.
    """
    found = [Limit(slo.route, slo.quantile, slo.max_ms, "gate") for slo in gate.slos]
    found += [Limit(budget.route, None, budget.max_error_rate, "gate") for budget in gate.budgets]
    known = {(limit.route, limit.quantile) for limit in found}
    by = baseline or first
    total = total_of(by)
    routes = [route for route in by.routes.values() if _is_gated(route, by, gate)]
    for route in [total, *sorted(routes, key=lambda each: (-each.n, each.route))]:
        for p in gate.quantiles:
            if (route.route, p) not in known and route.response.n:
                estimate = estimate_quantile(route.response, p)
                if estimate.is_enough(ALPHA):
                    ms = estimate.value_ns / 1e6
                    margins = gate.margins_of(route.route, p)
                    allowed = max(1 + margins.relative, 1 + margins.absolute_ms / ms) if baseline else slower
                    found.append(Limit(route.route, p, ms * allowed, "baseline" if baseline else "first step"))
        # Of too few requests not even none failing would prove so small a share. All together are asked for theirs
        # all the same: with no limit for failures, a target that fails would be said to carry everything.
        needed = FEW / math.log1p(-errors) if errors < 1 else math.inf
        is_asked = errors < 1 and (route is total or first.asked.get(route.route, 0.0) >= needed)
        if (route.route, None) not in known and is_asked:
            found.append(Limit(route.route, None, errors, "default"))
    return found


def steps_of(run: Run, order: Sequence[Order], gate: Gate) -> list[Counted]:
    """The steps of one run, counted. One that the run did not reach is left out.

    Raises:
        ArtefactError: a samples file is damaged.
    """
    ended_ns = run.manifest.ended_at_ns or run.manifest.duration_ns
    found: list[Counted] = []
    for step in order:
        start_ns, begin_ns = round(step.start_s * 1e9), round(step.begin_s * 1e9)
        end_ns = min(round(step.end_s * 1e9), ended_ns)
        if run.manifest.ended == "breaker" and start_ns < end_ns < begin_ns + SLICES * LEAST_SLICE_NS:
            # It broke down at once: that much is to be seen, were it with a second of the step before.
            begin_ns = max(0, min(start_ns, end_ns - SLICES * LEAST_SLICE_NS))
        slice_ns = (end_ns - begin_ns) // SLICES
        if slice_ns >= LEAST_SLICE_NS:
            counted = tally(run, Window(begin_ns, slice_ns, SLICES))
            found.append(Counted(step.scale, counted, _fault(counted, gate)))
    return found


def _fault(run: Tally, gate: Gate) -> str:
    """What kept the generator from asking for this load; '' where nothing did."""
    limits = gate.validity
    lag_ms = run.lag.quantile_ns(0.99) / 1e6 if run.lag.n else 0.0
    if lag_ms > limits.max_lag_ms:
        return f"the generator lagged by {milliseconds(lag_ms)} (p99, at most {limits.max_lag_ms:g} ms)"
    first, last = run.window.start_ns // 10**9, run.window.end_ns // 10**9
    busy = [tick.cpu > limits.max_cpu for tick in run.run.manifest.ticks if first <= tick.second < last]
    if busy and sum(busy) / len(busy) > 0.5:
        return f"the generator used more than {percent(limits.max_cpu)} of its core"
    return ""


def _is_gated(route: RouteTally, run: Tally, gate: Gate) -> bool:
    return route.route in gate.routes if gate.routes else route.n >= MIN_SHARE * run.n


def capacity_of(
    name: str, steps: Sequence[Counted], limits: Sequence[Limit], production_per_s: float, peak_per_s: float
) -> Capacity:
    """Up to which load ``steps`` meet every limit. Steps that the generator limited say nothing."""
    made = sorted((_step(step, limits, production_per_s) for step in steps), key=lambda step: (step.load, step.scale))
    told = [step for step in made if not step.fault]
    crossings = [_crossing(place, limit, told) for place, limit in enumerate(limits)]
    known = [crossing for crossing in crossings if any(_reading(step, crossing.limit) for step in told)]
    known.sort(key=lambda c: (c.load is None, c.load or math.inf, c.upper or math.inf, c.limit))
    return Capacity(CAPACITY_FORMAT, name, production_per_s, peak_per_s, list(limits), made, known)


def total_of(run: Tally) -> RouteTally:
    """All routes together."""
    parts = list(run.routes.values())
    return route_tally(
        TOTAL,
        *(merged([getattr(part, name) for part in parts]) for name in ("response", "service", "failed", "outcomes")),
    )


def _step(step: Counted, limits: Sequence[Limit], production_per_s: float) -> Step:
    run = step.tally
    seconds = run.window.length_s
    rate = sum(run.asked.values()) / seconds
    routes = run.routes | ({TOTAL: total_of(run)} if run.routes else {})
    return Step(
        scale=step.scale,
        load=rate / production_per_s,
        rate_per_s=rate,
        answered_per_s=sum(route.count(OK) for route in run.routes.values()) / seconds,
        fault=step.fault,
        readings=[_read(place, limit, routes.get(limit.route)) for place, limit in enumerate(limits)],
    )


def _read(place: int, limit: Limit, route: RouteTally | None) -> Reading:
    if route is None or not route.n:
        return Reading(place, None, None, None, "unknown")
    if limit.quantile is None:
        share = share_of(route, ERRORS)
        bound = share_limit(share)
        return _told(place, limit, share.share, bound.lower_at(ALPHA), bound.upper_at(ALPHA))
    if not route.response.n:
        return Reading(place, None, None, None, "unknown")  # its failures speak for it
    estimate = estimate_quantile(route.response, limit.quantile)
    bounds = limit_of(estimate, 0.0)
    lower, upper = (math.exp(log) / 1e6 for log in (bounds.lower_at(ALPHA), bounds.upper_at(ALPHA)))
    return _told(place, limit, estimate.value_ns / 1e6, lower, upper)


def _told(place: int, limit: Limit, value: float, lower: float, upper: float) -> Reading:
    state = "meets" if upper <= limit.value else "breaks" if lower > limit.value else "open"
    return Reading(place, value, lower, upper if math.isfinite(upper) else None, state)


def _reading(step: Step, limit: int) -> Reading | None:
    reading = step.readings[limit]
    return None if reading.value is None else reading


def _crossing(place: int, limit: Limit, steps: Sequence[Step]) -> Crossing:
    pairs = [(step.load, reading) for step in steps if (reading := _reading(step, place))]
    if not pairs:
        return Crossing(place, None, 0.0, None)
    loads = [load for load, _ in pairs]
    value = [reading.value or 0.0 for _, reading in pairs]
    upper = [math.inf if reading.upper is None else reading.upper for _, reading in pairs]
    is_share = limit.quantile is None
    fitted = isotonic_regression(value if is_share else np.log(np.maximum(value, 1e-6))).x
    course = fitted if is_share else np.exp(fitted)
    broken = next((load for load, reading in pairs if reading.state == "breaks"), None)
    proved = passing_load(loads, np.maximum.accumulate(upper), limit.value, is_share=is_share)
    passing = passing_load(loads, course, limit.value, is_share=is_share)
    # A spell at one step that is over at the next levels out in the course, but is no less proved.
    known = [load for load in (passing, broken) if load is not None]
    return Crossing(
        limit=place,
        load=min(known, default=None),
        lower=loads[-1] if proved is None else proved,
        upper=broken,
    )
