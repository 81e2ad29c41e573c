"""The judged windows of two runs: pace, length, schedule, early ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.compare import compare
from analysis.samples import ArtefactError, Run, read_run
from analysis.tally import Window
from analysis.windows import DAY_NS, windows
from replay.runs import Day
from tests.runs import shop, write_run

SECOND = 10**9


def run(folder: Path, **manifest: object) -> Run:
    return read_run(write_run(folder, shop(1, length_s=120), **manifest))


def test_a_schedule_at_twice_the_pace_covers_the_same_part_of_production(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=120 * SECOND)
    candidate = run(tmp_path / "b", speed=2.0, duration_ns=60 * SECOND, warmup_ns=10 * SECOND)

    found = windows(baseline, candidate, 5.0)
    a, b, is_paired = found.baseline, found.candidate, found.is_paired

    assert is_paired
    assert (b.start_ns, b.slice_ns, b.slices) == (10 * SECOND, 5 * SECOND, 10)
    assert (a.start_ns, a.slice_ns, a.slices) == (20 * SECOND, 10 * SECOND, 10)


def test_a_shorter_run_is_compared_with_the_same_part_of_production(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=120 * SECOND)
    candidate = run(tmp_path / "b", duration_ns=43 * SECOND)

    found = windows(baseline, candidate, 5.0)

    assert found.baseline == found.candidate
    assert found.baseline.end_ns == 40 * SECOND


def test_runs_of_other_schedules_are_compared_whole_and_unpaired(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", capture_id="other", duration_ns=100 * SECOND)
    candidate = run(tmp_path / "b", duration_ns=50 * SECOND, warmup_ns=5 * SECOND)

    found = windows(baseline, candidate, 5.0)
    a, b, is_paired = found.baseline, found.candidate, found.is_paired

    assert not is_paired
    assert (a.slices, b.slices) == (20, 9)


def test_two_runs_of_one_plan_are_a_pair_unless_their_pace_differs(tmp_path: Path) -> None:
    one, same = run(tmp_path / "a"), run(tmp_path / "b", warmup_ns=20 * SECOND)
    faster, other = run(tmp_path / "c", speed=2.0), run(tmp_path / "d", plan_hash="other")

    assert [windows(one, run_, 5.0).is_paired for run_ in (same, faster, other)] == [True, False, False]
    assert windows(one, same, 5.0).baseline.start_ns == 20 * SECOND


def test_a_run_that_ended_early_is_judged_up_to_there(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=120 * SECOND)
    early = run(tmp_path / "b", duration_ns=120 * SECOND, ended="breaker", ended_at_ns=31 * SECOND)
    at_once = run(
        tmp_path / "c", duration_ns=120 * SECOND, warmup_ns=30 * SECOND, ended="breaker", ended_at_ns=2 * SECOND
    )

    assert windows(baseline, early, 5.0).candidate.end_ns == 30 * SECOND
    assert windows(baseline, at_once, 5.0).candidate.slices == 1


def test_a_run_without_a_whole_slice_is_one_slice_of_its_length(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=120 * SECOND)
    short = run(tmp_path / "b", duration_ns=14 * SECOND, warmup_ns=10 * SECOND)

    found = windows(baseline, short, 5.0)

    assert found.candidate == Window(10 * SECOND, 4 * SECOND, 1)


def test_a_visit_shorter_than_a_slice_is_one_slice_of_both_in_their_own_pace(tmp_path: Path) -> None:
    visit = run(tmp_path / "a", kind="production", capture_id="visit", duration_ns=3 * SECOND, zero_ns=0)
    twice = run(tmp_path / "b", capture_id="visit", duration_ns=2 * SECOND, zero_ns=0, speed=2.0)

    found = windows(visit, twice, 5.0)

    assert found.is_paired
    assert found.candidate == Window(0, 3 * SECOND // 2, 1)
    assert found.baseline == Window(0, 3 * SECOND, 1)


def test_a_run_that_is_all_warm_up_is_refused(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=120 * SECOND)
    short = run(tmp_path / "b", duration_ns=10 * SECOND, warmup_ns=10 * SECOND)

    with pytest.raises(ArtefactError, match="nothing of it is behind the warm-up"):
        windows(baseline, short, 5.0)


HOUR = 3600 * SECOND
WEEK = [
    Day("thursday", "2026-01-08", 0, 0, 10 * HOUR),
    Day("friday", "2026-01-09", 24 * HOUR + 7, 1, 10 * HOUR),
    Day("saturday", "2026-01-10", 48 * HOUR, 0, 10 * HOUR),
    Day("short", "2026-01-12", 96 * HOUR, 0, 2 * HOUR),
    Day("tuesday", "2026-01-13", 120 * HOUR - 5 * SECOND, 0, 10 * HOUR),
]


def week(folder: Path, **manifest: object) -> Run:
    captures = ",".join(day.capture_id for day in WEEK)
    made = {"kind": "production", "capture_id": captures, "duration_ns": 130 * HOUR, "days": WEEK}
    return run(folder, **(made | manifest))


def planned(folder: Path, capture: str = "friday", **manifest: object) -> Run:
    made = {"capture_id": capture, "zero_ns": 3 * HOUR + 1, "duration_ns": HOUR}
    return run(folder, **(made | manifest))


def test_a_baseline_of_several_days_gives_the_plan_s_hours_of_each_day_of_its_kind(tmp_path: Path) -> None:
    found = windows(week(tmp_path / "a"), planned(tmp_path / "b"), 5.0)

    assert found.is_paired
    assert found.baseline.start_ns == 27 * HOUR + 7  # three hours into Friday's capture
    assert found.baseline.also == (-24 * HOUR, 96 * HOUR)  # Thursday and Tuesday, at the same time of day
    assert (found.baseline.slices, found.baseline.days, found.baseline.length_s) == (720, 3, 3 * 3600)
    assert found.hours == (
        "Production's baseline is the plan's own hours on 3 days (captures of 2026-01-08, 2026-01-09, 2026-01-13); "
        "1 left out as of another kind of day."
    )


def test_one_capture_of_several_days_gives_the_same_hours_of_each(tmp_path: Path) -> None:
    baseline = run(tmp_path / "a", kind="production", duration_ns=60 * HOUR)

    found = windows(baseline, planned(tmp_path / "b", "c0ffee"), 5.0)

    assert found.baseline.also == (24 * HOUR, 48 * HOUR)
    assert found.hours == "Production's baseline is the plan's own hours on 3 days."
    longer = planned(tmp_path / "c", "c0ffee", zero_ns=0, duration_ns=30 * HOUR)
    assert windows(baseline, longer, 5.0).baseline.also == ()


def test_days_that_do_not_hold_the_plan_s_capture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"is of 5 captures, and .* was not made of one of them, played once"):
        windows(week(tmp_path / "a"), planned(tmp_path / "b", "sunday"), 5.0)
    with pytest.raises(ArtefactError, match="the hours that match are not known"):
        windows(week(tmp_path / "c"), planned(tmp_path / "d", zero_ns=None), 5.0)


def test_a_window_of_several_days_folds_their_times_onto_one(tmp_path: Path) -> None:
    window = Window(10, 5, 2, (-100, 200))

    assert window.folded(np.array([-91, -90, -81, -80, 10, 19, 20, 210, 219, 220])).tolist() == [
        *(-91, 10, 19, -80, 10, 19, 20, 10, 19, 220)
    ]


def test_every_day_is_counted_and_the_load_is_that_of_one(tmp_path: Path) -> None:
    day = shop(1, length_s=100)
    later = 86_400.0
    both = replace(
        day,
        route=day.route * 2,
        intended_s=np.r_[day.intended_s, day.intended_s + later],
        response_s=np.r_[day.response_s, 2 * day.response_s],
        status=200,
    )
    days = [Day("c0ffee", "2026-01-08", 0, 0, 100 * SECOND), Day("other", "2026-01-09", DAY_NS, 0, 100 * SECOND)]
    made = {"kind": "production", "capture_id": "c0ffee,other", "days": days}
    baseline = read_run(write_run(tmp_path / "a", both, **made))
    candidate = read_run(write_run(tmp_path / "b", shop(2, length_s=100)))

    found = compare(baseline, candidate, slice_s=2.0)

    assert found.baseline.n == 2 * found.candidate.n
    assert found.load.of_production == pytest.approx(1.0)
    assert found.judged_share == pytest.approx(1.0)
    assert found.load.mix_distance == pytest.approx(0.0)
    ratio = found.routes["GET /search"].response[0.5].ratio
    assert 0.6 < ratio < 0.8  # between the day that took as long and the one that took twice as long
