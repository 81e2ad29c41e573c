"""The plan as the engine reads it, and the samples as it writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.engine.index import SessionIndex
from loadtests.engine.rows import RowReader
from replay.plan.bindings import Bindings
from replay.plan.store import open_plan
from tests.loadtests.support import HOST, MS, planned, write_plan


def reader_of(folder: Path, rows: list[dict[str, object]], **options: object) -> RowReader:
    plan = write_plan(folder, rows, lanes=7)
    return RowReader(open_plan(plan), {HOST: 0}, frozenset(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 255, 256, 257, 9000])
def test_every_row_is_read_once_and_in_order(tmp_path: Path, count: int) -> None:
    reader = reader_of(tmp_path / "plan", [planned(n, n // 3, path=f"/{n % 4}?n={n}") for n in range(count)])
    rows = list(reader)

    assert [row.request for row in rows] == list(range(count))
    assert all(f"?n={row.request} ".encode() in row.wire for row in rows)
    assert {reader.routes.names[row.route] for row in rows} == {f"GET /{n % 4}" for n in range(count)}
    assert [row.lane for row in rows] == [row.session % 7 for row in rows]


def test_rows_that_may_not_be_sent_are_passed_over(tmp_path: Path) -> None:
    rows = [planned(0), planned(1, method="DELETE"), planned(2, host="other.example"), planned(3, method="HEAD")]

    assert [row.request for row in reader_of(tmp_path / "plan", rows)] == [0, 3]


def test_a_row_depends_on_the_nearest_sent_one_behind_rows_that_are_not_sent(tmp_path: Path) -> None:
    rows = [
        planned(0),
        planned(100, method="POST", depends_on=0, think=20 * MS),
        planned(150, host="other.example", depends_on=1, think=30 * MS),
        planned(200, depends_on=2, think=10 * MS),
        planned(300, depends_on=3, think=40 * MS),
        planned(400, method="POST"),
        planned(500, depends_on=5),
    ]
    found = {row.request: (row.depends_on, row.think) for row in reader_of(tmp_path / "plan", rows, speed=2.0)}

    # From the first answer to the POST, and from there to the request: recorded times, not yet compressed.
    assert found[3] == (0, 20 * MS + 50 * MS + 50 * MS)
    assert found[4] == (3, 40 * MS)
    assert found[6][0] == -1


def test_what_is_remembered_of_rows_that_are_not_sent_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtests.engine.rows.MAX_UNSENT", 10)
    rows = [planned(0), *(planned(n, method="POST", depends_on=n - 1) for n in range(1, 500))]
    reader = reader_of(tmp_path / "plan", [*rows, planned(500, depends_on=499)])

    assert [(row.request, row.depends_on) for row in reader] == [(0, -1), (500, 0)]
    assert len(reader._unsent) <= 10


def test_speed_divides_time(tmp_path: Path) -> None:
    reader = reader_of(tmp_path / "plan", [planned(0), planned(100), planned(333)], speed=2.5)

    assert [row.due for row in reader] == [0, 40_000_000, 133_200_000]


def test_a_row_that_needs_a_live_value_says_so(tmp_path: Path) -> None:
    rows = list(reader_of(tmp_path / "plan", [planned(0), planned(1, bindings='{"sets_cookies": true}')]))

    assert [row.bindings for row in rows] == [None, Bindings(sets_cookies=True)]


def test_the_index_finds_the_sessions_of_a_lane_in_order(tmp_path: Path) -> None:
    rows = [planned(n, session=n % 30, path=f"/a?n={n}") for n in range(9000)]
    index = SessionIndex(reader_of(tmp_path / "plan", rows), tmp_path)
    found = []
    position = 0
    while (session := index.session(9, position)) is not None:  # the second clone of plan lane 2
        found.append((session[0].session, [row.request for row in session]))
        position += 1

    assert [session for session, _ in found] == [2, 9, 16, 23]
    assert all(requests == list(range(session, 9000, 30)) for session, requests in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan"]
