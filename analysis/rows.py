"""A comparison as plain rows, for tables, charts and ``verdict.json``."""

from __future__ import annotations

import math

from analysis.compare import Comparison, QuantileRow, RouteComparison
from analysis.tally import Tally
from analysis.verdict import ErrorCell, QuantileCell, RouteRow, RunRow


def route_rows(comparison: Comparison, alpha: float, gated: set[str]) -> list[RouteRow]:
    """One row a route that both runs have, the total first, then the busiest first."""
    judged = set(comparison.judged)
    found = [_route_row(comparison, comparison.total, alpha, gated, judged)] if comparison.total else []
    return found + [_route_row(comparison, route, alpha, gated, judged) for route in comparison.routes.values()]


def _route_row(
    comparison: Comparison, route: RouteComparison, alpha: float, gated: set[str], judged: set[str]
) -> RouteRow:
    is_total = route is comparison.total
    n_a, n_b = (1, 1) if is_total else (comparison.baseline.n, comparison.candidate.n)
    failed = route.candidate.failed.quantile_ns(0.5) / 1e6
    return RouteRow(
        route=route.route,
        gated=is_total or route.route in gated,
        judged=is_total or route.route in judged,
        baseline_n=round(route.baseline.n),
        candidate_n=round(route.candidate.n),
        baseline_share=comparison.judged_share if is_total else route.baseline.n / n_a,
        candidate_share=1.0 if is_total else route.candidate.n / n_b,
        miss_share=route.candidate.miss_share,
        quantiles=[_quantile_cell(row, route.service.get(p), alpha) for p, row in route.response.items()],
        errors=[
            ErrorCell(
                name,
                row.baseline.share,
                row.candidate.share,
                row.difference.lower_at(alpha),
                row.difference.upper_at(alpha),
            )
            for name, row in route.errors.items()
        ],
        failed_p50_ms=None if math.isnan(failed) else failed,
    )


def _quantile_cell(row: QuantileRow, service: QuantileRow | None, alpha: float) -> QuantileCell:
    return QuantileCell(
        quantile=row.p,
        baseline_ms=row.baseline.value_ns / 1e6,
        candidate_ms=row.candidate.value_ns / 1e6,
        change=row.ratio - 1,
        lower=change(row.difference.lower_at(alpha)),
        upper=change(row.difference.upper_at(alpha)),
        n_eff=round(min(row.baseline.n_eff, row.candidate.n_eff)),
        is_enough=row.is_enough(alpha),
        service_baseline_ms=service.baseline.value_ns / 1e6 if service else None,
        service_candidate_ms=service.candidate.value_ns / 1e6 if service else None,
        service_change=service.ratio - 1 if service else None,
    )


def change(log: float) -> float | None:
    """A log ratio as a ratio less one; None where it is infinite."""
    return math.expm1(log) if math.isfinite(log) else None


def run_row(run: Tally) -> RunRow:
    """Where a run came from and what part of it was judged."""
    manifest = run.run.manifest
    return RunRow(
        name=manifest.name,
        kind=manifest.kind,
        created=manifest.created,
        capture_id=manifest.capture_id,
        plan_hash=manifest.plan_hash,
        templates=manifest.templates,
        scale=manifest.scale,
        speed=manifest.speed,
        mode=manifest.mode,
        ended=manifest.ended,
        window_s=run.window.length_s,
        slices=run.window.slices,
        requests=round(run.n),
        measured_at=run.run.measured_at,
        versions=manifest.versions,
        captured_share=manifest.captured_share,
        left_out=manifest.left_out,
        preflight=manifest.preflight,
        creations=dict(sorted(manifest.creations.items(), key=lambda each: (-each[1], each[0]))),
    )
