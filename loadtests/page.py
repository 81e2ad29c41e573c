"""Tabs on Locust's page: is the planned rate reached and the generator well, and how are routes beside production?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Response, request
from locust.env import Environment

from loadtests.figures import ENGINES, ROUTES, RouteFigures, engine_rows, route_rows

type Rows = Callable[[], Iterable[dict[str, Any]]]


def add_tabs(environment: Environment, engines: Rows, production: Mapping[str, tuple[float, float]]) -> None:
    """Show what ``engines`` gives, and the routes beside ``production`` where that is known, on tabs of their own."""
    page = environment.web_ui
    tabs = {"replay": ("Replay", ENGINES)}
    if production:
        tabs["production"] = ("Beside production", ROUTES)
    page.template_args |= {
        "extended_tabs": [{"title": title, "key": key} for key, (title, _) in tabs.items()],
        "extended_tables": [
            {"key": key, "structure": [{"key": name, "title": title} for name, title in columns.items()]}
            for key, (_, columns) in tabs.items()
        ],
    }

    @page.app.after_request
    def extend(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            report = response.get_json()
            report["extended_stats"] = [{"key": "replay", "data": engine_rows(engines())}]
            if production:
                rows = route_rows(_routes(environment), production)
                report["extended_stats"].append({"key": "production", "data": rows})
            response.set_data(page.app.json.dumps(report))
        return response


def _routes(environment: Environment) -> list[RouteFigures]:
    return [
        RouteFigures(
            entry.name,
            entry.num_requests,
            entry.get_response_time_percentile(0.5),
            entry.get_response_time_percentile(0.95),
        )
        for entry in list(environment.stats.entries.values())
    ]
