"""What a run leaves behind: counted by route, and listed where that is asked for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.created import MAX_LISTED, Created
from replay.plan.bindings import Bindings, Take
from tests.loadtests.support import Arrival, planned, played, run_spec, serving, write_plan

METHODS = ["GET", "POST", "PUT", "DELETE"]
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nLocation: /no"
FOUND = b"HTTP/1.1 303 See Other\r\nX: 1\r\nlocation:  http://s.example/orders/17?token=t#f\r\n\r\n"


def call(method: str = "POST", head: bytes = PLAIN, takes: tuple[Take, ...] = ()) -> Call:
    bindings = Bindings(take=list(takes)) if takes else None
    row = Row(0, 0, 0, 0, -1, 0, 0, METHODS.index(method), 0, 200, bindings, b"")
    return Call(row, Lane(0, 0, 0), 0, 0, b"", head=head)


@pytest.mark.parametrize(
    ("answered", "status", "count"),
    [
        (call(), 201, 1),
        (call("PUT"), 201, 1),
        (call(head=FOUND), 303, 1),
        (call(takes=(Take(0, "json/id"),)), 200, 1),
        (call(takes=(Take(5, "json/id"),)), 200, 0),
        (call(), 200, 0),
        (call(head=FOUND), 409, 0),
        (call("GET", head=FOUND), 302, 0),
        (call("DELETE"), 204, 0),
        (call(), 0, 0),
    ],
)
def test_a_creation_is_a_post_or_put_that_says_so(answered: Call, status: int, count: int) -> None:
    created = Created(["POST /orders"], METHODS, None)

    created.answered(answered, status, {0: "17"})

    assert sum(created.counts.values()) == count


def test_the_list_names_places_and_ids_and_nothing_that_may_be_secret() -> None:
    listed: list[bytes] = []
    created = Created(["POST /orders"], METHODS, listed.append)
    takes = (Take(0, "json/order/id"), Take(1, "json/token"))

    created.answered(call(head=FOUND, takes=takes), 201, {0: "17", 1: "secret"})
    created.answered(call(), 200, {})
    created.flush()

    assert [json.loads(line) for line in b"".join(listed).splitlines()] == [
        {"route": "POST /orders", "location": "/orders/17", "ids": {"json/order/id": "17"}}
    ]


def test_the_list_is_bounded_and_the_count_is_not() -> None:
    listed: list[bytes] = []
    created = Created(["POST /orders"], METHODS, listed.append)
    one = call()

    for _ in range(MAX_LISTED + 5):
        created.answered(one, 201, None)
    created.flush()

    assert created.counts == {"POST /orders": MAX_LISTED + 5}
    assert b"".join(listed).count(b"\n") == MAX_LISTED


async def shop(_: Arrival, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 201 Created\r\nLocation: /orders/9\r\nContent-Length: 0\r\n\r\n")


def test_an_engine_says_what_it_created(tmp_path: Path) -> None:
    rows = [planned(10, method="POST", path="/orders"), planned(20, path="/orders")]

    with serving(shop) as server:
        plan = write_plan(tmp_path / "plan", rows)
        spec = run_spec(plan, tmp_path / "out", server.url, writes=["POST /orders"], list_created=True)
        engine = played(spec)

    assert engine.end().creations == {"POST /orders": 1}
    path = tmp_path / "out" / "created-000.jsonl"
    assert path.read_text().count("/orders/9") == 1
    assert path.stat().st_mode & 0o777 == 0o600
