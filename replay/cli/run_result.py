"""Performs a prepared run: preflight, Locust, and the run's folder with samples and manifest."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from replay.artefacts import left_behind, new_folder, versions, write_manifest
from replay.cli import run_preflight
from replay.cli.output import progress
from replay.cli.run_load import load_changes
from replay.cli.run_master import collect, gather, listening, start_far, with_hosts
from replay.cli.run_order import Order
from replay.cli.run_processes import import_path, start_locust
from replay.cli.run_survey import Survey
from replay.cli.run_via import proxies
from replay.cli.run_watch import Watch, watch
from replay.errors import ReplayError
from replay.hosts.master import Master
from replay.journal import journal_path
from replay.plan.store import PlanManifest
from replay.repetition import Repetition
from replay.runs import MANIFEST_NAME, RUN_FORMAT, RunManifest
from replay.runspec import SECOND_NS, SPEC_NAME, SPEC_VARIABLE, RunSpec, write_spec
from replay.samples import STREAM_SUFFIX, compact

LOGS_NAME = "logs"
_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A run on disk."""

    folder: Path
    manifest: RunManifest


def perform(order: Order) -> Done:
    """Run ``order``. A run that did not complete is kept too, and its manifest says why.

    Raises:
        IncompleteError: the target cannot be reached.
        InputError: the plan's requests were changed.
        ReplayError: none of them may be sent, or the preflight found that staging lacks the plan's data.
        RefusedError: Locust was given another host.
    """
    spec = order.spec
    run_preflight.reach(spec.targets, spec.tls)
    for left in left_behind(order.folder.parent):
        progress(f"{left}: left by a run that was killed; its samples-*.arrow can be read. Remove it.")
    with listening(order.far) as master, new_folder(order.folder) as part:
        logs = part / LOGS_NAME
        logs.mkdir(mode=0o700)
        with proxies(spec, order.via_proxy, part) as via:
            spec = msgspec.structs.replace(spec, out=str(part.resolve()), via=via.ports)
            preflight, seen = _replay(order, spec, part, logs, master)
        times = via.times()
        if master is not None:
            collect(master)
        samples = compact(part, times.moved if times is not None else None)
        manifest = _manifest(order, seen, samples, preflight)
        if times is not None:
            unmoved = (
                "no room on the disk for the proxy's times" if any(part.glob(f"samples-*{STREAM_SUFFIX}")) else ""
            )
            manifest = _at_proxy(manifest, times.unseen, via.problem or unmoved)
        if master is not None:
            manifest = with_hosts(manifest, master)
        for worker in range(spec.workers):
            journal_path(part, worker).unlink(missing_ok=True)
        write_manifest(part / MANIFEST_NAME, manifest)
    return Done(order.folder, manifest)


def _replay(order: Order, spec: RunSpec, part: Path, logs: Path, master: Master | None) -> tuple[str, Watch]:
    """What became of the preflight, and of the run. Locust's processes load while the plan is still examined."""
    environment = (
        os.environ | {SPEC_VARIABLE: str((part / SPEC_NAME).resolve()), "PYTHONPATH": import_path()} | order.secrets
    )
    start = start_locust if master is None else partial(start_far, master, order)
    locust = start(spec.users, spec.workers, spec.targets[0].url, order.ui, order.locust, environment, logs)
    try:
        examined = order.examination.result()
        spec_path = write_spec(part, msgspec.structs.replace(spec, plan_state=examined.state))
        preflight = _preflight(order, examined.survey, spec_path, environment)
        _announce(order, examined.survey)
        if locust.web_url:
            progress(f"Locust's page is at {locust.web_url}")
        if master is not None:
            gather(master)
        locust.begin()
    except BaseException:
        locust.end()
        raise
    seen = watch(locust, part, spec.workers, _longest_s(order))
    spec_path.unlink()
    return preflight, seen


def _announce(order: Order, survey: Survey) -> None:
    spec = order.spec
    progress(f"Replaying {order.load(survey)}, against {', '.join(target.url for target in spec.targets)}.")
    if spec.loops != 1:
        progress(
            f"The plan is played {spec.loops or 'many'} times: caches will know its requests better than "
            "production's did."
            + (" Rows of its unique pools are used again each time." if order.plan.manifest.clones else "")
        )


