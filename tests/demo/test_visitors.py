"""The visitors against a real shop: every step succeeds, in its time."""

from __future__ import annotations

import asyncio
import socket
import time

from replay.demo.visitors import Tally, play
from replay.demo.visits import Step, Visit, schedule

BUYING = (
    Step(0.0, "get", "/products/3"),
    Step(0.1, "get", "/login"),
    Step(0.2, "login"),
    Step(0.3, "put", product=3, quantity=2),
    Step(0.4, "checkout"),
    Step(0.5, "logout"),
)
ORDERING = (Step(0.0, "token"), Step(0.1, "orders"), Step(0.2, "order", product=9, quantity=1))


def met(visits: list[Visit], url: str) -> Tally:
    tally = Tally()
    asyncio.run(play(visits, url, tally))
    return tally


def test_a_customer_and_a_program_get_through(shop: str) -> None:
    tally = met([Visit("buy", 4, "test", BUYING), Visit("program", 5, "test", ORDERING)], shop)

    assert dict(tally.statuses) == {200: 8, 201: 1}
    assert not tally.failures


def test_a_schedule_is_played_in_its_time(shop: str) -> None:
    visits = schedule(2, 3.0, 40.0)
    begun = time.monotonic()
    tally = met(visits, shop)

    assert 2.0 < time.monotonic() - begun < 6.0
    assert tally.requests == sum(len(visit.steps) for visit in visits)
    assert set(tally.statuses) <= {200, 201, 404}
    assert not tally.failures


def test_a_shop_that_is_gone_is_counted_and_ends_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    tally = met([Visit("program", 0, "test", ORDERING)] * 2, f"http://127.0.0.1:{port}")

    assert dict(tally.failures) == {"ConnectionRefusedError": 2}
