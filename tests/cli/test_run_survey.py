"""What a run would send, and what it tries first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from replay.cli.run_survey import survey
from replay.plan.bindings import Bindings, Cookies, Fill, Take, encode
from replay.plan.store import open_plan
from tests.loadtests.support import HOST, planned, write_plan


def living(due_ms: float, bindings: Bindings, **changes: Any) -> dict[str, Any]:
    return {**planned(due_ms, **changes), "bindings": encode(bindings).decode()}


def test_probes_of_a_route_ask_for_different_things_as_far_as_there_are_any(tmp_path: Path) -> None:
    asked = ["/p/1", "/p/1", "/p/1", "/p/2", "/p/1", "/p/3", "/p/4", "/about", "/about"]
    rows = [planned(n, path=path, route="GET /p" if path[1] == "p" else "GET /about") for n, path in enumerate(asked)]

    found = survey(open_plan(write_plan(tmp_path / "plan", rows)), {HOST}, [])

    assert sorted(found.probes) == [0, 3, 5, 7, 8]


def test_what_needs_a_value_of_an_unsent_request_is_left_out_by_the_reason_of_that_one(tmp_path: Path) -> None:
    needs = [Bindings([Fill(5, 1, 0, of=[of])]) for of in (0, 1, 3)]
    rows = [
        living(0, Bindings(take=[Take(0, "json/id")]), method="POST", path="/a"),
        living(1, Bindings(take=[Take(0, "json/id")]), host="other.example"),
        living(2, needs[0], path="/of-a-write"),
        living(3, needs[1], path="/of-a-host"),
        living(4, needs[2], path="/of-what-is-starved"),
        planned(5, path="/free"),
    ]

    found = survey(open_plan(write_plan(tmp_path / "plan", rows)), {HOST}, [])

    assert found.routes == {"GET /free": 1}
    assert found.left_out == {
        "a write without --writes": 1,
        "no --target for the host": 1,
        "needs a value of an unsent write": 1,
        "needs a value of a host without --target": 2,
    }


def test_a_cookie_of_an_earlier_answer_does_where_a_write_that_set_it_is_not_sent(tmp_path: Path) -> None:
    gives = Bindings(sets_cookies=True)
    rows = [
        living(0, gives),
        living(1, gives, method="POST", path="/cart"),
        living(2, Bindings(cookies=Cookies(10, ["sid"], [1], {1: [0]}))),
        living(3, Bindings(cookies=Cookies(10, ["sid"], [1]))),
    ]

    found = survey(open_plan(write_plan(tmp_path / "plan", rows)), {HOST}, [])

    assert found.routes == {"GET /a": 2}
    assert found.left_out == {"a write without --writes": 1, "needs a value of an unsent write": 1}
