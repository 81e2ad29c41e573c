"""A tab on Locust's web page: is the planned rate reached, and does the generator keep up?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, request
from locust.env import Environment

KEY = "replay"
COLUMNS = {
    "worker": "Worker",
    "due": "Planned /s",
    "sent": "Sent /s",
    "in_flight": "In flight",
    "lag_ms": "Generator lag, ms",
    "cpu": "Generator CPU, % of a core",
    "state": "State",
}
LATE_MS = 50.0
BUSY = 0.9

type Rows = Callable[[], Iterable[dict[str, Any]]]


def add_tab(environment: Environment, engines: Rows) -> None:
    """Show what ``engines`` gives, a row a worker, beside Locust's own figures."""
    page = environment.web_ui
    page.template_args |= {
        "extended_tabs": [{"title": "Replay", "key": KEY}],
        "extended_tables": [
            {"key": KEY, "structure": [{"key": key, "title": title} for key, title in COLUMNS.items()]}
        ],
    }

    @page.app.after_request
    def extend(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            report = response.get_json()
            report["extended_stats"] = [{"key": KEY, "data": [_shown(row) for row in engines()]}]
            response.set_data(page.app.json.dumps(report))
        return response


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    lag_ms, cpu = row.get("lag_ms", 0.0), row.get("cpu", 0.0)
    late = "late: the run may be INVALID" if lag_ms > LATE_MS else ""
    busy = "busy: give it more processes" if cpu > BUSY else ""
    return {**row, "lag_ms": round(lag_ms, 1), "cpu": round(100 * cpu), "state": late or busy or "keeps up"}
