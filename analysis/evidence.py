"""What a comparison looks like: distribution curves and the course over time, small enough to draw and to store."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from analysis.compare import Comparison, RouteComparison
from analysis.fidelity import FidelityRow, fidelity_of
from analysis.histogram import BUCKETS, Floats, Histogram, merged, values_of
from analysis.rows import route_rows, run_row
from analysis.tally import COUNTED, ERRORS, Tally, per_slice
from analysis.variance import quantile_function
from analysis.verdict import RouteRow, RunRow

COMPARISON_FORMAT = "comparison/1"
POINTS = 120
"""Points of a timeline, at most."""
CURVES = 6
"""Routes whose curves are kept, beside the total."""


class Curve(msgspec.Struct, frozen=True):
    """The quantile function of one route in one run; ``p`` and ``ms`` are of one length."""

    route: str
    run: str
    """``baseline`` or ``candidate``."""
    p: list[float]
    ms: list[float]


class Timeline(msgspec.Struct, frozen=True):
    """One run over time; lists of one length, None where a stretch holds nothing."""

    run: str
    seconds: list[float]
    """Middle of each stretch, from the window's start, in the run's own time."""
    intended_per_s: list[float]
    ready_per_s: list[float]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    lag_p99_ms: list[float | None]
    error_share: list[float]


class Evidence(msgspec.Struct, frozen=True):
    """A comparison without any judgement (``comparison.json``)."""

    format: str
    baseline: RunRow
    candidate: RunRow
    is_paired: bool
    run_noise: float
    judged_share: float
    mix_distance: float
    routes: list[RouteRow]
    curves: list[Curve]
    timelines: list[Timeline]
    fidelity: list[FidelityRow]
    """How like the baseline's the candidate's traffic was."""


def evidence(comparison: Comparison, alpha: float, gated: list[str]) -> Evidence:
    """The rows, curves and timelines of a comparison; curves of the total and of the first gated routes."""
    shown = [comparison.routes[name] for name in gated if name in comparison.routes][:CURVES]
    if comparison.total:
        shown.insert(0, comparison.total)
    return Evidence(
        format=COMPARISON_FORMAT,
        baseline=run_row(comparison.baseline),
        candidate=run_row(comparison.candidate),
        is_paired=comparison.is_paired,
        run_noise=comparison.noise.sd,
        judged_share=comparison.judged_share,
        mix_distance=comparison.load.mix_distance,
        routes=route_rows(comparison, alpha, set(gated)),
        curves=[curve for route in shown for curve in _curves(route)],
        timelines=[_timeline("baseline", comparison.baseline), _timeline("candidate", comparison.candidate)],
        fidelity=fidelity_of(comparison.baseline, comparison.candidate, comparison.load.mix_distance),
    )


def _curves(route: RouteComparison) -> list[Curve]:
    found: list[Curve] = []
    for run, part in (("baseline", route.baseline), ("candidate", route.candidate)):
        if part.response.n < 1:
            continue
        deepest = math.log10(max(20.0, part.response.n))
        tail = 1 - 10 ** -np.arange(1.0, deepest, 0.1)
        p = np.unique(np.round(np.concatenate([np.arange(0.02, 0.9, 0.02), tail]), 9))
        ms = np.exp(quantile_function(part.response)(p)) / 1e6
        found.append(Curve(route.route, run, p.tolist(), _rounded(ms)))
    return found


def _timeline(name: str, run: Tally) -> Timeline:
    stretch = max(1, math.ceil(run.window.slices / POINTS))
    points = run.window.slices // stretch
    used = points * stretch
    length_s = run.window.slice_ns * stretch / 1e9
    covered_s = length_s * run.window.days

    def summed(series: Floats) -> Floats:
        return series[:used].reshape(points, stretch).sum(axis=1)

    outcomes = [route.outcomes for route in run.routes.values()]
    counted = summed(sum((per_slice(part, COUNTED) for part in outcomes), np.zeros(run.window.slices)))
    errors = summed(sum((per_slice(part, ERRORS) for part in outcomes), np.zeros(run.window.slices)))
    responses = [route.response for route in run.routes.values() if route.response.n]
    nothing: list[float | None] = [None] * points
    p50, p95 = _course(merged(responses), stretch, points, (0.5, 0.95)) if responses else (nothing, nothing)
    (lag,) = _course(run.lag, stretch, points, (0.99,))
    return Timeline(
        run=name,
        seconds=((np.arange(points) + 0.5) * length_s).tolist(),
        intended_per_s=_rounded(summed(run.intended) / covered_s),
        ready_per_s=_rounded(summed(run.ready) / covered_s),
        p50_ms=p50,
        p95_ms=p95,
        lag_p99_ms=lag,
        error_share=_rounded(errors / np.maximum(counted, 1)),
    )


def _course(
    histogram: Histogram, stretch: int, points: int, quantiles: tuple[float, ...]
) -> tuple[list[float | None], ...]:
    """The quantiles of each stretch of slices."""
    at = histogram.time_slice // stretch
    inside = at < points
    keys = at[inside].astype(np.int64) * BUCKETS + histogram.cell[inside]
    table = np.bincount(keys, weights=histogram.count[inside], minlength=points * BUCKETS).reshape(points, BUCKETS)
    upto = np.cumsum(table, axis=1)
    found: list[list[float | None]] = []
    for p in quantiles:
        cells = (upto < p * upto[:, -1:] * (1 - 1e-12)).sum(axis=1)
        ms = _rounded(values_of(cells) / 1e6)
        found.append([value if n else None for value, n in zip(ms, upto[:, -1], strict=True)])
    return tuple(found)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
