"""From what a person typed to what is to be done: options are checked, targets admitted, requests counted."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Collection, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from replay.artefacts import named
from replay.capture.manifest import Origin
from replay.cli.output import progress
from replay.cli.run_auth import NO_AUTH, ordered_auth
from replay.cli.run_examination import Examination
from replay.cli.run_headers import header_sources
from replay.cli.run_identities import Given, check_columns, check_number, given
from replay.cli.run_options import RunOptions
from replay.cli.run_processes import check_extra
from replay.cli.run_profile import parse_profile
from replay.cli.run_settings import find_settings
from replay.cli.run_survey import Survey
from replay.cli.run_texts import breaker, connection_count, hooks_file, nanoseconds, whole_path
from replay.errors import InputError, ReplayError
from replay.hosts.address import SECRET_SOURCE, Address, parse_address
from replay.plan.store import Plan, PlanManifest, open_plan
from replay.runs import Target
from replay.runspec import SECOND_NS, SPEC_FORMAT, PlanState, RunSpec, Stage
from replay.safety import Interlock, assign, parse_target
from replay.tls import TLSFiles, tls_context

MAX_USERS = 50_000
MAX_LOOPS = 100_000
RATE_A_PROCESS = 5_000
"""Requests a second that one process is given: a quarter of what it can send, for a mean is not a peak."""
_SHARING = ("pool", "session")
_MODES = ("causal", "open", "closed")


@dataclass(frozen=True, slots=True)
class Far:
    """Other hosts that are to generate the load."""

    address: Address
    """Where this one listens for them."""
    hosts: int
    secret: str
    """Where the secret is, as ``env:VARIABLE`` or ``fd:NUMBER``."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that may begin once its plan is examined: everything else is checked, and nothing sent."""

    plan: Plan
    spec: RunSpec
    """Without what only a run that begins knows: the plan's examined state, and the folder."""
    examination: Examination
    folder: Path
    schedule_ns: int
    """Length of the schedule on the run clock."""
    warmup_ns: int
    scale: float
    ui: bool
    via_proxy: bool
    preflight: bool
    locust: list[str]
    secrets: dict[str, str] = field(repr=False)
    """Variables of the engines' environment that no file holds."""
    far: Far | None = None
    """The hosts that generate the load; None where this one does."""

    def load(self, survey: Survey) -> str:
        """In words, what is sent in which time."""
        once, loops = survey.requests, self.spec.loops
        played = f", {loops:,} times ({once * loops:,} in all)" if loops > 1 else ", many times" if not loops else ""
        if loops * self.plan.manifest.duration_ns / self.spec.speed > self.schedule_ns + SECOND_NS and loops > 1:
            played = f", up to {loops:,} times"
        return f"{once:,} requests of production ×{self.scale:g}{played}, over {self.schedule_ns / SECOND_NS:,.1f} s"


def prepare(options: RunOptions) -> Order:
    """Check the options against the plan, admit the targets, and begin to examine the plan's requests.

    Raises:
        ReplayError: an option is wrong; InputError: the plan is; RefusedError: a target is forbidden;
        IncompleteError: a target's name has no address.
    """
    folder = named(options.plan, ".")
    with_suffix = folder.with_name(f"{folder.name}.plan")
    plan = open_plan(with_suffix if not folder.exists() and with_suffix.exists() else folder)
    manifest = plan.manifest
    if options.mode not in _MODES:
        raise ReplayError(f"--mode {options.mode[:20]}: is none of {', '.join(_MODES)}.")
    check_extra(options.locust)
    unknown = [route for route in options.writes if route not in manifest.writes]
    if unknown:
        known = ", ".join(sorted(manifest.writes)) or "none"
        raise ReplayError(f"--writes '{unknown[0][:80]}': the plan has no such write. Its writes: {known}.")
    interlock = _interlock(manifest.origins)
    assigned = assign([parse_target(text) for text in options.targets], manifest.hosts)
    targets = [interlock.admit(target) for target in assigned]
    identities = given(options.identities, options.login_password, options.reuse_identities, manifest.logins)
    return _order(options, plan, interlock, targets, identities)


