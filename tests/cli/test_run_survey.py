"""What a run would send, and what it tries first."""

from __future__ import annotations

from pathlib import Path

from replay.cli.run_survey import survey
from replay.plan.store import open_plan
from tests.loadtests.support import HOST, planned, write_plan


def test_probes_of_a_route_ask_for_different_things_as_far_as_there_are_any(tmp_path: Path) -> None:
    asked = ["/p/1", "/p/1", "/p/1", "/p/2", "/p/1", "/p/3", "/p/4", "/about", "/about"]
    rows = [planned(n, path=path, route="GET /p" if path[1] == "p" else "GET /about") for n, path in enumerate(asked)]

    found = survey(open_plan(write_plan(tmp_path / "plan", rows)), {HOST}, [])

    assert sorted(found.probes) == [0, 3, 5, 7, 8]
