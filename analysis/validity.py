"""May this run be believed? Only what the generator did can make it INVALID; what the target did never does.

Each check gives its threshold, what was measured and what to do. ``fault`` makes a run INVALID, ``doubt`` leaves at
best INCONCLUSIVE, ``note`` is to be known.
"""

from __future__ import annotations

import msgspec
import numpy as np

from analysis.compare import Comparison
from analysis.gate_file import Gate
from analysis.histogram import Histogram, merged
from analysis.samples import Tick
from analysis.tally import REFUSED, Tally
from analysis.verdict import Check
from analysis.words import percent, times

GENERATOR_STATE = "generator's state"
LOAD_CHANGED = "load changed"
BLINDING = frozenset({GENERATOR_STATE, LOAD_CHANGED})
"""While one of these is in doubt, neither word is possible: a starved generator cannot be told from a slow target,
nor a slow target from one that was asked for more than was ordered."""
_WHOLE = {"complete", "breaker"}
"""Endings that are not the generator's fault."""
_ENDINGS = {
    "unreachable": "the target was gone before it began",
    "worker lost": "a worker of the generator was lost",
    "recorder": "the recorder could not keep up or could not write",
    "interrupted": "somebody interrupted it",
}


def check_run(comparison: Comparison, gate: Gate) -> list[Check]:
    """Every check of the candidate run, in the order in which a person would ask."""
    run = comparison.candidate
    checks = [_ending(run), *_losses(run, gate), _lag(run, gate), _lag_growth(run, gate), _rate(run, gate)]
    checks += _ticks(run, gate)
    checks += [_unsent(run), _mix(comparison, gate), _load(comparison, gate), _load_changed(run), _length(run, gate)]
    checks += [*check_other(comparison.baseline, "baseline", gate), *_provenance(comparison)]
    return [check for check in checks if check is not None]


def check_other(run: Tally, name: str, gate: Gate) -> list[Check]:
    """What is wrong with the run that the candidate is judged by; nothing where it can be believed.

    A baseline that a late generator or a broken-off run made slow would make any candidate look fast.
    """
    manifest = run.run.manifest
    if run.run.is_production:
        missing = max(0, manifest.requests - run.rows)
        if not missing:
            return []
        sentence = f"The {name} lacks {missing} of its {manifest.requests} samples. Make it again."
        return [Check(f"{name}: samples", "fault", str(run.rows), str(manifest.requests), sentence)]
    checks = [_ending(run), *_losses(run, gate), _lag(run, gate), _lag_growth(run, gate), _rate(run, gate)]
    checks += _ticks(run, gate)
    return [
        msgspec.structs.replace(check, name=f"{name}: {check.name}", sentence=f"In the {name}: {check.sentence}")
        for check in checks
        if check is not None and check.state != "ok"
    ]


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
            "own refusals",
            "fault" if refused_share > limit else "ok",
            f"{refused:.0f} ({percent(refused_share)})",
            percent(limit),
            "The generator's own interlock refused requests; name their hosts with --target and run again."
            if refused_share > limit
            else "The generator refused nothing by itself.",
        ),
    ]


def _lag(run: Tally, gate: Gate) -> Check:
    p99 = _ms(run.lag.quantile_ns(0.99))
    limit = max(gate.validity.max_lag_ms, gate.validity.max_lag_share * _median_response_ms(run))
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
                "from a slow target. Make the run with 'replay run'.",
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


def _mix(comparison: Comparison, gate: Gate) -> Check:
    distance, limit = comparison.load.mix_distance, gate.validity.max_mix_distance
    is_off = distance > limit
    return Check(
        "traffic mix",
        ("fault" if comparison.is_paired else "note") if is_off else "ok",
        f"distance {percent(distance)}",
        percent(limit),
        f"The mix of routes differs by {percent(distance)} from the baseline's; look at what the plan left out."
        if is_off
        else "The candidate saw the baseline's mix of routes.",
    )


def _load(comparison: Comparison, gate: Gate) -> Check:
    """Whether the candidate was asked to carry what it is to be ready for."""
    load, manifest = comparison.load.of_production, comparison.candidate.run.manifest
    is_closed = manifest.mode == "closed"
    is_low = load < gate.min_load
    sentence = f"The candidate was asked for {times(load)} production's load."
    if is_closed:
        sentence = "In closed mode the target sets the pace, so the run says nothing about production's load."
    elif is_low:
        sentence = (
            f"The candidate was asked for {times(load)} production's load only; this gate asks for "
            f"{times(gate.min_load)}. Raise --scale, or replay more of what the plan left out."
        )
    state = "doubt" if is_closed or is_low else "ok"
    return Check("load", state, times(load), times(gate.min_load), sentence)


def _load_changed(run: Tally) -> Check:
    """Whether the number of lanes changed within the judged part, by a profile or by a person in Locust's page."""
    first, end = run.window.start_ns // 10**9, run.window.end_ns // 10**9
    changes = {second: lanes for second, lanes in run.run.manifest.load_changes.items() if first <= second < end}
    if not changes:
        return Check(LOAD_CHANGED, "ok", "no change", "no change", "The load was the ordered one throughout.")
    at, lanes = min(changes.items())
    count = f"{len(changes)} change{'s' if len(changes) > 1 else ''}"
    sentence = (
        f"The load was changed while the run was judged, first at {at} s to {lanes} lanes ({count}), by a profile or "
        "in Locust's page, so it is not the load that was ordered. Run it again and leave the load alone, or let "
        "--warmup cover the change."
    )
    return Check(LOAD_CHANGED, "doubt", count, "no change", sentence)


def _length(run: Tally, gate: Gate) -> Check:
    slices = run.window.slices
    is_short = slices < gate.min_slices
    return Check(
        "length",
        "doubt" if is_short else "ok",
        f"{slices} slices of {run.window.slice_ns / 1e9:g} s",
        f"{gate.min_slices} slices",
        f"The judged part is {run.window.length_s:.0f} s long, too short to tell chance from change; "
        f"this gate asks for {gate.min_slices * run.window.slice_ns / 1e9:.0f} s."
        if is_short
        else "The run is long enough to estimate its own variation.",
    )


def _provenance(comparison: Comparison) -> list[Check]:
    found: list[Check] = []
    a, b = comparison.baseline.run, comparison.candidate.run
    if a.is_production and not b.manifest.via_proxy:
        sentence = (
            "Production was measured at a proxy, the candidate at a client: connection and network time count "
            "against the candidate. 'replay run --via-proxy' measures both alike."
        )
        found.append(Check("measured at", "note", "proxy and client", "", sentence))
    if b.manifest.preflight == "overridden":
        found.append(
            Check("preflight", "note", "overridden", "", "The preflight found routes that fail, and was overridden.")
        )
    if b.manifest.preflight == "skipped":
        found.append(Check("preflight", "note", "skipped", "", "The preflight was skipped."))
    return found


def _median_response_ms(run: Tally) -> float:
    parts = [route.response for route in run.routes.values() if route.response.n]
    return _ms(merged(parts).quantile_ns(0.5)) if parts else 0.0


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
