"""Rows that staging's answers show: where they stand, what is asked, and that a plan with them finds its data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from loadtests.engine.answers import Answer
from loadtests.engine.calls import Row
from loadtests.engine.harvest import Harvester
from loadtests.engine.preflight import picked
from loadtests.engine.rows import RowReader
from replay.cli.run_survey import askable, survey
from replay.exchange import Exchange
from replay.plan.build import Settings, Source, build
from replay.plan.harvest.errands import Columns, answering, columns_of, together, work_of
from replay.plan.harvest.rows import pages, rows_of
from replay.plan.harvest.sources import SourceFinder
from replay.plan.harvest.tables import Table, tables, write_pools
from replay.plan.harvest.work import Errand, Harvest, Work
from replay.plan.links.answered import Answer as Places
from replay.plan.pools import load_pools
from replay.plan.pools_apply import apply_pools
from replay.plan.probe import Missing, Spot, missing
from replay.plan.store import Plan, open_plan
from replay.runspec import Probed
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest
from tests.services.recorded import recorded, sanitised
from tests.services.rows import Depot
from tests.services.web import Answered, Asked, page


@pytest.fixture(scope="module")
def visits() -> list[Exchange]:
    return list(sanitised(recorded(Depot, 12), load_policy("builtin:strict")))


@dataclass
class Staging:
    """The service with data of its own, asked without a network."""

    service: Depot = field(default_factory=lambda: Depot(2))
    asked: list[str] = field(default_factory=list)

    async def ask(self, row: Row, wire: bytes) -> Answer:
        method, target, _ = wire.decode("latin-1").split(" ", 2)
        self.asked.append(f"{method} {target}")
        got = self.service.answer(Asked(method, target, []))
        return Answer(got.status, tuple((name.lower(), value) for name, value in got.headers), got.body, True)

    def statuses(self, plan: Plan) -> Iterable[tuple[str, int, int]]:
        """Route, recorded status and answered status of every request of a plan."""
        for batch in plan.batches():
            names = ("route", "expected_status", "wire")
            for route, expected, wire in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                method, target, _ = wire.decode("latin-1").split(" ", 2)
                yield route, expected, self.service.answer(Asked(method, target, [])).status

    def unmatched(self, plan: Plan) -> float:
        found = [status // 100 != expected // 100 for _, expected, status in self.statuses(plan)]
        return sum(found) / len(found)


@dataclass
class Harvested:
    """What became of one harvest."""

    plan: Plan
    columns: Columns
    work: Work
    harvest: Harvest
    tables: list[Table]


def lacking(plan: Plan, staging: Staging) -> list[Missing]:
    """What a probe says."""
    probes = set(survey(plan, set(plan.manifest.hosts), []).probes)
    answers = list(staging.statuses(plan))
    probed = [
        Probed(route, expected, status, "") for at, (route, expected, status) in enumerate(answers) if at in probes
    ]
    found = missing(probed, plan.manifest.routes, plan.manifest.forecast)
    return [replace(one, ways=one.ways or ("pool",)) for one in found]


def harvested(folder: Path, visits: list[Exchange], staging: Staging, **changes: object) -> Harvested:
    (folder / "plan").mkdir()
    build([Source(capture_manifest(), visits)], Settings(), folder / "plan", "plan")
    plan = open_plan(folder / "plan")
    columns = columns_of(lacking(plan, staging), plan.manifest)
    finder = SourceFinder(
        {spot: column for column, each in columns.items() for spot in each}, answering(plan.manifest)
    )
    for exchange in visits:
        finder.ask(exchange)
    for exchange in visits:
        finder.answer(exchange)
    hosts = set(plan.manifest.hosts)
    needed = {column: len(values) for column, values in finder.asked.items()}
    work = work_of(
        columns,
        finder.sources(),
        needed,
        plan.manifest,
        lambda wanted: askable(plan, hosts, frozenset(), frozenset(), wanted),
    )
    work = msgspec.structs.replace(work, **changes)
    reader = RowReader(plan, dict.fromkeys(hosts, 0), frozenset())
    wanted = {request for each in (*work.errands, *work.trials) for request in each.requests}
    rows = {row.request: row for row in picked(reader, wanted)}
    found = asyncio.run(Harvester(work, rows, staging.ask).harvest())
    return Harvested(plan, columns, work, found, tables(found.rows, together(columns), list(columns)))


def test_a_plan_with_harvested_pools_finds_what_it_asks_for(tmp_path: Path, visits: list[Exchange]) -> None:
    staging = Staging()

    run = harvested(tmp_path, visits, staging)
    (tmp_path / "pools").mkdir()
    write_pools(tmp_path / "pools", run.tables, run.columns, dict.fromkeys(run.columns, "seen"))
    (tmp_path / "pooled").mkdir()
    apply_pools(run.plan, load_pools(tmp_path / "pools" / "pools.toml"), 1, tmp_path / "pooled")

    assert staging.unmatched(run.plan) > 0.5
    assert staging.unmatched(open_plan(tmp_path / "pooled")) == 0
    assert run.harvest.requests == len(staging.asked) < 120
    assert {(path.stat().st_mode & 0o777) for path in (tmp_path / "pools").iterdir()} == {0o600}


def test_columns_that_belong_together_are_in_one_table(tmp_path: Path, visits: list[Exchange]) -> None:
    staging = Staging()

    found = {table.name: table for table in harvested(tmp_path, visits, staging).tables}

    assert found["products"].columns == ("products", "stock")  # an id and its code stand in one object
    assert dict(found["products"].rows) == {str(each): code for each, code in staging.service.products.items()}
    assert found["users"].columns == ("users", "orders")  # a user's orders are asked for under the user
    owner = {order: user for user, orders in staging.service.orders.items() for order in orders}
    assert all(not order or owner[int(order)] == int(user) for user, order in found["users"].rows)


def test_numbers_that_only_look_like_ids_are_tried_and_dropped(tmp_path: Path, visits: list[Exchange]) -> None:
    run = harvested(tmp_path, visits, Staging())

    stocks = next(at for at, each in enumerate(run.work.errands) if "users" in each.takes.values())
    assert run.work.errands[stocks].takes["json/items/*/stock"] == "users"
    assert run.harvest.gathered[stocks].dropped == ["users"]
    assert all(int(user) >= 501 for table in run.tables if table.name == "users" for user, _ in table.rows)


def test_no_more_is_sent_than_may_be(tmp_path: Path, visits: list[Exchange]) -> None:
    staging = Staging()

    assert harvested(tmp_path, visits, staging, most=9).harvest.requests <= 9
    assert all(each.startswith("GET ") for each in staging.asked)


def test_a_list_that_goes_on_without_anything_new_is_left(tmp_path: Path, visits: list[Exchange]) -> None:
    class Endless(Depot):
        def _page(self, number: int) -> Answered:
            more = f'<a href="/products?page={number + 1}">more</a>'
            return page(f'<a href="/products/{301 + number % 3}">Thing</a>{more}')

    staging = Staging(Endless(2))
    harvested(tmp_path, visits, staging, wanted=dict.fromkeys(("products", "users", "stock", "orders"), 10_000))

    assert sum(each.startswith("GET /products?") for each in staging.asked) < 20


def test_what_a_browser_had_in_its_cache_is_asked_for_as_well() -> None:
    row = Row(0, 7, 0, 0, -1, 0, 0, 0, 0, 304, None, b"GET /depots HTTP/1.1\r\n\r\n")
    work = Work([Errand("GET /depots", [7], {"json/*/id": "depot"})], [], {"depot": 1})

    async def ask(row: Row, wire: bytes) -> Answer:
        return Answer(200, (("content-type", "application/json"),), b'[{"id": "d-4711"}]', True)

    assert asyncio.run(Harvester(work, {7: row}, ask).harvest()).rows == [{"depot": "d-4711"}]


def html(text: str) -> Places:
    return Places([("content-type", "text/html")], f"<html>{text}</html>")


def json(text: str) -> Places:
    return Places([("content-type", "application/json")], text)


def test_what_stands_in_one_object_or_in_objects_around_it_is_one_row() -> None:
    answer = json('{"shop": 4, "orders": [{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}, {"id": 2, "lines": []}]}')
    takes = {"json/shop": "shop", "json/orders/*/id": "order", "json/orders/*/lines/*/sku": "sku"}

    assert rows_of(answer, takes, {"user": "7"}) == [
        {"user": "7", "shop": "4"},
        {"user": "7", "shop": "4", "order": "1"},
        {"user": "7", "shop": "4", "order": "1", "sku": "a"},
        {"user": "7", "shop": "4", "order": "1", "sku": "b"},
        {"user": "7", "shop": "4", "order": "2"},
    ]


def test_a_value_that_would_lead_to_another_path_is_no_row() -> None:
    assert rows_of(json('[{"id": ".."}, {"id": "a/../b"}, {"id": "a b"}, {"id": "c"}]'), {"json/*/id": "id"}, {}) == [
        {"id": "c"}
    ]


@pytest.mark.parametrize(
    ("link", "is_followed"),
    [
        ("/list?page=2", True),
        ("http://else.example/list?page=2", True),  # sent to the target all the same
        ("/list?page=2&drop=1", False),
        ("/other?page=2", False),
        ("/list", False),
        ("?page=2", True),
    ],
)
def test_only_other_pages_of_the_same_list_are_followed(link: str, is_followed: bool) -> None:
    answer = html(f'<a href="{link.replace("&", "&amp;")}">more</a>')

    assert list(pages(answer, "/list?page=1", frozenset({"page"}))) == (["/list?page=2"] if is_followed else [])


def test_what_is_called_next_may_name_more() -> None:
    assert list(pages(json('{"next": "/list?cursor=x", "self": "/list?cursor=y"}'), "/list", frozenset())) == [
        "/list?cursor=x"
    ]


def test_an_order_without_its_user_is_no_row_and_one_of_two_users_is_no_child() -> None:
    rows = [{"user": "1", "order": "8"}, {"user": "2"}, {"order": "9"}]

    [table] = tables(rows, [["user", "order"]], ["user", "order"])
    assert table.rows == (("1", "8"), ("2", ""))
    apart = tables([*rows, {"user": "2", "order": "8"}], [["user", "order"]], ["user", "order"])
    assert [each.columns for each in apart] == [("user",), ("order",)]


def test_pools_say_where_their_rows_are_from_and_are_read_back(tmp_path: Path) -> None:
    table = Table(("id", 'sk"u'), (("1", 'a,"b'), ("2", "")))
    spots = {"id": [Spot("GET /things/{int}", "path/2")], 'sk"u': [Spot("GET /things", "query/sku")]}

    write_pools(tmp_path, [table], spots, {"id": "GET /things\njson/id", 'sk"u': "GET /things json/sku"})

    [pool] = load_pools(tmp_path / "pools.toml")
    assert (pool.columns, pool.rows) == (table.columns, table.rows)
    assert "# GET /things json/id" in (tmp_path / "pools.toml").read_text().splitlines()
