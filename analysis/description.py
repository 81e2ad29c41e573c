"""One run by itself: what each route took, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.compare import QUANTILES
from analysis.samples import ArtefactError, Run
from analysis.tally import ERRORS, Tally, Window, tally
from analysis.variance import estimate_quantile

ALPHA = 0.05
SLICES = 60
"""A short run is cut into so many slices, that its own variation can still be estimated."""


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """One route of one run; latencies are milliseconds, by quantile, where there are enough requests."""

    route: str
    n: int
    share: float
    rate_per_s: float
    latency_ms: dict[float, float]
    failed_share: float
    worth: int
    """How many independent requests say as much about p95."""


def describe(run: Run, slice_s: float = 5.0) -> list[RouteDescription]:
    """The routes of ``run`` within its judged part, the busiest first.

    Raises:
        ArtefactError: the run is empty, or a samples file is damaged.
    """
    counted = count_whole(run, slice_s)
    covered_s = run.manifest.covered_ns / 1e9 if run.manifest.days else counted.window.length_s
    found: list[RouteDescription] = []
    for route in sorted(counted.routes.values(), key=lambda each: (-each.n, each.route)):
        if not route.n:
            continue
        estimates = [estimate_quantile(route.response, p) for p in QUANTILES] if route.response.n else []
        p95 = next((each for each in estimates if each.p == 0.95), None)
        found.append(
            RouteDescription(
                route=route.route,
                n=round(route.n),
                share=route.n / counted.n,
                rate_per_s=route.n / covered_s,
                latency_ms={each.p: each.value_ns / 1e6 for each in estimates if each.is_enough(ALPHA)},
                failed_share=route.count(*ERRORS) / route.n,
                worth=round(p95.n_eff) if p95 else 0,
            )
        )
    return found


def count_whole(run: Run, slice_s: float) -> Tally:
    """The whole judged part of ``run``, counted; slices are shorter where it would have too few.

    Raises:
        ArtefactError: the run has no judged part.
    """
    manifest = run.manifest
    length_ns = min(manifest.duration_ns, manifest.ended_at_ns or manifest.duration_ns) - manifest.warmup_ns
    if length_ns <= 0:
        raise ArtefactError(f"{run.folder}: has no judged part. Make a longer run.")
    slice_ns = max(1, min(round(slice_s * 1e9), length_ns // SLICES))
    return tally(run, Window(manifest.warmup_ns, slice_ns, max(1, length_ns // slice_ns)))
