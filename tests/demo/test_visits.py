"""The schedule of the visitors: deterministic, even, and mostly anonymous browsing."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from replay.demo.visits import Step, schedule

SECONDS = 120.0
RATE = 36.0


def steps(seed: int = 1) -> list[Step]:
    return [step for visit in schedule(seed, SECONDS, RATE) for step in visit.steps]


def is_anonymous_browsing(step: Step) -> bool:
    return step.action == "get" and step.path.partition("?")[0].startswith(("/catalogue", "/search", "/products/"))


def test_the_same_seed_gives_the_same_visits() -> None:
    assert schedule(7, 30, RATE) == schedule(7, 30, RATE)


def test_another_seed_gives_other_visits() -> None:
    assert schedule(7, 30, RATE) != schedule(8, 30, RATE)


@pytest.mark.parametrize("seed", range(5))
def test_the_rate_is_the_one_asked_for(seed: int) -> None:
    assert len(steps(seed)) / SECONDS == pytest.approx(RATE, rel=0.15)


def test_the_load_is_even_from_the_first_second_to_the_last() -> None:
    quarters = Counter(int(step.at_s // (SECONDS / 4)) for seed in range(5) for step in steps(seed))

    assert set(quarters) == {0, 1, 2, 3}
    assert max(quarters.values()) < 1.15 * min(quarters.values())


@pytest.mark.parametrize("seed", range(5))
def test_more_than_85_percent_look_around_without_an_account(seed: int) -> None:
    taken = steps(seed)
    browsing = sum(is_anonymous_browsing(step) or step.path == "/" for step in taken)

    assert browsing / len(taken) > 0.85


def test_some_buy_and_some_are_programs() -> None:
    kinds = Counter(visit.kind for visit in schedule(1, SECONDS, RATE))
    actions = Counter(step.action for step in steps())

    assert kinds["buy"] > 5
    assert kinds["program"] > 5
    assert all(actions[action] for action in ("login", "put", "checkout", "logout", "token", "orders", "order"))


def test_visits_come_in_order_and_so_do_their_steps() -> None:
    visits = schedule(3, SECONDS, RATE)

    assert all(one.steps[0].at_s <= other.steps[0].at_s for one, other in pairwise(visits))
    assert all(one.at_s <= other.at_s for visit in visits for one, other in pairwise(visit.steps))
    assert all(0 <= step.at_s < SECONDS for visit in visits for step in visit.steps)


def test_some_products_are_far_more_popular_than_others() -> None:
    views = Counter(step.path for step in steps() if step.path.startswith("/products/"))
    (_, most), *_ = views.most_common()

    assert most > 20 * views.total() / 400
