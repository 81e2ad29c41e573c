"""What Locust's page shows of a run, as plain rows: how the generator is, and how routes are beside production."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ENGINES = {
    "worker": "Worker",
    "due": "Planned /s",
    "sent": "Sent /s",
    "in_flight": "In flight",
    "lag_ms": "Generator lag, ms",
    "cpu": "Generator CPU, % of a core",
    "state": "Validity",
}
ROUTES = {
    "route": "Route",
    "requests": "Requests",
    "p50": "Median, ms",
    "p50_production": "Production's",
    "p95": "p95, ms",
    "p95_production": "Production's",
    "beside": "p95 ÷ production's",
}
LATE_MS = 50.0
BUSY = 0.8
"""As the gate has it, unless told."""
UNSENT = 0.95
"""Less than this share of the planned requests sent is more than the jitter of a second."""


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """One route so far, by Locust's rounded figures."""

    route: str
    requests: int
    p50_ms: float
    p95_ms: float


def engine_rows(reports: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a worker, and one of all where there are several, each with its light."""
    rows = sorted(reports, key=lambda row: row["worker"])
    if len(rows) > 1:
        summed = {key: sum(row[key] for row in rows) for key in ("due", "sent", "in_flight", "lost")}
        worst = {key: max(row[key] for row in rows) for key in ("lag_ms", "cpu")}
        rows = [*rows, {"worker": "all", **summed, **worst}]
    return [
        {**row, "lag_ms": round(row["lag_ms"], 1), "cpu": round(100 * row["cpu"]), "state": light(row)}
        for row in rows
    ]


def light(row: Mapping[str, Any]) -> str:
    """Whether the last second can be judged: green, yellow where the target is behind it, red where we are."""
    if row["lost"]:
        return "🔴 samples are lost: the run may be INVALID"
    if row["lag_ms"] > LATE_MS:
        return "🔴 late: the run may be INVALID"
    if row["cpu"] > BUSY:
        return "🔴 busy: give it more processes"
    if row["sent"] < UNSENT * row["due"]:
        return "🟡 less sent than planned: requests wait for earlier answers"
    return "🟢 keeps up"


def route_rows(routes: Iterable[RouteFigures], production: Mapping[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """A row a route, the busiest first, beside production's median and p95 where they are known (more than 0)."""
    return [
        {
            "route": route.route,
            "requests": route.requests,
            "p50": round(route.p50_ms),
            "p95": round(route.p95_ms),
            "p50_production": _shown(production.get(route.route, (0.0, 0.0))[0]),
            "p95_production": _shown(p95 := production.get(route.route, (0.0, 0.0))[1]),
            "beside": f"{route.p95_ms / p95:.2f}" if p95 and route.requests else "–",
        }
        for route in sorted(routes, key=lambda route: (-route.requests, route.route))
    ]


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds else "–"
