"""From exchanges to a plan on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import InputError
from replay.exchange import Exchange
from replay.plan.build import Settings, Source, build
from replay.plan.filters import Selection
from replay.plan.needs import NEEDS_VALUE, NEEDS_WRITE
from replay.plan.store import PlanManifest, open_plan
from replay.plan.wire import Rewrite
from tests.factories import MS, capture_manifest, exchange


def planned(
    folder: Path, exchanges: Iterable[Exchange], how: Settings | None = None
) -> tuple[PlanManifest, pa.Table]:
    folder.mkdir(exist_ok=True)
    manifest = build([Source(capture_manifest(), exchanges)], how or Settings(), folder, "friday")
    return manifest, pa.Table.from_batches(open_plan(folder).batches())


def test_a_plan_holds_the_requests_in_order_of_due_whatever_the_order_of_the_answers(tmp_path: Path) -> None:
    manifest, table = planned(
        tmp_path, [exchange("/b", at_ms=30, session="s2"), exchange("/a", at_ms=10), exchange("/c", at_ms=40)]
    )

    assert table["due"].to_pylist() == [0, 20 * MS, 30 * MS]
    assert [wire.split()[1] for wire in table["wire"].to_pylist()] == [b"/a", b"/b", b"/c"]
    assert table["session"].to_pylist() == [0, 1, 0]
    assert table["request"].to_pylist() == [0, 1, 2]
    assert manifest.duration_ns == 30 * MS + 1


def test_a_request_waits_for_the_answer_that_had_ended_before_it_began(tmp_path: Path) -> None:
    _, table = planned(
        tmp_path,
        [
            exchange("/page", at_ms=0, took_ms=50),
            exchange("/style", at_ms=60, took_ms=20),
            exchange("/script", at_ms=61, took_ms=10),
            exchange("/next", at_ms=100),
        ],
    )

    assert table["depends_on"].to_pylist() == [-1, 0, 0, 1]
    assert table["think"].to_pylist() == [0, 10 * MS, 11 * MS, 20 * MS]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10_000), st.integers(0, 500)), min_size=1, max_size=200),
    st.integers(1, 7),
)
def test_a_session_keeps_its_order_and_its_lane(
    tmp_path_factory: pytest.TempPathFactory, visits: list[tuple[int, int, int]], lanes: int
) -> None:
    exchanges = [exchange(f"/{i}", session=str(s), at_ms=at, took_ms=took) for i, (s, at, took) in enumerate(visits)]

    manifest, table = planned(tmp_path_factory.mktemp("plan"), exchanges, Settings(lanes=lanes))

    rows = table.select(["session", "lane", "due", "depends_on", "think"]).to_pylist()
    assert len(rows) == len(visits)
    assert len({(row["session"], row["lane"]) for row in rows}) == len({row["session"] for row in rows})
    assert sum(manifest.lane_shares) == pytest.approx(1, abs=1e-4)
    for row in rows:
        if row["depends_on"] >= 0:
            earlier = rows[row["depends_on"]]
            assert earlier["session"] == row["session"]
            assert earlier["due"] <= row["due"]
            assert row["think"] >= 0


def test_lanes_are_balanced_by_requests_and_not_by_sessions(tmp_path: Path) -> None:
    exchanges = [exchange(f"/{i}", session="long", at_ms=i) for i in range(30)]
    exchanges += [exchange("/x", session=f"short-{i}", at_ms=i) for i in range(30)]

    manifest, _ = planned(tmp_path, exchanges, Settings(lanes=2))

    assert manifest.lane_shares == [0.5, 0.5]


def test_filters_leave_out_and_count(tmp_path: Path) -> None:
    selection = Selection(methods=("GET",), without_routes=("/admin*",), from_ns=5 * MS)

    manifest, table = planned(
        tmp_path,
        [
            exchange("/early", at_ms=1),
            exchange("/a", at_ms=10),
            exchange("/a", at_ms=11, method="POST"),
            exchange("/admin/x", at_ms=12),
        ],
        Settings(selection),
    )

    assert table.num_rows == 1
    assert manifest.production_requests == 4
    assert manifest.left_out == {"outside the chosen time": 1, "method not chosen": 1, "route excluded": 1}


def test_a_route_pattern_takes_braces_and_brackets_literally(tmp_path: Path) -> None:
    selection = Selection(routes=("GET /users/{int}", "/list[]*"))

    _, table = planned(
        tmp_path,
        [
            exchange("/users/1", route="GET /users/{int}"),
            exchange("/users/me"),
            exchange("/list[]", route="GET /list[]"),
            exchange("/list", route="GET /list"),
        ],
        Settings(selection),
    )

    assert table["route"].to_pylist() == ["GET /users/{int}", "GET /list[]"]


def test_a_request_with_a_cookie_that_an_answer_issued_is_left_out(tmp_path: Path) -> None:
    manifest, table = planned(
        tmp_path,
        [
            exchange("/login", at_ms=0, answer_headers=[("Set-Cookie", "sid=abc; Path=/; HttpOnly")]),
            exchange("/account", at_ms=50, headers=[("Cookie", "theme=dark; sid=abc")]),
            exchange("/other", at_ms=60, session="s2", headers=[("Cookie", "sid=known-before")]),
        ],
    )

    assert table["route"].to_pylist() == ["GET /login", "GET /other"]
    assert manifest.left_out == {NEEDS_VALUE: 1}


def test_a_request_for_what_a_write_created_is_left_out_with_its_own_reason(tmp_path: Path) -> None:
    manifest, table = planned(
        tmp_path,
        [
            exchange("/orders", method="POST", status=201, answer='{"id": 8841, "state": "new"}'),
            exchange("/orders/8841", at_ms=50, route="GET /orders/{int}"),
            exchange("/orders/1200", at_ms=60, route="GET /orders/{int}"),
        ],
    )

    assert table["route"].to_pylist() == ["POST /orders", "GET /orders/{int}"]
    assert manifest.left_out == {NEEDS_WRITE: 1}
    assert manifest.writes == {"POST /orders": 1}


def test_a_value_that_the_client_chose_itself_is_no_need(tmp_path: Path) -> None:
    token = "idem-0123456789abcdef"

    manifest, _ = planned(
        tmp_path,
        [
            exchange(f"/search?nonce={token}", at_ms=0, answer=f'{{"nonce": "{token}"}}'),
            exchange(f"/search?nonce={token}", at_ms=50),
        ],
    )

    assert manifest.left_out == {}


def test_the_forecast_names_the_places_that_staging_may_not_know(tmp_path: Path) -> None:
    manifest, _ = planned(
        tmp_path,
        [
            exchange("/products/7", route="GET /products/{product_id}"),
            exchange("/users/8123", route="GET /users/{int}", mapped=["path/1", "header/user-agent"]),
        ],
    )

    forecast = manifest.forecast
    assert (forecast["GET /products/{product_id}"].kept, forecast["GET /products/{product_id}"].unmatched) == (1, 0)
    assert (forecast["GET /users/{int}"].unmatched, forecast["GET /users/{int}"].places) == (1, {"path/1": 1})


def test_hosts_are_rewritten_and_counted(tmp_path: Path) -> None:
    how = Settings(rewrite=Rewrite(hosts={"a.example": "b.example"}))

    manifest, table = planned(tmp_path, [exchange(host="a.example"), exchange(host="c.example")], how)

    assert table["host"].to_pylist() == ["b.example", "c.example"]
    assert manifest.hosts == {"b.example": 1, "c.example": 1}


def test_an_empty_selection_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"friday: no request is left to plan \(method not chosen: 1\)"):
        planned(tmp_path, [exchange()], Settings(Selection(methods=("POST",))))

    assert list(tmp_path.iterdir()) == []


def test_captures_of_different_templates_are_refused(tmp_path: Path) -> None:
    sources = [
        Source(capture_manifest(), [exchange()]),
        Source(capture_manifest(name="monday", templates="other"), [exchange()]),
    ]

    with pytest.raises(InputError, match="monday: its route templates differ from those of friday"):
        build(sources, Settings(), tmp_path, "both")


def test_two_builds_of_one_capture_have_the_same_hash(tmp_path: Path) -> None:
    exchanges = [exchange(f"/{i}", session=str(i % 5), at_ms=i) for i in range(100)]

    first, _ = planned(tmp_path / "a", exchanges)
    second, _ = planned(tmp_path / "b", exchanges)

    assert first.hash == second.hash != ""
