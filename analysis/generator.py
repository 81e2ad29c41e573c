"""What the generator itself did wrong in a run: the only thing that makes it INVALID.

Each check gives its threshold, what was measured and what to do.
"""

from __future__ import annotations

import numpy as np

from analysis.gate_file import Gate
from analysis.histogram import BUCKETS, Histogram, quantile_ns
from analysis.samples import Tick
from analysis.tally import REFUSED, STOPPED, Tally
from analysis.verdict import Check
from analysis.words import percent

GENERATOR_STATE = "generator's state"
MAX_STOPPED_SHARE = 0.005
"""Share of requests that may have been stopped unanswered; as many more failures as a gate allows by default."""
_WHOLE = {"complete", "breaker"}
"""Endings that are not the generator's fault."""
_ENDINGS = {
    "unreachable": "the target was gone before it began",
    "worker lost": "a worker of the generator was lost",
    "recorder": "the recorder could not keep up or could not write",
    "interrupted": "somebody interrupted it",
}


def generator_checks(run: Tally, gate: Gate) -> list[Check]:
    """What the generator did, in the order in which a person would ask."""
    checks = [_ending(run), *_losses(run, gate), contradictions(run, gate), _lag(run, gate), _lag_growth(run, gate)]
    checks += [_rate(run, gate), *_ticks(run, gate), _unsent(run), _unanswered(run)]
    return [check for check in checks if check is not None]


def _ending(run: Tally) -> Check | None:
    ended = run.run.manifest.ended
    if ended not in _WHOLE or run.run.manifest.lost_workers:
        lost = run.run.manifest.lost_workers
        why = _ENDINGS.get(
            ended, f"{lost} workers of the generator were lost" if lost else f"it ended as '{ended[:40]}'"
        )
        reason = run.run.manifest.ended_reason
        why += f" ({reason[:200]})" if reason else ""
        return Check("ending", "fault", ended, "complete", f"The run did not complete: {why}. Run it again.")
    return Check("ending", "ok", ended, "complete", "The generator worked to the end.")


def _losses(run: Tally, gate: Gate) -> list[Check]:
    manifest, limit = run.run.manifest, gate.validity.max_lost_share
    lost = manifest.lost_samples + max(0, manifest.requests - run.rows)
    share = lost / max(1, run.rows + lost)
    surplus = max(0, run.rows - manifest.requests)
    surplus_share = surplus / max(1, run.rows)
    refused = sum(route.count(REFUSED) for route in run.routes.values())
    refused_share = refused / max(1.0, run.n + refused)
    return [
        Check(
            "lost samples",
            "fault" if share > limit else "ok",
            f"{lost} ({percent(share)})",
            percent(limit),
            f"{percent(share)} of the samples were lost; look for a full disk or an overloaded generator. Run again."
            if share > limit
            else "Every request that was sent is accounted for.",
        ),
        Check(
            "samples twice",
            "fault" if surplus_share > limit else "ok",
            f"{surplus} ({percent(surplus_share)})",
            percent(limit),
            f"The run holds {surplus:,} samples more than it wrote, so some would count twice. Run again."
            if surplus_share > limit
            else "No sample stands there twice.",
        ),
        Check(
            "own refusals",
            "fault" if refused_share > limit else "ok",
            f"{refused:.0f} ({percent(refused_share)})",
            percent(limit),
            "The generator itself refused requests: name their hosts with --target, raise --max-rate, or look into "
            "run.json for what failed in a hooks file."
            if refused_share > limit
            else "The generator refused nothing by itself.",
        ),
    ]


def contradictions(run: Tally, gate: Gate) -> Check:
    """Whether the times of a sample can be true; what ends before it was sent would look fast."""
    share, limit = run.contradictory / max(1.0, run.n), gate.validity.max_lost_share
    is_off = share > limit
    return Check(
        "times",
        "fault" if is_off else "ok",
        f"{run.contradictory} ({percent(share)})",
        percent(limit),
        f"{percent(share)} of the samples end before they were intended or sent: a clock was set, or the file is "
        "damaged. Make the run again."
        if is_off
        else "The times of every sample agree with each other.",
    )


def _lag(run: Tally, gate: Gate) -> Check:
    p99 = _ms(run.lag.quantile_ns(0.99))
    limit = max(gate.validity.max_lag_ms, gate.validity.max_lag_share * _median_response_ms(run))
    if run.lag.n == 0 and run.n:
        sentence = "No sample says when its request was ready, so the generator may have been late. Run again."
        return Check("lag", "fault", "unknown", f"{limit:.1f} ms", sentence)
    if run.lag.n == 0:
        return Check("lag", "ok", "no request was due", f"{limit:.1f} ms", "Nothing was due, so nothing was late.")
    is_late = p99 > limit
    return Check(
        "lag",
        "fault" if is_late else "ok",
        f"p99 {p99:.1f} ms",
        f"{limit:.1f} ms",
        f"The generator itself was late: lag p99 {p99:.1f} ms, limit {limit:.1f} ms. "
        "Give it more CPU or more workers, or lower the scale."
        if is_late
        else "The generator sent on time; every delay that was measured is the target's.",
    )


def _lag_growth(run: Tally, gate: Gate) -> Check | None:
    third = run.window.slices // 3
    if third < 5:
        return None
    first, last = (_ms(_slices(run.lag, *ends).quantile_ns(0.99)) for ends in ((0, third), (2 * third, 3 * third)))
    limit = max(gate.validity.max_lag_ms, 3 * first)
    is_growing = last > limit
    return Check(
        "lag growth",
        "fault" if is_growing else "ok",
        f"p99 {first:.1f} → {last:.1f} ms",
        f"{limit:.1f} ms in the last third",
        "The generator fell behind more and more. Give it more CPU or more workers, or lower the scale."
        if is_growing
        else "The lag did not grow over the run.",
    )