def _at_proxy(manifest: RunManifest, unseen: int, problem: str) -> RunManifest:
    found = msgspec.structs.replace(manifest, via_proxy=True, unseen_at_proxy=unseen)
    if problem:  # what the target seemed to refuse then was our own proxy's doing
        return msgspec.structs.replace(found, ended="worker lost", ended_reason=problem)
    return found


def _preflight(order: Order, survey: Survey, spec_path: Path, environment: dict[str, str]) -> str:
    probes = survey.probes
    if (order.spec.hooks is not None or order.spec.auth is not None) and not (order.preflight and probes):
        run_preflight.probe(spec_path, [], environment)  # what cannot begin says so before Locust starts
    if not order.preflight:
        return "overridden"
    if not probes:
        return "skipped"
    progress(f"Preflight: {len(probes)} requests, {len(survey.routes)} routes, at most ten a second.")
    checks = run_preflight.check(run_preflight.probe(spec_path, probes, environment))
    reached = run_preflight.judge(checks, survey.routes)
    if reached >= run_preflight.ENOUGH:
        return "passed"
    run_preflight.show(checks, survey.routes)
    raise ReplayError(
        f"{reached:.0%} of the plan gets the recorded status class; {run_preflight.ENOUGH:.0%} are needed. "
        "Follow the cures above, or replay all the same with --no-preflight."
    )


def _manifest(order: Order, seen: Watch, samples: int, preflight: str) -> RunManifest:
    plan, spec = order.plan.manifest, order.spec
    ends = seen.ends.values()
    left_out = dict(plan.left_out)
    for reason, count in order.examination.result().survey.left_out.items():
        left_out[reason] = left_out.get(reason, 0) + count
    at_ns = max(
        (end.at_ns for end in ends), default=max((tick.tick.second for tick in seen.ticks), default=0) * 10**9
    )
    # An engine that was lost says no total; its last ticks say how much had become due.
    due = sum(tick.tick.due for tick in seen.ticks if tick.tick.worker not in seen.ends)
    return RunManifest(
        format=RUN_FORMAT,
        kind="load",
        name=order.folder.name,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        versions=versions(),
        capture_id=",".join(plan.capture_ids),
        plan_hash=plan.hash,
        templates=plan.templates,
        captured_share=plan.captured_share,
        duration_ns=max(order.schedule_ns, at_ns) if spec.mode == "closed" else order.schedule_ns,
        zero_ns=plan.zero_ns if len(plan.capture_ids) == 1 and spec.loops == 1 else None,
        warmup_ns=order.warmup_ns,
        scale=order.scale,
        speed=spec.speed,
        mode=spec.mode,
        loops=spec.loops,
        mark=spec.run_id,
        traceparent=spec.traceparent,
        workers=spec.workers,
        targets=list(spec.targets),
        requests=samples,
        planned=sum(end.planned for end in ends) + due,
        load_changes=load_changes(
            seen.ticks, spec.workers, spec.users, min((end.at_ns for end in ends), default=at_ns)
        ),
        production_requests=plan.production_requests,
        left_out=left_out,
        repetition=_repetition(order, plan),
        lost_samples=sum(end.lost for end in ends),
        lost_workers=seen.lost_workers,
        ended=seen.ended,
        ended_reason=seen.reason,
        ended_at_ns=at_ns,
        preflight=preflight,
        connections="session" if spec.follow_sessions else "pool",
        hooks=spec.hooks.sha256 if spec.hooks is not None else "",
        creations=_summed(end.creations for end in ends),
        hook_failures=_summed(end.hook_failures for end in ends),
        ticks=[tick.tick for tick in seen.ticks],
    )


def _repetition(order: Order, plan: PlanManifest) -> Repetition | None:
    """How what was ordered repeats itself; None where nobody knows beforehand."""
    spec = order.spec
    sent_to = {target.host for target in spec.targets}
    is_all = "" in sent_to or sent_to >= plan.hosts.keys()
    if plan.repetition is None or not is_all or plan.clones or spec.profile or spec.stop_at_ns or not spec.loops:
        return None
    return plan.repetition.times(order.scale * spec.loops)


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        for name, number in one.items():
            found[name] = found.get(name, 0) + number
    return found


def _longest_s(order: Order) -> float:
    """When the engines must have ended, counted from their first word: after the schedule and one time-out."""
    spec = order.spec
    schedule_ns = order.schedule_ns if spec.mode != "closed" else spec.stop_at_ns
    return (schedule_ns + spec.timeout_ns) / SECOND_NS + _MARGIN_S if schedule_ns else math.inf
