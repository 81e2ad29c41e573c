"""One run counted in one pass: latencies, outcomes and lag, per route and slice of intended time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.columns import indices, numbers
from analysis.histogram import BUCKETS, Floats, Histogram, Integers, SliceCounter, cells_of
from analysis.samples import Run
from analysis.shares import Proportion, proportion

OUTCOMES = (
    "ok",
    "miss",
    "server error",
    "turned away",
    "timeout",
    "connect",
    "broken",
    "ceiling",
    "unresolved",
    "refused",
    "stopped",
)
"""What became of a request. ``miss``: answered, with another status class than recorded; ``turned away``: by a 429
that was not recorded; ``broken``: reset, protocol or TLS; ``ceiling``: no slot among the requests in flight;
``unresolved``: a value of an earlier answer was missing; ``refused``: by our own interlock, or a failing hooks file;
``stopped``: by the run's end, nobody's fault."""
OK, MISS, SERVER, TURNED_AWAY, TIMEOUT, CONNECT, BROKEN, CEILING, UNRESOLVED, REFUSED, STOPPED = range(len(OUTCOMES))
ERRORS = (SERVER, TURNED_AWAY, TIMEOUT, CONNECT, BROKEN, CEILING)
"""The target's errors."""
MISSES = (MISS, UNRESOLVED)
TIMED = (OK, TIMEOUT)
"""What latencies are judged by. A request that was given up took at least so long: left out, a build whose slowest
requests run into the time-out would look the faster for it."""
TOO_MANY = 429
NOT_MODIFIED = 304
COUNTED = (OK, *MISSES, *ERRORS)
"""What a request that was sent, or should have been, can become."""

_OF_ERROR = {
    "": OK,
    "timeout": TIMEOUT,
    "connect": CONNECT,
    "ceiling": CEILING,
    "unresolved": UNRESOLVED,
    "refused": REFUSED,
    "hook": REFUSED,
    "stopped": STOPPED,
    "client": STOPPED,  # in a baseline: the person went away
}

_IS_TIMED = np.isin(np.arange(len(OUTCOMES)), TIMED)


@dataclass(frozen=True, slots=True)
class Window:
    """The judged part of a run: ``slices`` slices of ``slice_ns`` from ``start_ns`` on, in the run's own time.

    Further stretches of that length may lie ``also`` nanoseconds away: slice i of each counts as slice i.
    """

    start_ns: int
    slice_ns: int
    slices: int
    also: tuple[int, ...] = ()

    @property
    def end_ns(self) -> int:
        """The first nanosecond after the first stretch."""
        return self.start_ns + self.slice_ns * self.slices

    @property
    def length_s(self) -> float:
        """The length of all stretches in seconds."""
        return self.slice_ns * self.slices * self.days / 1e9

    @property
    def days(self) -> int:
        """How many stretches there are."""
        return 1 + len(self.also)

    def folded(self, times: Integers) -> Integers:
        """``times`` with every stretch moved onto the first one."""
        for shift in self.also:
            is_there = (times >= self.start_ns + shift) & (times < self.end_ns + shift)
            times = times - shift * is_there
        return times


