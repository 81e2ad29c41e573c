"""May this run be believed? Only what the generator did can make it INVALID; what the target did never does.

Each check gives its threshold, what was measured and what to do. ``fault`` makes a run INVALID, ``doubt`` leaves at
best INCONCLUSIVE, ``note`` is to be known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec

from analysis.compare import Comparison
from analysis.gate_file import Gate
from analysis.generator import GENERATOR_STATE, contradictions, generator_checks
from analysis.tally import Tally
from analysis.verdict import Check
from analysis.words import percent, seconds, times

LOAD_CHANGED = "load changed"
MAX_OF_SCHEDULE = 1.05
"""A replay of the baseline's own plan has no more requests than the plan times its clones, but for edges."""
MAX_AGE_DAYS = 30
"""A baseline that is older is told; what production takes changes with its build and its data."""
_AGAINST = "connection and network time count against the candidate. 'replay run --via-proxy' measures"
_MEASURED_APART = {
    ("proxy", "client"): f"Production was measured at a proxy, the candidate at a client: {_AGAINST} both alike.",
    (
        "server",
        "client",
    ): f"Production's times are its server's own, the candidate's a client's: {_AGAINST} nearer to it.",
    **dict.fromkeys(
        (("client", "client"), ("client", "proxy")),
        "Production was measured by the client that recorded it, over its own network: where the candidate's way is "
        "shorter, that counts for the candidate. Trust READY only after a capture at a proxy.",
    ),
}
"""What is to be known, by where the times of production and of the candidate were taken."""
BLINDING = frozenset({GENERATOR_STATE, LOAD_CHANGED})
"""While one of these is in doubt, neither word is possible: a starved generator cannot be told from a slow target,
nor a slow target from one that was asked for more than was ordered."""


def check_run(comparison: Comparison, gate: Gate) -> list[Check]:
    """Every check of the candidate run, in the order in which a person would ask."""
    run = comparison.candidate
    checks = generator_checks(run, gate)
    checks += [_mix(comparison, gate), _load(comparison, gate), _load_changed(run), _length(run, gate)]
    checks += [*_surplus(comparison), *_unrecorded(run, gate)]
    return [*checks, *check_other(comparison.baseline, "baseline", gate), *_provenance(comparison)]


def check_other(run: Tally, name: str, gate: Gate) -> list[Check]:
    """What is wrong with the run that the candidate is judged by; nothing where it can be believed.

    A baseline that a late generator or a broken-off run made slow would make any candidate look fast.
    """
    checks = [_whole(run), contradictions(run, gate)] if run.run.is_production else generator_checks(run, gate)
    return [
        msgspec.structs.replace(check, name=f"{name}: {check.name}", sentence=f"In the {name}: {check.sentence}")
        for check in checks
        if check.state != "ok"
    ]


def _whole(run: Tally) -> Check:
    """Whether the samples of production are those that its manifest speaks of, each once."""
    wanted = run.run.manifest.requests
    is_whole = run.rows == wanted
    return Check(
        "samples",
        "ok" if is_whole else "fault",
        str(run.rows),
        str(wanted),
        "Every sample is there." if is_whole else f"there are {run.rows:,} samples of {wanted:,}. Make it again.",
    )


def _mix(comparison: Comparison, gate: Gate) -> Check:
    distance = comparison.load.mix_distance
    limit = gate.validity.max_mix_distance + comparison.load.mix_chance
    is_off = distance > limit
    return Check(
        "traffic mix",
        ("fault" if comparison.is_paired else "note") if is_off else "ok",
        f"distance {percent(distance)}",
        percent(limit),
        f"The mix of routes differs by {percent(distance)} from the baseline's, most by {_most_moved(comparison)}; "
        "look at what the plan left out."
        if is_off
        else "The candidate saw the baseline's mix of routes.",
    )


def _most_moved(comparison: Comparison) -> str:
    """The route whose share of the traffic moved most, with both shares."""
    a, b = comparison.baseline.asked, comparison.candidate.asked
    n_a, n_b = (sum(asked.get(name, 0.0) for name in comparison.routes) for asked in (a, b))
    shares = {name: (a.get(name, 0.0) / n_a, b.get(name, 0.0) / n_b) for name in comparison.routes}
    name, (before, after) = max(shares.items(), key=lambda each: abs(each[1][0] - each[1][1]))
    return f"{name} ({percent(before)} → {percent(after)})"


def _surplus(comparison: Comparison) -> Iterator[Check]:
    """Whether there are more requests than the run's lanes hold: some count twice, whatever its manifest says."""
    of_schedule, run = comparison.load.of_schedule, comparison.candidate.run.manifest
    if comparison.is_paired and of_schedule > MAX_OF_SCHEDULE and run.mode != "closed" and not run.load_changes:
        yield Check(
            "schedule",
            "fault",
            times(of_schedule),
            times(MAX_OF_SCHEDULE),
            f"The run holds {times(of_schedule)} the requests that its plan has at this scale, so some count twice. "
            "Run again.",
        )


def _unrecorded(run: Tally, gate: Gate) -> Iterator[Check]:
    """Whether enough of the recorded answers are known to tell a right one from a wrong one."""
    share, limit = run.unrecorded / max(1.0, float(run.intended.sum())), 1 - gate.min_judged_share
    if share > limit:
        yield Check(
            "recorded answers",
            "doubt",
            f"{percent(share)} unknown",
            percent(limit),
            f"Of {percent(share)} of the requests no answer was recorded but a failure, so a build that answers all "
            "of them with 404 would look well. Record answers too, at an hour when they do not fail.",
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
        f"The judged part is {seconds(run.window.length_s)} long, too short to tell chance from change; "
        f"this gate asks for {seconds(gate.min_slices * gate.slice_s)}."
        if is_short
        else "The run is long enough to estimate its own variation.",
    )


def _days_between(earlier: str, later: str) -> int:
    """Days from one day to another, each as a manifest writes it; 0 where one of them is no date."""
    try:
        return (dt.date.fromisoformat(later[:10]) - dt.date.fromisoformat(earlier[:10])).days
    except ValueError:
        return 0


def _provenance(comparison: Comparison) -> list[Check]:
    found: list[Check] = []
    a, b = comparison.baseline.run, comparison.candidate.run
    if a.is_production and (a.measured_at, b.measured_at) in _MEASURED_APART:
        where = f"{a.measured_at} and {b.measured_at}"
        found.append(Check("measured at", "note", where, "", _MEASURED_APART[a.measured_at, b.measured_at]))
    age = _days_between(a.manifest.created, b.manifest.created)
    if a.is_production and age > MAX_AGE_DAYS:
        sentence = f"The baseline is {age} days older than the run; production may have changed. Capture it again."
        found.append(Check("age", "note", f"{age} days", f"{MAX_AGE_DAYS} days", sentence))
    if b.manifest.preflight == "overridden":
        found.append(
            Check("preflight", "note", "overridden", "", "The preflight found routes that fail, and was overridden.")
        )
    if b.manifest.preflight == "skipped":
        found.append(Check("preflight", "note", "skipped", "", "The preflight was skipped."))
    return found
