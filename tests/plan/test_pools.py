"""Recorded entities onto rows of staging."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtests.engine.requests import is_one_request
from replay.errors import InputError, ReplayError
from replay.exchange import Exchange
from replay.plan.bindings import POOL, decode
from replay.plan.build import Settings, Source, build
from replay.plan.pools import load_pools
from replay.plan.pools_apply import apply_pools
from replay.plan.pools_forest import NONE, Forest, TooFewError, assign
from replay.plan.spans import Patch, patched, spans
from replay.plan.store import PlanManifest, open_plan
from tests.factories import capture_manifest, exchange

ORDERS = "GET /users/{user_id}/orders/{order_id}"
USERS = "GET /users/{user_id}"
CUSTOMERS = """
version = 1
[pools.customers]
file = "customers.csv"
unique = UNIQUE
[pools.customers.columns]
user_id = ["path/{user_id}", "json/user_id"]
order_id = ["path/{order_id}", "POST /returns json/order"]
"""


def pooled(
    folder: Path,
    exchanges: Iterable[Exchange],
    rows: Sequence[Sequence[object]],
    *,
    clones: int = 1,
    toml: str = CUSTOMERS,
) -> tuple[PlanManifest, list[dict[str, object]]]:
    """The plan of ``exchanges`` with pools of ``rows`` (user_id, order_id) in it."""
    folder.mkdir(exist_ok=True)
    text = "user_id,order_id\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    (folder / "customers.csv").write_text(text)
    (folder / "pools.toml").write_text(toml.replace("UNIQUE", "true" if clones > 1 else "false"))
    for name in ("recorded", "made"):
        (folder / name).mkdir()
    build([Source(capture_manifest(), exchanges)], Settings(), folder / "recorded", "friday")
    manifest = apply_pools(open_plan(folder / "recorded"), load_pools(folder / "pools.toml"), clones, folder / "made")
    plan = open_plan(folder / "made")
    assert plan.manifest == manifest
    return manifest, [row for batch in plan.batches() for row in batch.to_pylist()]


def paths(rows: Iterable[dict[str, object]]) -> list[str]:
    return [bytes(row["wire"]).split(b" ")[1].decode() for row in rows]  # type: ignore[call-overload]


def order(user: int, number: int, **changes: object) -> Exchange:
    return exchange(f"/users/{user}/orders/{number}", route=ORDERS, mapped=["path/2", "path/4"], **changes)  # type: ignore[arg-type]


def test_an_order_stays_with_its_user_and_a_value_with_its_row(tmp_path: Path) -> None:
    recorded = [
        order(8123, 77, at_ms=0),
        exchange("/users/8123", route=USERS, mapped=["path/2"], at_ms=1),
        order(8123, 78, at_ms=2),
        order(9000, 79, at_ms=3),
        order(8123, 77, at_ms=4),
    ]

    manifest, rows = pooled(tmp_path, recorded, [(1, 11), (2, 21), (2, 22), (2, 23)])

    assert paths(rows) == [
        "/users/2/orders/21",
        "/users/2",
        "/users/2/orders/22",
        "/users/1/orders/11",
        "/users/2/orders/21",
    ]
    assert manifest.pools["customers"].entities == {"user_id": 2, "order_id": 3}
    assert (manifest.forecast[ORDERS].pooled, manifest.forecast[ORDERS].unmatched) == (4, 0)
    assert manifest.clones == 0
    assert all(row["bindings"] is None for row in rows)


def test_a_body_gets_the_same_rows_and_a_length_that_fits(tmp_path: Path) -> None:
    recorded = [
        order(8123, 77),
        exchange(
            "/returns", method="POST", at_ms=1, headers=[("Content-Type", "application/json")],
            body='{"user_id": 8123, "order": "77", "note": "77"}',
        ),
    ]  # fmt: skip

    _, rows = pooled(tmp_path, recorded, [(100200300, 4_000_000_001)])

    wire = bytes(rows[1]["wire"])  # type: ignore[call-overload]
    assert is_one_request(wire, "POST")
    assert wire.endswith(b'{"user_id": 100200300, "order": "4000000001", "note": "77"}')


def test_clones_take_rows_of_their_own(tmp_path: Path) -> None:
    recorded = [order(8000 + n % 5, 100 + n % 11 * 5 + n % 5, at_ms=n) for n in range(60)]
    table = [(user, user * 100 + number) for user in range(1, 25) for number in range(12)]

    manifest, rows = pooled(tmp_path, recorded, table, clones=3)

    assert manifest.clones == 3
    taken: list[list[str]] = [[], [], []]
    for row in rows:
        bindings = decode(str(row["bindings"]))
        assert [fill.source for fill in bindings.fill] == [POOL, POOL]
        assert [fill.name for fill in bindings.fill] == ["customers.user_id", "customers.order_id"]
        wire = bytes(row["wire"])  # type: ignore[call-overload]
        taken[0].append(wire.split(b" ")[1].decode())
        for clone in (1, 2):
            patches = [Patch(fill.at, fill.size, fill.values[clone - 1].encode()) for fill in bindings.fill]
            taken[clone].append(patched(wire, patches).split(b" ")[1].decode())
    there = {f"/users/{user}/orders/{number}" for user, number in table}
    assert all(path in there for each in taken for path in each)
    assert not set(taken[0]) & set(taken[1]) | set(taken[1]) & set(taken[2]) | set(taken[0]) & set(taken[2])
    assert [Counter(each).most_common()[0][1] for each in taken] == [
        Counter(paths_of(recorded)).most_common()[0][1]
    ] * 3


def paths_of(exchanges: Iterable[Exchange]) -> list[str]:
    return [each.request.path for each in exchanges]


def test_popularity_is_what_it_was(tmp_path: Path) -> None:
    chance = random.Random(5)
    users = [8000 + min(499, int(chance.paretovariate(0.8))) for _ in range(4000)]
    recorded = [exchange(f"/users/{user}", route=USERS, at_ms=n, mapped=["path/2"]) for n, user in enumerate(users)]

    _, rows = pooled(tmp_path, recorded, [(n, "") for n in range(1, 600)])

    ranks = [sorted(Counter(each).values(), reverse=True) for each in (users, paths(rows))]
    spread = [[rank for rank, count in enumerate(counts) for _ in range(count)] for counts in ranks]
    assert stats.ks_2samp(*spread).statistic == 0


def test_too_few_rows_are_said_and_end_it(tmp_path: Path) -> None:
    recorded = [exchange(f"/users/{n}", route=USERS, at_ms=n) for n in range(8)]

    with pytest.raises(InputError, match=r"customers.csv: 8 user_id are needed, there are 7. Add rows"):
        pooled(tmp_path / "a", recorded, [(n, "") for n in range(1, 8)])
    with pytest.raises(
        InputError, match=r"24 user_id are needed \(3 clones, each with rows of its own\), there are 23"
    ):
        pooled(tmp_path / "b", recorded, [(n, "") for n in range(1, 24)], clones=3)
    with pytest.raises(InputError, match=r"2 order_id under one user_id are needed, there are 1"):
        pooled(tmp_path / "c", [order(1, 7), order(1, 8)], [(n, n) for n in range(1, 9)])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("", 7)], "row 1: a value stands under none"),
        ([(1, 7), ("..", 8)], "row 2: its user_id would lead to another path"),
        ([("a/../b", 8)], "row 1: its user_id would lead to another path"),
        ([(1, 7), (2, 7)], "row 2: its order_id stood under another user_id before"),
    ],
)
def test_a_table_that_is_none_is_refused_by_its_row(
    tmp_path: Path, rows: list[tuple[object, object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        pooled(tmp_path, [order(1, 7)], rows)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"path/{user_id}"', '"path/2"', r"'path/2' needs its route"),
        ('"path/{user_id}"', '"user"', r"'user' is no place"),
        ("user_id =", "user =", r"has no column user\."),
        ("version = 1", "version = 2", r"version 2, this version reads 1"),
        ("unique", "uniqe", r"unknown field"),
        ('"path/{order_id}"', '"json/user_id"', r"two columns claim 'json/user_id'"),
    ],
)
def test_a_file_of_pools_that_is_wrong_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises((ReplayError, InputError), match=message):
        pooled(tmp_path, [order(1, 7)], [(1, 7)], toml=CUSTOMERS.replace(old, new))


TREES = st.lists(st.integers(0, 6), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(TREES, st.integers(1, 3), st.lists(st.integers(0, 7), min_size=1, max_size=30))
def test_an_assignment_is_injective_and_keeps_parents_or_there_is_none(
    demand: list[int], clones: int, supply: list[int]
) -> None:
    wanted, rows = _forest(demand), _forest(supply)
    needed = sorted([n for n in demand for _ in range(clones)], reverse=True)
    there = sorted(supply, reverse=True)
    exists = len(needed) <= len(there) and all(n <= m for n, m in zip(needed, there, strict=False))

    try:
        found = assign(wanted, rows, clones)
    except TooFewError:
        assert not exists
        return

    assert exists
    for level in (0, 1):
        taken = [row for entity in found[level] for row in entity]
        assert len(taken) == len(set(taken)) == len(wanted.parents[level]) * clones
    for child, parent in enumerate(wanted.parents[1]):
        for clone in range(clones):
            assert rows.parents[1][found[1][child][clone]] == found[0][parent][clone]


def _forest(sizes: list[int]) -> Forest:
    made = Forest(2)
    for number, size in enumerate(sizes):
        root = made.add(0, f"u{number}")
        for child in range(size):
            made.add(1, f"u{number}o{child}", root)
    return made


def test_an_entity_whose_parent_was_never_seen_takes_any_row_that_is_left() -> None:
    wanted, rows = Forest(2), _forest([1, 2])
    wanted.add(1, "alone")
    wanted.add(1, "of-one", wanted.add(0, "u"))

    found = assign(wanted, rows, 1)

    assert wanted.parents[1][0] == NONE
    assert found[1][0] != found[1][1]
    assert rows.parents[1][found[1][1][0]] == found[0][0][0]


def test_the_file_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text()
    (tmp_path / "pools.toml").write_text(page.partition("<!-- pools -->\n```toml\n")[2].partition("```")[0])
    (tmp_path / "customers.csv").write_text("user_id,order_id\n7,70\n")
    (tmp_path / "products.csv").write_text("name,product_id\nlamp,9\n")

    customers, products = load_pools(tmp_path / "pools.toml")

    assert (customers.is_unique, customers.columns, customers.rows) == (True, ("user_id", "order_id"), (("7", "70"),))
    assert (products.is_unique, products.columns, products.rows) == (False, ("product_id",), (("9",),))


def test_places_of_the_forecast_are_those_of_spans() -> None:
    wire = b"GET /users/8123/orders/77 HTTP/1.1\r\n\r\n"

    assert {span.place for span in spans(wire)} == {"path/1", "path/2", "path/3", "path/4"}