@dataclass(frozen=True, slots=True, eq=False)
class RouteTally:
    """One route of one run within the window."""

    route: str
    response: Histogram
    """Response times (end − intended) of requests that went well, or were given up after so long."""
    service: Histogram
    """Service times (end − sent) of the same; one slice, since they are shown and never judged."""
    failed: Histogram
    """Response times of misses and errors, never mixed with the others; one slice."""
    outcomes: Histogram
    """Counts per slice and outcome (cells are ``OUTCOMES``)."""
    totals: Floats
    """Counts per outcome over all slices."""

    def count(self, *outcomes: int) -> float:
        """How many requests became one of ``outcomes``."""
        return float(self.totals[list(outcomes)].sum())

    @property
    def n(self) -> float:
        """How many requests were answered or failed; those that nobody is to blame for are left out."""
        return self.count(*COUNTED)

    @property
    def miss_share(self) -> float:
        """Share of requests answered otherwise than recorded, or not sent for want of an earlier answer's value."""
        n = self.n
        return self.count(*MISSES) / n if n else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """One run, counted."""

    run: Run
    window: Window
    routes: dict[str, RouteTally]
    lag: Histogram
    """Lag (ready − intended) of every request that became ready, per slice."""
    intended: Floats
    """Requests intended per slice, shape (slices,)."""
    ready: Floats
    """Requests that the generator was free to send, per slice."""
    asked: dict[str, float]
    """Requests per route that were due within the window, whatever became of them."""
    rows: int
    """Samples read, inside the window and outside."""
    contradictory: int
    """Samples within the window that end before they were intended or sent."""
    unrecorded: int
    """Samples within the window of requests that production itself failed, or whose answer nobody recorded."""
    n: float
    """Requests of all routes within the window, those that nobody is to blame for left out."""

    def share_of(self, *outcomes: int) -> float:
        """Share of all requests that became one of ``outcomes``."""
        n = self.n
        return sum(route.count(*outcomes) for route in self.routes.values()) / n if n else 0.0


def tally(run: Run, window: Window) -> Tally:
    """Count the samples of ``run`` that were intended within ``window``.

    Raises:
        ArtefactError: a samples file is damaged or foreign.
    """
    names = _Names()
    response, lag = SliceCounter(window.slices, BUCKETS), SliceCounter(window.slices, BUCKETS)
    service, failed = SliceCounter(1, BUCKETS), SliceCounter(1, BUCKETS)
    outcomes = SliceCounter(window.slices, len(OUTCOMES))
    ready_slices = np.zeros(window.slices)
    asked: Counter[str] = Counter()
    rows = contradictory = unrecorded = 0
    for batch in run.batches():
        rows += batch.num_rows
        asked.update(_asked(batch, window))
        part = _rows(batch, names, window)
        ready_slices += np.bincount(part.ready_slice, minlength=window.slices)
        contradictory += int(np.count_nonzero(np.minimum(part.response_ns, part.service_ns) < 0))
        unrecorded += part.unrecorded
        outcomes.add(part.route, part.time_slice, part.outcome)
        well = np.flatnonzero(_IS_TIMED[part.outcome])
        badly = np.flatnonzero((part.outcome != OK) & (part.outcome < UNRESOLVED))
        route = part.route[well]
        response.add(route, part.time_slice[well], cells_of(part.response_ns[well]))
        service.add(route, np.zeros(well.size, np.int64), cells_of(part.service_ns[well]))
        failed.add(part.route[badly], np.zeros(badly.size, np.int64), cells_of(part.response_ns[badly]))
        lag.add(np.zeros(part.lag_ns.size, np.int64), part.lag_slice, cells_of(part.lag_ns))
    parts = zip(
        names.known,
        *(counter.histograms(len(names.known)) for counter in (response, service, failed, outcomes)),
        strict=True,
    )
    routes = {name: route_tally(name, *found) for name, *found in parts}
    intended = sum((route.outcomes.by_slice() for route in routes.values()), np.zeros(window.slices))
    n = sum(route.n for route in routes.values())
    return Tally(
        run=run,
        window=window,
        routes=routes,
        lag=lag.histograms(1)[0],
        intended=intended,
        ready=ready_slices,
        asked=dict(asked),
        rows=rows,
        contradictory=contradictory,
        unrecorded=unrecorded,
        n=n,
    )


def route_tally(
    route: str, response: Histogram, service: Histogram, failed: Histogram, outcomes: Histogram
) -> RouteTally:
    """One route from its histograms."""
    return RouteTally(route, response, service, failed, outcomes, outcomes.by_cell())


def per_slice(outcomes: Histogram, classes: Sequence[int]) -> Floats:
    """How many requests became one of ``classes``, per slice."""
    weights = np.zeros(outcomes.cells)
    weights[list(classes)] = 1
    return outcomes.by_slice(weights)


