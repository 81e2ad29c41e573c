"""From a comparison to one of four words: READY, NOT READY, INCONCLUSIVE or INVALID.

READY is an intersection-union claim: every gated change is proved to stay below its margin, each at alpha, and no
correction is needed (Berger 1982). NOT READY is a union: some change is proved to exceed its margin after Holm's
correction among its like, a limit is provably broken, or the build broke down. INVALID, which only the generator can
earn, or a replay that reached too little, beats all. What is neither proved nor disproved is INCONCLUSIVE, never a
silent pass.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from analysis.candidacy import Candidacy
from analysis.claims import advice, claims, gated_routes, unjudged
from analysis.compare import TOTAL, Comparison
from analysis.gate_file import Gate
from analysis.multiplicity import benjamini_hochberg, holm
from analysis.noise import RunNoise
from analysis.reference import calibrated
from analysis.rows import change, route_rows, run_row
from analysis.tally import CONNECT, MISS, UNRESOLVED, RouteTally
from analysis.validity import BLINDING, check_other, check_run
from analysis.verdict import VERDICT_FORMAT, Check, Claim, State, Verdict, Watch, Word
from analysis.words import listed, milliseconds, percent, points, quantile, signed

LATENCIES = {"latency", "slo"}
FAILURES = 0.4
"""Which part of alpha goes to the claims about failures: they are more, and those of a failing build are surer."""
BREAKDOWN_SHARE = 0.5
"""A build that refuses more connections than this broke down, whatever else is known."""


def judge(comparison: Comparison, gate: Gate, reference: Comparison | None = None) -> Verdict:
    """The verdict on the candidate, with every reason and all its evidence.

    Args:
        comparison: candidate against baseline.
        reference: candidate against the last good build, where there is one; ``gate.gate_on`` says which of the two
            decides about latency and errors. What was reached is always a share of the baseline.

    Raises:
        ValueError: the gate is to judge by a reference, and there is none.
    """
    if gate.gate_on == "reference" and reference is None:
        raise ValueError("the gate judges by a reference (gate_on), and none was given. Name one with --reference.")
    decides = reference if reference and gate.gate_on == "reference" else comparison
    checks = check_run(comparison, gate)
    if reference:
        checks += check_other(reference.baseline, "reference", gate)
    replayed = reference or (None if comparison.baseline.run.is_production else comparison)
    settled = [item for item in settle(claims(decides, gate, replayed), gate.alpha) if _is_shown(item)]
    reached = _reached(comparison, gate)
    faults = [check.sentence for check in checks if check.state == "fault"]
    doubts = [check.sentence for check in checks if check.state == "doubt"]
    blind = [check.sentence for check in checks if check.state == "doubt" and check.name in BLINDING]
    broken = _breakdown(comparison)
    failed = sorted((c.claim for c in settled if c.claim.state is State.FAILED), key=_gravity)
    missing = [c for c in settled if c.is_required and c.claim.state in {State.OPEN, State.UNJUDGED}]
    missing.sort(key=lambda item: (item.claim.state is State.OPEN, _gravity(item.claim)))

    if faults:
        word, reasons = Word.INVALID, faults
    elif broken:
        word, reasons = Word.NOT_READY, broken + [_failing(claim) for claim in failed]
    elif reached.state == "fault":
        word, reasons = Word.INVALID, [reached.sentence]
    elif blind:
        word, reasons = Word.INCONCLUSIVE, blind
    elif failed:
        word, reasons = Word.NOT_READY, [_failing(claim) for claim in failed]
    elif doubts or missing:
        word, reasons = Word.INCONCLUSIVE, doubts + [_open(claim) for claim in missing]
    elif not any(c.claim.state is State.PASSED for c in settled):
        word, reasons = Word.INCONCLUSIVE, ["Nothing could be judged: no gated route has enough requests."]
    else:
        word, reasons = Word.READY, [_holds(settled, reached)]

    detectable = _detectable(settled)
    assumptions = [comparison.hours] if comparison.hours else []
    assumptions += _assumptions(decides, gate, reference is not None)
    return Verdict(
        format=VERDICT_FORMAT,
        verdict=word,
        exit_code=word.exit_code,
        headline=_headline(word, reasons, detectable, comparison.noise),
        reasons=reasons,
        assumptions=assumptions,
        checks=[*checks, reached],
        claims=[c.claim for c in settled],
        watch=_watch(decides, gate),
        routes=route_rows(decides, gate.alpha, set(gated_routes(decides, gate))),
        unreached=_unreached(comparison, gate),
        judged_share=comparison.judged_share,
        mix_distance=comparison.load.mix_distance,
        is_paired=decides.is_paired,
        run_noise=comparison.noise.sd,
        noise_runs=comparison.noise.runs,
        detectable=detectable,
        baseline=run_row(decides.baseline),
        candidate=run_row(comparison.candidate),
        gate=gate,
        reference=run_row(reference.baseline) if reference else None,
        calibrated=calibrated(comparison, reference, gate.alpha) if reference else [],
    )


def settle(pending: Sequence[Candidacy], alpha: float) -> list[Candidacy]:
    """The same claims with their states: passed each at ``alpha``, failed by Holm among their like.

    Latencies take ``1 − FAILURES`` of ``alpha`` and shares of failures the rest, so that the many claims that nothing
    fails cost the few that something became slower no power; together they err no more often than ``alpha``.
    """
    tested = [item for item in pending if item.difference is not None]
    slow = [item for item in tested if item.claim.kind in LATENCIES]
    failing = [item for item in tested if item.claim.kind not in LATENCIES]
    part = FAILURES if slow and failing else 1.0 if failing else 0.0
    rejected: set[int] = set()
    for family, share in ((slow, 1 - part), (failing, part)):
        stands = holm([item.claim.p_worse for item in family], share * alpha)
        rejected |= {id(item) for item, is_rejected in zip(family, stands, strict=True) if is_rejected}
    found: list[Candidacy] = []
    for item in pending:
        state = item.claim.state
        if item.difference is not None:
            state = State.FAILED if id(item) in rejected else State.OPEN
            if not item.held and item.difference.upper_at(alpha) < item.margin:
                state = State.PASSED
        found.append(replace(item, claim=msgspec.structs.replace(item.claim, state=state)))
    return found


def _is_shown(item: Candidacy) -> bool:
    """What is asked only to find a wreck is shown where it found one."""
    return item.is_required or item.claim.state in {State.FAILED, State.UNJUDGED}


def _breakdown(comparison: Comparison) -> list[str]:
    run = comparison.candidate
    manifest = run.run.manifest
    found: list[str] = []
    if manifest.ended == "breaker":
        at = f" after {manifest.ended_at_ns / 1e9:.0f} s" if manifest.ended_at_ns else ""
        why = f" ({manifest.ended_reason})" if manifest.ended_reason else ""
        found.append(f"The build broke down under the load: the breaker ended the run{at}{why}.")
    share = run.share_of(CONNECT)
    if share > BREAKDOWN_SHARE:
        found.append(f"The build refused connections: {percent(share)} of the requests could not connect.")
    return found


def _is_starved(route: RouteTally) -> bool:
    return route.count(UNRESOLVED) > route.count(MISS)


def _reached(comparison: Comparison, gate: Gate) -> Check:
    share = comparison.judged_share
    is_low = share < gate.min_judged_share
    why = _unreached(comparison, gate)
    absent = sorted(name for name in why if name not in comparison.routes)
    missed = sorted(name for name in why if name in comparison.routes)
    parts = [f"not replayed: {listed(absent)}"] if absent else []
    unsent = [name for name in missed if _is_starved(comparison.candidate.routes[name])]
    missed = [name for name in missed if name not in unsent]
    parts += [f"answered otherwise than recorded: {listed(missed)}"] if missed else []
    parts += [f"not sent, for want of values of earlier answers: {listed(unsent)}"] if unsent else []
    detail = f" ({'; '.join(parts)})" if parts else ""
    return Check(
        "judged share",
        "fault" if is_low else "ok",
        percent(share),
        percent(gate.min_judged_share),
        f"The replay reached {percent(share)} of production's traffic{detail}; "
        f"a verdict needs {percent(gate.min_judged_share)}. 'replay plan' shows what is missing and the cure."
        if is_low
        else f"The replay reached {percent(share)} of production's traffic{detail}.",
    )


def _unreached(comparison: Comparison, gate: Gate) -> dict[str, str]:
    found = {name: unjudged(comparison, gate, name) for name in comparison.baseline.routes}
    return {name: why for name, why in sorted(found.items()) if why and comparison.baseline.routes[name].n}


def _gravity(claim: Claim) -> tuple[bool, float, float]:
    """Routes before the total, then what is surest, then what is furthest beyond its margin."""
    return claim.route == TOTAL, claim.p_worse, -(claim.change or 0.0) / (claim.margin or 1.0)


def _failing(claim: Claim) -> str:
    """What is wrong, how much of it is sure, and what would have been allowed."""
    before, after, margin = claim.baseline or 0.0, claim.candidate or 0.0, claim.margin or 0.0
    lower = claim.lower or 0.0
    if claim.kind == "latency":
        return (
            f"{claim.route} is slower: {quantile(claim.quantile or 0)} {milliseconds(before)} → "
            f"{milliseconds(after)}, {signed(claim.change or 0)}, at least {signed(lower)}; allowed {signed(margin)}."
        )
    if claim.kind == "errors":
        cause = f", mostly {claim.cause}" if claim.cause else ""
        return (
            f"{claim.route} fails: {percent(after)} of requests{cause}, before {percent(before)}, "
            f"at least {points(lower)}; allowed {points(margin)}."
        )
    return f"Beyond its limit: {claim.sentence}."


def _open(item: Candidacy) -> str:
    help_ = advice(item.claim, held=bool(item.held))
    return f"{item.claim.sentence}; {help_}." if help_ else f"{item.claim.sentence}."


def _holds(settled: Sequence[Candidacy], reached: Check) -> str:
    passed = [item.claim for item in settled if item.claim.state is State.PASSED]
    routes = {claim.route for claim in passed} - {TOTAL}
    about = f"{len(routes)} gated route{'' if len(routes) == 1 else 's'}"
    total = " and all traffic together" if any(claim.route == TOTAL for claim in passed) else ""
    holds = f"All {len(passed)} claims about {about}{total} hold."
    return holds if reached.measured == percent(1.0) else f"{holds} {reached.sentence}"


def _detectable(settled: Sequence[Candidacy]) -> float | None:
    found = [item.claim.detectable for item in settled if item.claim.kind == "latency"]
    known = [value for value in found if value is not None]
    return statistics.median(known) if known else None


def _headline(word: Word, reasons: Sequence[str], detectable: float | None, noise: RunNoise) -> str:
    parts = [reasons[0]]
    if len(reasons) > 1:
        parts.append(f"{len(reasons) - 1} more {'reason' if len(reasons) == 2 else 'reasons'}.")
    if word is not Word.INVALID and detectable is not None:
        parts.append(f"Detectable change: {signed(detectable)}.")
    if word is not Word.INVALID and noise.runs:
        parts.append(f"Run-to-run noise of {percent(noise.sd)}, measured by {noise.runs} A/A runs, is included.")
    elif word is not Word.INVALID and noise.sd:
        parts.append(f"Run-to-run noise of {percent(noise.sd)} is assumed, not measured.")
    return " ".join(parts)


def _assumptions(comparison: Comparison, gate: Gate, has_reference: bool) -> list[str]:
    found: list[str] = []
    if has_reference:
        found.append(
            "The reference decides about latency, errors and misses."
            if gate.gate_on == "reference"
            else "The baseline decides about latency and errors, the reference about misses."
        )
    noise = comparison.noise
    if noise.runs:
        by = ", ".join(f"{quantile(p)} {percent(sd)}" for p, sd in noise.by_quantile.items())
        doubt = ", ".join(f"{quantile(p)} {percent(sd)}" for p, sd in noise.not_ruled_out().items())
        doubt = f"; so few runs do not rule out {doubt}, which counts instead" if doubt else ""
        found.append(
            f"Run-to-run noise was measured by {noise.runs} A/A runs ({by}) and widens every interval{doubt}."
        )
    elif noise.sd:
        found.append(
            f"Run-to-run noise of {percent(noise.sd)} is assumed and widens every interval, since fewer than "
            "three A/A runs measured it."
        )
    else:
        found.append("Run-to-run noise is not included: two runs of one build may differ by more than the intervals.")
    if comparison.is_paired:
        found.append("Both runs follow one schedule, slice by slice, and are compared as a pair.")
    relaxed = gate.relaxed()
    if relaxed:
        found.append(f"This gate asks less than the defaults do: {'; '.join(relaxed)}.")
    return found


def _watch(comparison: Comparison, gate: Gate) -> list[Watch]:
    gated = {(name, p) for name in gated_routes(comparison, gate) for p in gate.quantiles}
    candidates: list[Watch] = []
    for name, route in comparison.routes.items():
        failing = route.errors["any error"].difference
        if name not in {gated_name for gated_name, _ in gated}:
            lower = failing.lower_at(gate.alpha)
            candidates.append(Watch(name, None, failing.estimate, lower, failing.p_above(0.0)))
        for p, row in route.response.items() if name in comparison.judged else ():
            if (name, p) in gated or not row.is_enough(gate.alpha):
                continue
            slower = row.difference
            bound = change(slower.lower_at(gate.alpha))
            candidates.append(Watch(name, p, row.ratio - 1, bound, slower.p_above(0.0)))
    stands = benjamini_hochberg([item.p_worse for item in candidates], gate.alpha)
    found = [item for item, is_found in zip(candidates, stands, strict=True) if is_found]
    return sorted(found, key=lambda item: item.p_worse)
