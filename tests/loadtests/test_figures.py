"""What Locust's page shows."""

from __future__ import annotations

from typing import Any

import pytest

from loadtests.figures import ENGINES, ROUTES, RouteFigures, engine_rows, light, route_rows


def engine(worker: int = 0, **changes: Any) -> dict[str, Any]:
    row = {"worker": worker, "due": 100, "sent": 100, "in_flight": 3, "lag_ms": 0.64, "cpu": 0.314, "lost": 0}
    return row | changes


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "🟢 keeps up"),
        ({"lag_ms": 51.0}, "🔴 late"),
        ({"cpu": 0.95}, "🔴 busy"),
        ({"lost": 1}, "🔴 samples are lost"),
        ({"sent": 90}, "🟡 less sent"),
        ({"due": 0, "sent": 0}, "🟢"),
        ({"sent": 120}, "🟢"),
    ],
)
def test_a_light_says_whether_the_second_can_be_judged(changes: dict[str, Any], shown: str) -> None:
    assert light(engine(**changes)).startswith(shown)


def test_engines_are_rows_with_their_sum_where_there_are_several() -> None:
    [alone] = engine_rows([engine()])
    one, two, both = engine_rows([engine(1, sent=40, lag_ms=80.0), engine(0)])

    assert set(ENGINES) <= alone.keys()
    assert (alone["lag_ms"], alone["cpu"]) == (0.6, 31)
    assert [one["worker"], two["worker"], both["worker"]] == [0, 1, "all"]
    assert (both["due"], both["sent"], both["in_flight"], both["lag_ms"]) == (200, 140, 6, 80.0)
    assert both["state"].startswith("🔴 late")
    assert engine_rows([]) == []


def test_routes_stand_beside_production_s() -> None:
    routes = [
        RouteFigures("GET /a", 10, 12.4, 30.0),
        RouteFigures("GET /b", 90, 5, 9),
        RouteFigures("GET /c", 1, 1, 1),
    ]
    b, a, c = route_rows(routes, {"GET /a": (10.04, 20.0), "GET /b": (4.0, 0.0)})

    assert set(ROUTES) == a.keys()
    assert (a["p50"], a["p50_production"], a["p95"], a["p95_production"], a["beside"]) == (
        12,
        "10.0",
        30,
        "20.0",
        "1.50",
    )
    assert (b["p50_production"], b["p95_production"], b["beside"]) == ("4.0", "–", "–")
    assert (c["p50_production"], c["beside"]) == ("–", "–")