def _rate(run: Tally, gate: Gate) -> Check:
    """Requests made ready against those intended, slice by slice; lag within its limit moves some over an edge."""
    limits = gate.validity
    over_an_edge = 3 + 2 * run.intended * limits.max_lag_ms * 1e6 / run.window.slice_ns
    off = np.abs(run.ready - run.intended) > np.maximum(limits.max_rate_error * run.intended, over_an_edge)
    share = float(off.mean())
    is_off = share > limits.max_off_slices
    return Check(
        "achieved rate",
        "fault" if is_off else "ok",
        f"{percent(share)} of slices off",
        f"{percent(limits.max_off_slices)} of slices off by {percent(limits.max_rate_error)}",
        "The generator did not reach the intended rate. Give it more CPU or more workers, or lower the scale."
        if is_off
        else "The intended rate was reached.",
    )


def _ticks(run: Tally, gate: Gate) -> list[Check]:
    limits, window = gate.validity, run.window
    end_ns = min(window.end_ns, run.run.manifest.ended_at_ns or window.end_ns)
    first, last = -(-window.start_ns // 10**9), end_ns // 10**9
    ticks = [tick for tick in run.run.manifest.ticks if first <= tick.second < last]
    if not ticks:
        return [
            Check(
                GENERATOR_STATE,
                "doubt",
                "unknown",
                "",
                "The run holds no word of its generator's CPU and event loop, so a starved generator cannot be told "
                "from a slow target. Make the run with 'replay run', some seconds long at least.",
            )
        ]
    cpu = np.array([tick.cpu for tick in ticks])
    loop_ms = np.array([tick.loop_lag_ns for tick in ticks]) / 1e6
    busy, slow = float((cpu > limits.max_cpu).mean()), float((loop_ms > limits.max_loop_lag_ms).mean())
    stalled = bool(loop_ms.max() > limits.max_stall_ms)
    is_slow = slow > limits.max_slow_seconds and int((loop_ms > limits.max_loop_lag_ms).sum()) > 1
    return [
        Check(
            "generator CPU",
            "fault" if busy > limits.max_busy_seconds else "ok",
            f"{percent(busy)} of seconds above {percent(limits.max_cpu)}, largest {percent(float(cpu.max()))}",
            f"{percent(limits.max_busy_seconds)} of seconds",
            "The generator was starved of CPU. Give it more cores or more workers, or lower the scale."
            if busy > limits.max_busy_seconds
            else "The generator had CPU to spare.",
        ),
        Check(
            "generator stalls",
            "fault" if stalled or is_slow else "ok",
            f"longest {loop_ms.max():.0f} ms, {percent(slow)} of seconds above {limits.max_loop_lag_ms:.0f} ms",
            f"{limits.max_stall_ms:.0f} ms, {percent(limits.max_slow_seconds)} of seconds",
            "The generator's event loop stood still. Run it on a quieter machine."
            if stalled or is_slow
            else "The generator's event loop never stood still for long.",
        ),
        _silence(run, ticks, first, last),
    ]


def _silence(run: Tally, ticks: list[Tick], first: int, last: int) -> Check:
    """Seconds of which a worker said nothing; the first and the last may be cut."""
    heard: dict[int, set[int]] = {}
    for tick in ticks:
        heard.setdefault(tick.worker, set()).add(tick.second)
    expected = max(1, last - first - 2)
    silent = sum(max(0, expected - len(seconds - {first, last - 1})) for seconds in heard.values())
    missing = max(0, run.run.manifest.workers - len(heard))
    is_silent = missing > 0 or silent > max(1, 0.01 * expected * len(heard))
    return Check(
        "missing seconds",
        "fault" if is_silent else "ok",
        f"{silent} s silent, {missing} workers missing",
        "1 % of seconds",
        "A worker of the generator said nothing for a while or at all. Run again on a quieter machine."
        if is_silent
        else "Every worker reported every second.",
    )


def _unsent(run: Tally) -> Check | None:
    """Requests that became due and left no sample."""
    manifest = run.run.manifest
    if not manifest.planned:
        return None
    share = max(0, manifest.planned - manifest.requests - manifest.lost_samples) / manifest.planned
    is_short = share > 0.02
    return Check(
        "unsent",
        "fault" if is_short else "ok",
        percent(share),
        "2 %",
        f"{percent(share)} of the planned requests were never sent. Give the generator more CPU, and run again."
        if is_short
        else "Everything that became due was sent.",
    )


def _unanswered(run: Tally) -> Check | None:
    """Requests that the run ended before the target did: the slowest of them, of which nothing is known."""
    stopped = sum(route.count(STOPPED) for route in run.routes.values())
    share = stopped / max(1.0, run.n + stopped)
    if share <= MAX_STOPPED_SHARE:
        return None
    return Check(
        "unanswered",
        "doubt",
        f"{stopped:.0f} ({percent(share)})",
        percent(MAX_STOPPED_SHARE),
        f"{percent(share)} of the requests were stopped before they were answered, so nothing says how long the "
        "target would have taken. Make a run that nobody ends, with a constant load.",
    )


def _median_response_ms(run: Tally) -> float:
    return _ms(quantile_ns(sum((route.response.by_cell() for route in run.routes.values()), np.zeros(BUCKETS)), 0.5))


def _slices(histogram: Histogram, first: int, end: int) -> Histogram:
    inside = (histogram.time_slice >= first) & (histogram.time_slice < end)
    return Histogram(
        histogram.slices,
        histogram.time_slice[inside],
        histogram.cell[inside],
        histogram.count[inside],
        histogram.cells,
    )


def _ms(value_ns: float) -> float:
    return 0.0 if np.isnan(value_ns) else value_ns / 1e6