def share_of(route: RouteTally, classes: Sequence[int]) -> Proportion:
    """The share of requests that became one of ``classes``, with what their dependence costs."""
    return proportion(per_slice(route.outcomes, classes), per_slice(route.outcomes, COUNTED))


class _Names:
    """Route names, numbered in order of appearance over all batches."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def numbers(self, dictionary: pa.Array) -> Integers:
        """The number of each name in a batch's dictionary."""
        names = (name or "" for name in dictionary.to_pylist())
        return np.array([self.known.setdefault(name, len(self.known)) for name in names], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What one batch holds within the window; arrays of one length, but those of the lag and ``ready_slice``."""

    route: Integers
    time_slice: Integers
    outcome: Integers
    response_ns: Integers
    service_ns: Integers
    lag_slice: Integers
    lag_ns: Integers
    ready_slice: Integers
    unrecorded: int


def _asked(batch: pa.RecordBatch, window: Window) -> dict[str, int]:
    """Requests per route that were due within the window."""
    due, route = window.folded(numbers(batch, "due")), batch.column("route")
    inside = (due >= window.start_ns) & (due < window.end_ns)
    counts = np.bincount(indices(route)[inside], minlength=len(route.dictionary))
    return {name or "": int(count) for name, count in zip(route.dictionary.to_pylist(), counts, strict=True) if count}


def _rows(batch: pa.RecordBatch, names: _Names, window: Window) -> _Rows:
    intended, ready = numbers(batch, "intended"), numbers(batch, "ready")
    at, at_ready = window.folded(intended), window.folded(ready)
    at_ready = at_ready[(at_ready >= max(window.start_ns, 1)) & (at_ready < window.end_ns)]
    inside = (at >= window.start_ns) & (at < window.end_ns)
    column = batch.column("route")
    route, outcome = names.numbers(column.dictionary)[indices(column)], _outcomes(batch)
    end, sent = numbers(batch, "end"), numbers(batch, "sent")
    unrecorded = int(np.count_nonzero(inside & ~_is_known(numbers(batch, "expected_status"))))
    if not inside.all():
        at, intended, ready, end, sent = (times[inside] for times in (at, intended, ready, end, sent))
        route, outcome = route[inside], outcome[inside]
    time_slice = (at - window.start_ns) // window.slice_ns
    became_ready = ready > 0
    return _Rows(
        route=route,
        time_slice=time_slice,
        outcome=outcome,
        response_ns=end - intended,
        service_ns=end - sent,
        lag_slice=time_slice[became_ready],
        lag_ns=(ready - intended)[became_ready],
        ready_slice=(at_ready - window.start_ns) // window.slice_ns,
        unrecorded=unrecorded,
    )


def _outcomes(batch: pa.RecordBatch) -> Integers:
    column = batch.column("error")
    meaning = np.array([_OF_ERROR.get(name or "", BROKEN) for name in column.dictionary.to_pylist()], np.int64)
    outcome = meaning[indices(column)] if meaning.size else np.zeros(batch.num_rows, np.int64)
    status, expected = numbers(batch, "status"), numbers(batch, "expected_status")
    answered = outcome == OK
    outcome[answered & (status == 0)] = BROKEN
    outcome[answered & (status >= 500)] = SERVER
    known = _is_known(expected)
    outcome[answered & (status > 0) & (status < 500) & known & (_class(status) != _class(expected))] = MISS
    outcome[answered & (status == TOO_MANY) & (expected != TOO_MANY)] = TURNED_AWAY
    return outcome


def _is_known(expected: Integers) -> NDArray[np.bool_]:
    """Where production itself failed, nothing says what the right answer would have been."""
    return (expected > 0) & (expected < 500)


def _class(status: Integers) -> Integers:
    """That of a 304 is 2: which of the two comes hangs on a client's cache and the service's tags."""
    return status // 100 - (status == NOT_MODIFIED)
