"""A capture as the samples of a run that production made."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from replay.baseline import Source, first_start_ns, write_baseline
from replay.errors import InputError
from replay.exchange import Exchange
from replay.repetition import Repetition
from replay.runs import Day, read_run_manifest
from tests.factories import MS, capture_manifest, exchange


def rows(folder: Path, exchanges: list[Exchange]) -> list[dict[str, object]]:
    write_baseline([Source(capture_manifest(), exchanges, first_start_ns(exchanges))], folder, "friday")
    table = pq.read_table(folder / "samples-0000.parquet")
    return list(table.to_pylist())


def test_production_s_latency_counts_from_the_complete_request_to_the_complete_response(tmp_path: Path) -> None:
    slow_upload = exchange(at_ms=100, took_ms=250, requested=200 * MS)

    (row,) = rows(tmp_path, [slow_upload])

    assert row["sent"] == row["intended"] == row["due"] == row["ready"] == 100 * MS
    assert row["end"] == 250 * MS
    assert (row["status"], row["expected_status"], row["error"]) == (200, 200, "")


def test_the_time_to_open_an_upstream_connection_is_left_out(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, [exchange(took_ms=50, connect_started=0, connected=30 * MS)])

    assert row["end"] - row["sent"] == 20 * MS  # type: ignore[operator]
    assert row["reused"] is False


def test_time_counts_from_the_first_exchange_as_in_a_plan(tmp_path: Path) -> None:
    found = rows(tmp_path, [exchange(at_ms=700), exchange(at_ms=500)])

    assert [row["due"] for row in found] == [200 * MS, 0]


def test_a_request_without_an_answer_is_a_sample_too(tmp_path: Path) -> None:
    found = rows(tmp_path, [exchange(took_ms=None, error="timeout"), exchange(took_ms=None, error="client")])

    assert [(row["status"], row["error"]) for row in found] == [(0, "timeout"), (0, "stopped")]


def test_the_manifest_says_that_production_made_it(tmp_path: Path) -> None:
    rows(tmp_path, [exchange(at_ms=10), exchange(at_ms=20)])

    manifest = read_run_manifest(tmp_path)
    assert (manifest.kind, manifest.requests, manifest.templates) == ("production", 2, "t" * 16)
    assert manifest.duration_ns == 10 * MS + 1


def test_an_empty_capture_gives_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="friday: holds no exchange"):
        rows(tmp_path, [])


def test_an_answer_without_a_known_end_is_counted_and_never_taken_for_no_time_at_all(tmp_path: Path) -> None:
    found = rows(tmp_path, [exchange(took_ms=20), exchange(at_ms=5, ended=None, first_byte=None)])

    manifest = read_run_manifest(tmp_path)
    assert [row["end"] for row in found] == [20 * MS]
    assert manifest.left_out == {"answered at an unknown time": 1}
    assert (manifest.requests, manifest.planned, manifest.production_requests) == (1, 1, 2)
    assert manifest.repetition == Repetition(reads=2, addresses=1, keyed=0, keys=0)


@pytest.mark.parametrize(
    "untold",
    [exchange(ended=None, first_byte=None), exchange(took_ms=None, error=""), exchange(took_ms=None, error="client")],
    ids=["no end", "no answer recorded", "client gone"],
)
def test_a_capture_that_tells_no_latency_gives_no_baseline(tmp_path: Path, untold: Exchange) -> None:
    with pytest.raises(
        InputError, match=r"friday: none of its 2 exchanges tells when its answer ended.*\$request_time"
    ):
        rows(tmp_path, [untold, untold])


def test_many_exchanges_of_many_routes_come_back_whole(tmp_path: Path) -> None:
    exchanges = [exchange(f"/{i % 37}", at_ms=i, took_ms=i % 90) for i in range(20_000)]

    found = rows(tmp_path, exchanges)

    assert [row["route"] for row in found] == [each.route for each in exchanges]
    assert [row["end"] - row["sent"] for row in found] == [i % 90 * MS for i in range(20_000)]  # type: ignore[operator]


def test_several_captures_lie_as_far_apart_as_they_began(tmp_path: Path) -> None:
    day_ns = 86_400 * 10**9
    thursday = Source(capture_manifest(id="a1"), [exchange(at_ms=700), exchange(at_ms=500)], 500 * MS, 40 * day_ns)
    friday = Source(capture_manifest(id="b2"), [exchange(at_ms=30)], 30 * MS, 41 * day_ns)

    manifest = write_baseline([thursday, friday], tmp_path, "week")

    table = pq.read_table(tmp_path / "samples-0000.parquet").to_pylist()
    assert [row["due"] for row in table] == [200 * MS, 0, day_ns - 470 * MS]
    assert len({row["session"] for row in table[::2]}) == 2
    assert manifest.days == [
        Day("a1", "1970-02-10", 0, 500 * MS, 200 * MS + 1),
        Day("b2", "1970-02-11", day_ns - 470 * MS, 30 * MS, 1),
    ]
    assert manifest.covered_ns == 200 * MS + 2
    assert "1970" not in (tmp_path / "run.json").read_text().replace("1970-02-1", "")
    assert str(40 * day_ns) not in (tmp_path / "run.json").read_text()


@pytest.mark.parametrize(
    ("other", "start_days", "message"),
    [
        ({"id": "b2", "templates": "other"}, 2, r"its route templates \(other\) are not those of friday"),
        ({"id": "b2", "captured_share": 0.1}, 2, r"its share of the sessions \(0.1\) are not those of friday"),
        ({"id": "b2"}, 0, "began before friday. Name the captures in order of time"),
        ({}, 2, "a capture is named twice"),
    ],
)
def test_captures_that_do_not_belong_together_give_no_baseline(
    tmp_path: Path, other: dict[str, object], start_days: int, message: str
) -> None:
    first = Source(capture_manifest(), [exchange()], 0, 86_400 * 10**9)
    second = Source(capture_manifest(**other), [exchange()], 0, start_days * 86_400 * 10**9)

    with pytest.raises(InputError, match=message):
        write_baseline([first, second], tmp_path, "week")