def _interlock(origins: list[Origin]) -> Interlock:
    settings = find_settings(Path.cwd())
    safety = settings.safety
    if settings.path:
        progress(f"[safety] of {settings.path} applies.")
    if not origins and not safety.deny:
        progress(
            "Production is not known to this plan: its captures name no origin. Name it in replay.toml, as "
            '[safety] deny = ["shop.example", "10.0.0.0/8"].'
        )
    return Interlock(origins, safety.allow, deny=safety.deny).completed()


@dataclass(frozen=True, slots=True)
class _Schedule:
    """How much is sent for how long."""

    stages: list[Stage]
    users: int
    """Lanes at the start."""
    at_once: float
    """Lanes of production ×1."""
    loops: int
    plan_ns: int
    """Length of the plan on the run clock."""
    stop_at_ns: int
    length_ns: int
    warmup_ns: int


def _schedule(options: RunOptions, manifest: PlanManifest, identities: Given) -> _Schedule:
    at_once = manifest.lanes / manifest.captured_share
    stages = parse_profile(options.profile) if options.profile else []
    scale = stages[0].scale if stages else options.scale
    most = max([scale, *(stage.scale for stage in stages)]) * at_once
    if most > MAX_USERS:
        raise ReplayError(
            f"--scale: {most:,.0f} Locust users would be needed, {MAX_USERS:,} are the most. "
            f"The capture holds {manifest.captured_share:.2%} of the sessions; capture a larger share."
        )
    clones = math.ceil(most / manifest.lanes)
    _check_rows(manifest, clones)
    check_number(identities, manifest.logins, clones)
    stop_at_ns = nanoseconds(options.duration) if options.duration else 0
    if stages and not stop_at_ns:
        stop_at_ns = round(sum(stage.seconds for stage in stages) * SECOND_NS)
    plan_ns = max(1, round(manifest.duration_ns / options.speed))
    loops = options.loops or max(1, math.ceil(stop_at_ns / plan_ns))
    if loops > MAX_LOOPS:
        raise ReplayError(f"--duration: the plan of {plan_ns / SECOND_NS:g} s would be played {loops:,} times.")
    length_ns = min(stop_at_ns, loops * plan_ns) if stop_at_ns else loops * plan_ns
    if options.mode == "closed" and stop_at_ns and not options.loops:
        loops, length_ns = 0, stop_at_ns  # how long one time takes is up to the target
    warmup_ns = nanoseconds(options.warmup) if options.warmup else 0
    if warmup_ns >= length_ns:
        raise ReplayError(f"--warmup {options.warmup}: is as long as the run. Make it shorter.")
    users = max(1, round(scale * at_once))
    return _Schedule(stages, users, at_once, loops, plan_ns, stop_at_ns, length_ns, warmup_ns)


