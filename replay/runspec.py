"""What a run is told to do: written by the command line, read by Locust's processes and their engines.

It lives in the run's unfinished folder and goes with the run's end. It names the environment variables that hold
header values; the values themselves never reach a file, an argument list or a log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from replay.artefacts import read_manifest, write_manifest
from replay.auth_file import TokenCall
from replay.capture.manifest import Origin
from replay.identities import IdentitiesFile
from replay.runs import Target
from replay.tls import TLSFiles

SPEC_FORMAT = "runspec/1"
SPEC_NAME = "spec.json"
SPEC_VARIABLE = "DRESS_REHEARSAL_SPEC"
"""The environment variable that tells Locust's processes where the spec is."""

LOGIN_PASSWORD_VARIABLE = "DRESS_REHEARSAL_LOGIN_PASSWORD"  # noqa: S105 - its name
"""The environment variable that gives the engines the password of ``--login-password``."""

SECOND_NS = 1_000_000_000


class Breaker(msgspec.Struct, frozen=True):
    """Ends the run when, for ``seconds`` on end, more than ``share`` of the answers fail or are too slow."""

    share: float = 0.5
    seconds: int = 10
    slower_than_ns: int = 0
    """Answers slower than this count as failed; 0: no limit."""


class Stage(msgspec.Struct, frozen=True):
    """A part of a load profile: from the scale before to ``scale``, within ``seconds`` (0: at once)."""

    scale: float
    seconds: float


class HooksFile(msgspec.Struct, frozen=True):
    """A file of ``--hooks``, and what it held when the run was ordered."""

    path: str
    sha256: str


class PlanState(msgspec.Struct, frozen=True):
    """A plan's requests file as it was when its hash was checked."""

    size_bytes: int
    modified_ns: int


class RunSpec(msgspec.Struct, frozen=True):
    """One run, in full."""

    format: str
    run_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z]+\Z")]
    """The run's mark, which stands in a header of every request."""
    plan: str
    """Path of the plan's folder."""
    plan_hash: str
    plan_state: PlanState
    """The requests file when its hash was checked; an engine refuses another."""
    out: str
    """Path of the folder that samples and journals are written to."""
    targets: list[Target]
    origins: list[Origin]
    allow: list[str] | None = None
    deny: list[str] = []
    writes: list[str] = []
    """Routes whose requests are sent although their method is not safe."""
    list_created: bool = False
    """Each engine lists where what it created stands, beside its samples."""
    headers: dict[str, str] = {}
    """Header name → environment variable that holds its value."""
    traceparent: bool = False
    """Each request is the child of a trace of its own (``replay/traces.py``)."""
    mode: str = "causal"
    """``causal``, ``open`` or ``closed``."""
    speed: float = 1.0
    users: int = 100
    """Lanes at the start; a profile may change them."""
    users_at_once: float = 100.0
    """Lanes of production ×1."""
    workers: int = 1
    loops: int = 1
    """How often the plan is played, one time after the other; 0, in closed replay: until ``stop_at_ns``."""
    stop_at_ns: int = 0
    """End of the schedule on the run clock; 0: the end of the plan's last time."""
    timeout_ns: int = 30 * SECOND_NS
    """From the moment that the engine was free to send, to the last byte."""
    first_byte_timeout_ns: int = 30 * SECOND_NS
    connect_timeout_ns: int = 10 * SECOND_NS
    max_in_flight: int = 10_000
    """Ceiling of each worker; requests above it are not sent and recorded as ``ceiling``."""
    max_rate_per_s: float = 0.0
    """Ceiling of all workers together; what is above is not sent but ``refused``. 0: there is none."""
    connections: int = 0
    """Ceiling of each worker's connections to a target, above which calls wait; 0: as ``max_in_flight``."""
    follow_sessions: bool = False
    """Each session has connections of its own; else all share those of a pool."""
    tls: TLSFiles = TLSFiles()
    via: list[int] = []
    """Ports of loopback where proxies of ours stand before the targets, one each; empty: none do."""
    breaker: Breaker | None = Breaker()
    profile: list[Stage] = []
    hooks: HooksFile | None = None
    auth: TokenCall | None = None
    """How the engines fetch the token that goes with every request."""
    identities: IdentitiesFile | None = None
    """The accounts that clones of recorded people are given."""
    production: dict[str, tuple[float, float]] = {}
    """Route → median and p95 of production in milliseconds, for Locust's page; 0 where unknown."""

    @property
    def replaced(self) -> frozenset[str]:
        """The headers, in lower case, that the run gives every request itself."""
        names = [*self.headers, *([self.auth.header] if self.auth is not None else [])]
        return frozenset(map(str.lower, names))


def write_spec(folder: Path, spec: RunSpec) -> Path:
    """Write ``spec`` into ``folder`` (0600) and return its path."""
    path = folder / SPEC_NAME
    write_manifest(path, spec)
    return path


def read_spec(path: Path) -> RunSpec:
    """The spec in ``path``; raises InputError where it is none."""
    return read_manifest(path, RunSpec, SPEC_FORMAT)


class Probes(msgspec.Struct, frozen=True):
    """The rows of the plan that the preflight sends."""

    requests: list[int]


class Probed(msgspec.Struct, frozen=True):
    """What came back for one of them."""

    route: str
    expected: int
    status: int
    error: str
