"""The manifest of a run: who made its samples, from which plan, against what, and whether it can be believed.

A baseline is a run that production made, so both kinds share this manifest and the samples table beside it.
``analysis`` reads the same JSON by its own means; the contract test holds the two together.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from replay.artefacts import read_manifest
from replay.repetition import Repetition

RUN_FORMAT = "run/1"
MANIFEST_NAME = "run.json"


class Tick(msgspec.Struct, frozen=True):
    """One second of one engine: what the generator was asked for, what it did, and how it felt."""

    worker: int
    second: int
    """Seconds from the run's start."""
    due: int
    """Requests whose intended time fell into this second."""
    sent: int
    in_flight: int
    cpu: float
    """Share of one core that the engine's process used, or waited for because others had it, 0 … 1."""
    loop_lag_ns: int
    """Largest delay of the event loop within the second."""
    lost: int = 0
    """Samples that could not be recorded."""


class Target(msgspec.Struct, frozen=True):
    """A host that the run was allowed to hit."""

    host: str
    """The host of the plan that this target stands for, or '' for all."""
    url: str
    address: str


class Day(msgspec.Struct, frozen=True):
    """One capture of a baseline of several, laid on one axis of time by how far apart they began."""

    capture_id: str
    date: str
    """The day on which it began, ISO 8601, UTC; the time of day is stored nowhere."""
    begin_ns: int
    """Its first exchange in the baseline's time."""
    zero_ns: int
    """The same in the capture's own time."""
    duration_ns: int


class Host(msgspec.Struct, frozen=True):
    """A host other than the master's that generated a part of the load."""

    name: str
    address: str
    """As the master saw it."""
    workers: list[int]
    """Those of the run that it started, as in the samples' column ``worker``."""
    targets: list[Target]
    """With the addresses that were pinned on this host."""
    clock_offset_ns: int | None
    """How far the master's monotonic clock was before this one when the run began; None where the host was lost."""
    clock_error_ns: int | None
    """The offset is within ± this: half of the shortest round trip."""
    clock_drift_ns: int | None
    """By how much the offset had changed when the host took leave."""
    wall_offset_ns: int | None
    """What to add to this host's time of day to have the master's: logs go by it."""
    lost: str = ""
    """Why it was lost; '' where it was not."""


class RunManifest(msgspec.Struct, frozen=True):
    """What a run says of itself."""

    format: str
    kind: str
    """``production`` or ``load``."""
    name: str
    created: str
    versions: dict[str, str]
    capture_id: str
    plan_hash: str
    """'' in a baseline."""
    templates: str
    """Hash of the route templates; a comparison across two of them is refused."""
    captured_share: float = 1.0
    duration_ns: int = 0
    """The length of the run's schedule; judged are samples with warmup ≤ intended < duration."""
    zero_ns: int | None = None
    """When the run's zero was, in nanoseconds from the capture's start; None where that is unknown. A plan without
    the capture's beginning starts later than its baseline, and the two are laid on each other by this. None too
    where the plan was played more than once."""
    warmup_ns: int = 0
    scale: float = 1.0
    speed: float = 1.0
    mode: str = "causal"
    loops: int = 1
    """How often the plan was to be played, the last time maybe in part, its requests and sessions numbered on; 0:
    until the schedule's end (closed replay)."""
    mark: str = ""
    """The first part of ``X-Dress-Rehearsal`` in the run's requests; the second is ``trace`` of the sample."""
    traceparent: bool = False
    """Each request was the child of a trace of its own (``replay/traces.py``)."""
    workers: int = 0
    targets: list[Target] = []
    hosts: list[Host] = []
    """Where the load came from, in a run over several hosts; empty where it all came from one."""
    requests: int = 0
    """Samples written."""
    planned: int = 0
    """Requests that the schedule held at the ordered scale, each clone one, whatever lanes ran and whatever became of
    them: those with due < duration, and the clones of the last of them, which are shifted by up to 5 s. Of a run that
    ended before its schedule, and of closed replay and profiles, which fix no such number: those that became due for
    the lanes that ran. In a baseline those captured."""
    load_changes: dict[int, int] = {}
    """Second → lanes of all workers, wherever their number was not the ordered one at a second's end or changed
    again, by a profile or on Locust's page; empty where the load was that of ``scale`` throughout."""
    production_requests: int = 0
    """Requests that the capture holds, before the plan's filters."""
    left_out: dict[str, int] = {}
    """Requests of the capture that are not replayed, by reason."""
    repetition: Repetition | None = None
    """How the reads of the whole schedule repeat each other, by their recorded addresses; None where clones have rows
    of their own (unique pools), or the load was a profile's or lasted until some time. In a baseline all captured."""
    source: str = ""
    """Of a baseline, its capture's: ``live``, ``import har`` …; by it one knows whose clock its times are of."""
    days: list[Day] = []
    """The captures of a baseline of several, the first one first; empty where there is one."""
    lost_samples: int = 0
    lost_workers: int = 0
    ended: str = "complete"
    """``complete``, ``breaker``, ``worker lost``, ``interrupted``, ``unreachable``, ``recorder``."""
    ended_reason: str = ""
    ended_at_ns: int | None = None
    preflight: str = "passed"
    """``passed``, ``overridden``, ``skipped``."""
    connections: str = "pool"
    """``pool``, or ``session`` where connections followed sessions."""
    via_proxy: bool = False
    """Times are those of a proxy in front of the target, as production's are of one in front of it."""
    unseen_at_proxy: int = 0
    """Answers of which that proxy told nothing; they have the client's times."""
    creations: dict[str, int] = {}
    """Route → what its requests left behind on the target: a POST or PUT that was answered 201, or 2xx or 3xx with a
    ``Location`` or a value that later requests needed. Those of a lost worker are missing."""
    hooks: str = ""
    """SHA-256 of the hooks file that could change requests; '' where there was none."""
    hook_failures: dict[str, int] = {}
    """How often the hooks file failed, by place and kind: ``sign.py:12 KeyError``."""
    ticks: list[Tick] = []

    @property
    def covered_ns(self) -> int:
        """How much time its samples cover; between the days of a baseline lies what nobody captured."""
        return sum(day.duration_ns for day in self.days) if self.days else self.duration_ns


def read_run_manifest(folder: Path) -> RunManifest:
    """The manifest of the run in ``folder``; raises InputError where it is none."""
    return read_manifest(folder / MANIFEST_NAME, RunManifest, RUN_FORMAT)