def _order(options: RunOptions, plan: Plan, interlock: Interlock, targets: list[Target], identities: Given) -> Order:
    manifest = plan.manifest
    schedule = _schedule(options, manifest, identities)
    hosts = {target.host for target in targets}
    rate_per_s = _rate_per_s(manifest, hosts, options.writes, schedule)
    if 0 < options.max_rate < rate_per_s:
        raise ReplayError(
            f"--max-rate {options.max_rate:g}: the run would send about {rate_per_s:,.0f} requests/s. "
            "Lower --scale or --speed, or raise the ceiling."
        )
    far = _far(options)
    workers = _processes(options.processes, far, rate_per_s)
    if 0 < options.max_rate < workers:
        raise ReplayError(
            f"--max-rate {options.max_rate:g}: is less than one request/s for each of {workers} processes. "
            "Raise it, or lower --processes."
        )
    most_connections = 0 if options.connections in _SHARING else connection_count(options.connections)
    tls = TLSFiles(whole_path(options.ca), options.insecure, whole_path(options.cert), whole_path(options.key))
    tls_context(tls)
    if options.via_proxy and options.cert:
        raise ReplayError("--via-proxy: cannot show a client certificate (--cert). Leave one of them out.")
    auth = ordered_auth(options.auth, interlock, len(targets), options.headers) if options.auth else NO_AUTH
    spec = RunSpec(
        format=SPEC_FORMAT,
        run_id=secrets.token_hex(6),
        plan=str(plan.folder.resolve()),
        plan_hash=manifest.hash,
        plan_state=PlanState(0, 0),  # of no file: engines refuse it
        out="",
        targets=targets,
        origins=list(interlock.origins),
        allow=None if interlock.allow is None else list(interlock.allow),
        deny=list(interlock.deny),
        writes=options.writes,
        list_created=options.list_created,
        headers=header_sources(options.headers, traceparent=options.traceparent),
        traceparent=options.traceparent,
        mode=options.mode,
        speed=options.speed,
        loops=schedule.loops,
        users=schedule.users,
        users_at_once=schedule.at_once,
        workers=workers,
        stop_at_ns=schedule.stop_at_ns,
        timeout_ns=nanoseconds(options.timeout),
        first_byte_timeout_ns=nanoseconds(options.first_byte_timeout or options.timeout),
        connect_timeout_ns=nanoseconds(options.connect_timeout),
        max_in_flight=options.max_in_flight,
        max_rate_per_s=options.max_rate,
        connections=most_connections,
        follow_sessions=options.connections == "session",
        tls=tls,
        breaker=breaker(options.breaker),
        profile=schedule.stages,
        hooks=hooks_file(options.hooks) if options.hooks else None,
        auth=auth.call,
        identities=identities.file,
        production=_production(options) if options.baseline else {},
    )
    name = options.output or f"{plan.folder.name.removesuffix('.plan')}-{spec.run_id}"
    folder = named(name, "runs", new=True)
    if folder.exists():
        raise ReplayError(f"{folder}: exists already. Choose another name, or remove it first.")
    return Order(
        plan=plan,
        spec=spec,
        examination=Examination(
            plan,
            hosts,
            options.writes,
            spec.replaced,
            identities.columns,
            partial(check_columns, identities, manifest.logins),
        ),
        folder=folder,
        schedule_ns=schedule.length_ns,
        warmup_ns=schedule.warmup_ns,
        scale=schedule.users / schedule.at_once,
        ui=options.ui,
        via_proxy=options.via_proxy,
        preflight=options.preflight,
        locust=options.locust,
        secrets=auth.secrets | identities.secrets,
        far=far,
    )


def _far(options: RunOptions) -> Far | None:
    if not options.master:
        if options.hosts:
            raise ReplayError("--hosts: are the workers' hosts of --master HOST:PORT. Name where it listens.")
        return None
    if options.hosts < 1:
        raise ReplayError("--master: say with --hosts how many hosts are to generate the load.")
    if options.via_proxy:
        raise ReplayError("--via-proxy: stands on one host, and the load is to come from others (--master).")
    if options.identities or options.login_password or options.auth:
        raise ReplayError("--auth, --identities, --login-password: are of one host. Leave them or --master out.")
    return Far(parse_address("--master", options.master), options.hosts, options.secret or SECRET_SOURCE)


def _check_rows(manifest: PlanManifest, clones: int) -> None:
    if 0 < manifest.clones < clones:
        raise ReplayError(
            f"--scale: a session is played {clones} times at once, and the plan's pools have rows for "
            f"{manifest.clones}. Plan again with --clones {clones}."
        )


def _rate_per_s(manifest: PlanManifest, hosts: Set[str], writes: Collection[str], schedule: _Schedule) -> float:
    """About what will be sent at the start, from what the manifest counts; only the examination is exact."""
    of_hosts = sum(count for host, count in manifest.hosts.items() if host in hosts)
    unsent = sum(count for route, count in manifest.writes.items() if route not in writes)
    return max(1, of_hosts - unsent) * schedule.users / schedule.at_once / (schedule.plan_ns / SECOND_NS)


def _processes(asked: int, far: Far | None, rate_per_s: float) -> int:
    """As many as were asked for, a host; else as many as the mean rate needs, and no more than half of our cores."""
    if far is not None:
        return far.hosts * (asked or math.ceil(rate_per_s / far.hosts / RATE_A_PROCESS))
    return asked or max(1, min((os.cpu_count() or 1) // 2, math.ceil(rate_per_s / RATE_A_PROCESS)))


def _production(options: RunOptions) -> dict[str, tuple[float, float]]:
    if not options.ui:
        raise ReplayError("--baseline: is shown on Locust's page. Add --ui; 'replay gate' compares afterwards.")
    from analysis.description import describe
    from analysis.samples import ArtefactError, read_run

    try:
        routes = describe(read_run(named(options.baseline, "runs")))
    except ArtefactError as error:
        raise InputError(str(error)) from None
    return {one.route: (one.latency_ms.get(0.5, 0.0), one.latency_ms.get(0.95, 0.0)) for one in routes}
