"""Which part of two runs is judged, and whether its slices are the same parts of one schedule.

A baseline may cover several days. Judged are then the hours that the plan was recorded in, and the same hours of the
other days of its kind, slice upon slice: what one day did by chance weighs less, and the pairing stays.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from analysis.samples import ArtefactError, Day, Manifest, Run
from analysis.tally import Window

DAY_NS = 86_400 * 10**9
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Windows:
    """The judged part of each run."""

    baseline: Window
    candidate: Window
    is_paired: bool
    """Whether slice i of both is the same part of one schedule."""
    hours: str = ""
    """Which hours of a baseline of several days were taken, as a sentence; '' where there was no choice."""


def windows(baseline: Run, candidate: Run, slice_s: float) -> Windows:
    """The judged window of each run.

    A candidate's window is warmup ≤ intended < duration, cut at the run's early end (but at least one slice). Where
    both runs follow one schedule, the baseline's window is the same part of it, in its own pace; otherwise it is the
    baseline's whole.

    Raises:
        ArtefactError: a run has no judged part, or a baseline of several days does not say which hours match.
    """
    a, b = baseline.manifest, candidate.manifest
    own = _own_day(a, b) if baseline.is_production else None
    if a.days and own is None:
        raise ArtefactError(
            f"{baseline.folder}: is of {len(a.days)} captures, and {candidate.folder} was not made of one of them, "
            "played once, so the hours that match are not known. Name a baseline that holds the plan's own capture, "
            "or one of a single capture."
        )
    offset = own.begin_ns + (b.zero_ns or 0) - own.zero_ns if own else 0
    is_paired = own is not None or (
        not baseline.is_production and a.plan_hash == b.plan_hash != "" and a.speed == b.speed
    )
    start_b, end_b = b.warmup_ns, min(b.duration_ns, b.ended_at_ns or b.duration_ns)
    start_a, end_a = a.warmup_ns, min(a.duration_ns, a.ended_at_ns or a.duration_ns)
    if own:
        start_a, end_a = own.begin_ns, own.begin_ns + own.duration_ns
    pace = b.speed if is_paired and baseline.is_production else 1.0
    if is_paired:
        start_b = max(start_b, round((start_a - offset) / pace))
        start_a = round(start_b * pace) + offset
    slice_ns = round(slice_s * 1e9)
    if b.ended != "complete" and end_b - start_b < slice_ns:
        start_a, start_b, end_b = offset, 0, slice_ns  # it broke down at once: that much is to be seen
    for run, length in ((baseline, end_a - start_a), (candidate, end_b - start_b)):
        if length <= 0:
            raise ArtefactError(
                f"{run.folder}: nothing of it is behind the warm-up. Make a longer run, or lower the warm-up."
            )
    # What is shorter than a slice is one slice, as long as it is: too little to judge, as the verdict then says.
    if is_paired:
        slice_b = max(1, min(slice_ns, end_b - start_b, int((end_a - start_a) / pace)))
        slice_a = max(1, round(slice_b * pace))
    else:
        slice_a, slice_b = min(slice_ns, end_a - start_a), min(slice_ns, end_b - start_b)
    count_a, count_b = (end_a - start_a) // slice_a, (end_b - start_b) // slice_b
    if is_paired:
        count_a = count_b = min(count_a, count_b)
    found = Windows(Window(start_a, slice_a, count_a), Window(start_b, slice_b, count_b), is_paired)
    return _with_other_days(found, a, own) if own else found


def _own_day(a: Manifest, b: Manifest) -> Day | None:
    """The capture of baseline ``a`` that ``b`` was planned from; None where that is not known."""
    if a.zero_ns is None or b.zero_ns is None or not b.capture_id:
        return None
    days = a.days or [Day(a.capture_id, "", a.warmup_ns, a.zero_ns + a.warmup_ns, a.duration_ns - a.warmup_ns)]
    return next((day for day in days if day.capture_id == b.capture_id), None)


def _with_other_days(found: Windows, a: Manifest, own: Day) -> Windows:
    """The same hours of the other days too, of those that are of one kind with the plan's."""
    window = found.baseline
    if window.end_ns - window.start_ns > DAY_NS:
        return found  # a plan of more than a day has no time of day
    also: list[int] = []
    dates: list[str] = [own.date]
    other_kind = 0
    for day in a.days or [own]:
        first = -((window.start_ns - day.begin_ns) // DAY_NS)
        last = (day.begin_ns + day.duration_ns - window.end_ns) // DAY_NS
        shifts = [number * DAY_NS for number in range(first, last + 1) if number]
        if shifts and not _is_of_kind(day, own):
            other_kind += len(shifts)
            continue
        also += shifts
        dates += [day.date] * len(shifts)
    if not a.days and not also:
        return found
    named = f" (captures of {', '.join(sorted(set(dates)))})" if any(dates) else ""
    left_out = f"; {other_kind} left out as of another kind of day" if other_kind else ""
    days = "one day" if not also else f"{1 + len(also)} days"
    hours = f"Production's baseline is the plan's own hours on {days}{named}{left_out}."
    return Windows(
        Window(window.start_ns, window.slice_ns, window.slices, tuple(sorted(also))),
        found.candidate,
        found.is_paired,
        hours,
    )


def _is_of_kind(day: Day, own: Day) -> bool:
    """Working days among themselves, weekends too; within one capture, and where no date is known, every day."""
    if day is own or not (day.date and own.date):
        return True
    kinds = [dt.date.fromisoformat(each.date).weekday() >= SATURDAY for each in (day, own)]
    return kinds[0] == kinds[1]
