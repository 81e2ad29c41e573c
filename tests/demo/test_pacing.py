"""The shop's times: lognormal about the route's median, and worse where they are told to be."""

from __future__ import annotations

import random
from collections.abc import Mapping
from statistics import median, quantiles

import pytest

from replay.demo.pacing import MEDIANS_MS, Pace

SEARCH = "GET /search"


def pace(slow: Mapping[str, float] | None = None, fail: Mapping[str, float] | None = None) -> Pace:
    return Pace(random.Random(1), lambda seconds: None, lambda: 0.0, slow or {}, fail or {})


def drawn(chosen: Pace, route: str = SEARCH) -> list[float]:
    return [chosen.due(route) * 1e3 for _ in range(4000)]


@pytest.mark.parametrize("route", MEDIANS_MS)
def test_a_route_takes_about_its_median(route: str) -> None:
    assert median(drawn(pace(), route)) == pytest.approx(MEDIANS_MS[route], rel=0.03)


def test_the_tail_is_modest() -> None:
    assert quantiles(drawn(pace()), n=20)[-1] < 2 * MEDIANS_MS[SEARCH]


def test_a_slowed_route_is_slower_by_its_factor_and_the_others_are_not() -> None:
    worse = pace(slow={SEARCH: 1.7})

    assert median(drawn(worse)) == pytest.approx(1.7 * MEDIANS_MS[SEARCH], rel=0.03)
    assert median(drawn(worse, "GET /")) == pytest.approx(MEDIANS_MS["GET /"], rel=0.03)


def test_a_failing_route_fails_as_often_as_told_and_the_others_never() -> None:
    worse = pace(fail={SEARCH: 0.05})

    assert sum(worse.fails(SEARCH) for _ in range(4000)) / 4000 == pytest.approx(0.05, abs=0.015)
    assert not any(worse.fails("GET /") for _ in range(1000))


def test_a_route_that_is_not_paced_is_due_at_once() -> None:
    assert pace().due("GET /healthz") == 0.0


@pytest.mark.parametrize(("worked_s", "waited"), [(0.0, [0.04]), (0.03, [0.01]), (0.05, [])])
def test_an_answer_waits_for_what_the_work_has_left_of_its_time(worked_s: float, waited: list[float]) -> None:
    found: list[float] = []
    Pace(random.Random(1), found.append, lambda: worked_s).wait(0.04)

    assert found == pytest.approx(waited)
