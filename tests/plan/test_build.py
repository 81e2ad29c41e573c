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
from replay.plan.bindings import FRESH, Bindings, Take, decode
from replay.plan.build import Settings, Source, build
from replay.plan.filters import Selection
from replay.plan.links.bind import NEEDS_VALUE
from replay.plan.links.rules import Cookie, Fresh, Link, Rules
from replay.plan.store import PlanManifest, open_plan
from replay.plan.wire import Rewrite
from replay.repetition import Repetition
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
    assert manifest.repetition == Repetition(reads=1, addresses=1, keyed=0, keys=0)
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


SESSION = [
    exchange("/login", at_ms=0, answer_headers=[("Set-Cookie", "sid=abc; Path=/")], answer='{"token": "t0k"}'),
    exchange("/orders", method="POST", at_ms=100, status=201, answer='{"id": 17}'),
    exchange(
        "/orders/17",
        route="GET /orders/{int}",
        at_ms=200,
        headers=[("Cookie", "lang=en; sid=abc"), ("Authorization", "Bearer t0k")],
        mapped=["path/2"],
    ),
    exchange("/orders/16", route="GET /orders/{int}", at_ms=300, headers=[("Cookie", "sid=abc")]),
]
RULES = Rules(
    link=[
        Link("POST /orders", "json/id", ["GET /orders/{int}"], "path/2"),
        Link("GET /login", "json/token", ["GET /orders/{int}"], "header/authorization"),
    ],
    cookie=[Cookie("sid")],
)


def test_what_a_request_needs_and_what_its_answer_gives_stand_in_the_plan(tmp_path: Path) -> None:
    manifest, table = planned(tmp_path, SESSION, Settings(rules=RULES))

    login, order, used, other = (cell and decode(cell) for cell in table["bindings"].to_pylist())
    wire = table["wire"].to_pylist()[2]
    assert login == Bindings(take=[Take(1, "json/token")], sets_cookies=True, until=300 * MS)
    assert order == Bindings(take=[Take(0, "json/id")], until=300 * MS)
    assert [(fill.key, fill.of, wire[fill.at : fill.at + fill.size]) for fill in used.fill] == [
        (0, [1], b"17"),
        (1, [0], b"t0k"),
    ]
    assert wire[: used.cookies.at].endswith(b"Cookie: lang=en")
    assert (used.cookies.names, used.cookies.of) == (["sid"], [0])
    assert not other.fill
    assert other.cookies.is_line
    assert b"Cookie" not in table["wire"].to_pylist()[3]
    assert manifest.living == 4
    assert manifest.forecast["GET /orders/{int}"].linked == 1


def test_a_cookie_that_every_answer_sets_again_stays_live_in_parallel_requests(tmp_path: Path) -> None:
    again, sent = [("Set-Cookie", "sid=abc; Path=/")], [("Cookie", "sid=abc")]
    exchanges = [
        exchange("/login", at_ms=0, took_ms=10, answer_headers=again),
        exchange("/list", at_ms=100, took_ms=20, headers=sent, answer_headers=again),
        exchange("/news", at_ms=110, took_ms=50, headers=sent, answer_headers=again),
    ]

    _, table = planned(tmp_path, exchanges, Settings(rules=RULES))

    _, listed, news = (decode(cell) for cell in table["bindings"].to_pylist())
    assert [each.cookies and each.cookies.of for each in (listed, news)] == [[0], [0]]
    assert b"Cookie" not in table["wire"].to_pylist()[2]


def test_behind_a_write_an_earlier_cookie_is_named_too_unless_it_was_a_login(tmp_path: Path) -> None:
    again, sent = [("Set-Cookie", "sid=abc; Path=/")], [("Cookie", "sid=abc")]
    form = [*sent, ("Content-Type", "application/x-www-form-urlencoded")]
    asked = [
        exchange("/login", at_ms=0, answer_headers=again),
        exchange("/cart", method="POST", at_ms=100, headers=form, body="sku=7", answer_headers=again),
        exchange("/list", at_ms=200, headers=sent),
        exchange("/login", method="POST", at_ms=300, headers=form, body="password=x", answer_headers=again),
        exchange("/list", at_ms=400, headers=sent),
    ]

    _, table = planned(tmp_path, asked, Settings(rules=Rules(cookie=[Cookie("sid")])))

    cells = [decode(cell).cookies for cell in table["bindings"].to_pylist()]
    assert [(each.of, each.instead) if each else None for each in cells] == [
        None,
        ([0], {}),
        ([1], {1: [0]}),
        ([1], {1: [0]}),
        ([3], {}),
    ]


def test_a_cookie_of_an_answer_before_a_write_that_is_left_out_takes_its_place(tmp_path: Path) -> None:
    again, sent = [("Set-Cookie", "sid=abc; Path=/")], [("Cookie", "sid=abc")]
    asked = [
        exchange("/login", at_ms=0, answer_headers=again),
        exchange("/cart", method="POST", at_ms=100, headers=sent, body="sku=7", answer_headers=again),
        exchange("/list", at_ms=200, headers=sent),
    ]
    how = Settings(Selection(methods=("GET",)), rules=Rules(cookie=[Cookie("sid")]))

    manifest, table = planned(tmp_path, asked, how)

    listed = decode(table["bindings"].to_pylist()[1]).cookies
    assert listed is not None
    assert (listed.of, listed.instead, manifest.left_out) == ([0], {}, {"method not chosen": 1})


def test_without_rules_every_request_is_as_it_was_recorded(tmp_path: Path) -> None:
    manifest, table = planned(tmp_path, SESSION)

    assert table["bindings"].to_pylist() == [None] * 4
    assert manifest.living == 0


def test_a_value_that_is_made_anew_has_one_key_wherever_it_stands(tmp_path: Path) -> None:
    rules = Rules(
        fresh=[
            Fresh(["POST /signup"], "json/email", "unique"),
            Fresh(["POST /login"], "form/user", "unique"),
            Fresh(["POST /login"], "header/idempotency-key", "uuid"),
        ]
    )
    form = [("Content-Type", "application/x-www-form-urlencoded"), ("Idempotency-Key", "k1")]
    exchanges = [
        exchange("/signup", method="POST", at_ms=0, body='{"email": "a@x.example"}'),
        exchange("/login", method="POST", at_ms=100, headers=form, body="user=a%40x.example"),
    ]

    _, table = planned(tmp_path, exchanges, Settings(rules=rules))

    signup, login = (decode(cell) for cell in table["bindings"].to_pylist())
    assert [(fill.source, fill.name, fill.key) for fill in signup.fill] == [(FRESH, "unique", 0)]
    assert [(fill.name, fill.key) for fill in login.fill] == [("uuid", 1), ("unique", 0)]


def test_a_request_whose_value_comes_from_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    how = Settings(Selection(methods=("GET",)), rules=RULES)

    manifest, table = planned(tmp_path, SESSION, how)

    assert manifest.left_out == {"method not chosen": 1, NEEDS_VALUE: 1}
    assert [wire.split()[1] for wire in table["wire"].to_pylist()] == [b"/login", b"/orders/16"]


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
