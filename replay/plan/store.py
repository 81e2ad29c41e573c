"""The plan on disk: a manifest, and the requests as one memory-mapped Arrow file in order of ``due``.

Memory stays bounded whatever the plan's length: it is written and read a record batch at a time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pyarrow as pa

from replay.artefacts import read_manifest, write_manifest
from replay.capture.manifest import Origin
from replay.errors import InputError
from replay.private_files import create_private
from replay.repetition import Repetition
from replay.runspec import PlanState
from replay.storage import open_table

PLAN_FORMAT = "plan/1"
MANIFEST_NAME = "plan.json"
REQUESTS_NAME = "requests.arrow"
DEFAULT_LANES = 100

_NAMES = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("request", pa.int64()),  # 0, 1, 2 … in order of due
        ("session", pa.int64()),  # 0, 1, 2 … in order of the first request
        ("lane", pa.int32()),  # 0 … lanes − 1; a session never leaves its lane
        ("due", pa.int64()),  # nanoseconds from the plan's start
        ("depends_on", pa.int64()),  # request whose answer this one waits for in causal mode; −1: none
        ("think", pa.int64()),  # recorded nanoseconds from that answer's end to this request; 0 where none
        ("route", _NAMES),
        ("method", _NAMES),
        ("host", _NAMES),  # host as captured (pseudonymised unless kept); --target HOST=URL maps it
        (
            "wire",
            pa.binary(),
        ),  # the request in origin form without Host; extra headers go behind the first CRLF
        ("bindings", pa.string()),  # JSON of live values to fill in; null where none
        ("expected_status", pa.int32()),  # status recorded; 0 where production gave none
    ]
)


class RouteForecast(msgspec.Struct, frozen=True):
    """How many of a route's planned requests name only what staging has, and how many name what it may lack."""

    kept: int
    """Every value in path, query and body was kept by the policy, or there is none."""
    unmatched: int
    """A value in path, query or body is a pseudonym that staging's data may not hold."""
    linked: int = 0
    """Every such pseudonym is replaced by a value of an earlier answer."""
    places: dict[str, int] = {}
    """Requests per place that holds such a pseudonym."""
    pooled: int = 0
    """Every such value was replaced by a row of a pool."""


class PoolUse(msgspec.Struct, frozen=True):
    """What a plan takes from a table of staging's rows."""

    rows: int
    entities: dict[str, int]
    """Recorded entities by column; each has a row of its own."""
    requests: int
    """Requests that hold one."""
    unique: bool
    conflicts: int
    """Times that an entity was met under another parent than before."""


class LoginUse(msgspec.Struct, frozen=True):
    """Who logs in, in a plan."""

    people: int = 0
    """Recorded people, each of whom takes an account of its own for each clone of their sessions."""
    requests: dict[str, int] = {}
    """Logins per route."""
    columns: list[str] = []
    """What their fields take of an account."""


class PlanManifest(msgspec.Struct, frozen=True):
    """What a plan says of itself."""

    format: str
    name: str
    created: str
    versions: dict[str, str]
    capture_ids: list[str]
    capture_names: list[str]
    policy_hash: str
    templates: str
    key_id: str
    hash: str
    """Hash over the requests file; a run carries it."""
    lanes: int
    lane_shares: list[float]
    """Share of the plan's requests per lane; ideal is 1/lanes each."""
    duration_ns: int
    zero_ns: int
    """When the plan's zero was, in nanoseconds from the capture's start."""
    requests: int
    sessions: int
    hosts: dict[str, int]
    """Requests per captured host."""
    routes: dict[str, int]
    """Requests per route."""
    writes: dict[str, int]
    """Requests per route whose method is not GET, HEAD or OPTIONS; sent only with ``--writes``."""
    production_requests: int
    left_out: dict[str, int]
    """Requests of the capture that are not in the plan, by reason."""
    captured_share: float
    origins: list[Origin]
    """Where production lives; never a target."""
    forecast: dict[str, RouteForecast] = {}
    """What of each route staging can be expected to know."""
    unrepeatable: dict[str, dict[str, int]] = {}
    """Requests that will not mean on staging what they meant in production: reason (``replay.plan.unrepeatable``) →
    route → how many."""
    pools: dict[str, PoolUse] = {}
    clones: int = 0
    """Clones of a session that the unique pools have rows for; 0: there are no unique pools, so any number."""
    living: int = 0
    """Requests that need a value of an earlier answer, or whose answer gives one."""
    logins: LoginUse = LoginUse()
    repetition: Repetition | None = None
    """How its reads repeat each other, by their recorded addresses; None in a plan of an earlier version."""
    shift_days: int = 0
    """Days that times near the sanitiser's fixed day were moved by; 0: they are as they were stored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An open plan; its requests stay on disk and are mapped into memory."""

    folder: Path
    manifest: PlanManifest

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The requests in order of ``due``, a record batch at a time."""
        path = self.folder / REQUESTS_NAME
        try:
            with open_table(path) as source:
                reader = pa.ipc.open_file(source)
                if reader.schema.names != SCHEMA.names:
                    raise InputError(f"{path}: its columns are not those of plan/1. Make the plan again.")
                for index in range(reader.num_record_batches):
                    yield reader.get_batch(index)
        except (pa.ArrowInvalid, OSError):
            raise InputError(f"{path}: is missing, cut off or damaged. Make the plan again.") from None


def open_plan(folder: Path) -> Plan:
    """The plan in ``folder``; raises InputError where it is none or is damaged."""
    plan = Plan(folder, read_manifest(folder / MANIFEST_NAME, PlanManifest, PLAN_FORMAT))
    path = folder / REQUESTS_NAME
    try:
        with open_table(path) as source:
            pa.ipc.open_file(source)
    except (pa.ArrowInvalid, OSError):
        raise InputError(f"{path}: is missing, cut off or damaged. Make the plan again.") from None
    return plan


def state_of(plan: Plan) -> PlanState:
    """The present state of the requests file."""
    found = (plan.folder / REQUESTS_NAME).stat()
    return PlanState(found.st_size, found.st_mtime_ns)


def verify(plan: Plan) -> PlanState:
    """Check the requests against the manifest's hash; reads all of them, about a second a gigabyte.

    Raises:
        InputError: they are not those that the plan was written with.
    """
    path = plan.folder / REQUESTS_NAME
    try:
        state = state_of(plan)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == plan.manifest.hash and state == state_of(plan):
            return state
    except OSError:
        raise InputError(f"{path}: cannot be read. Make the plan again.") from None
    raise InputError(f"{path}: was changed after the plan was made (its hash differs). Make the plan again.")


class PlanWriter:
    """Writes the requests of a plan, a record batch a call, and its manifest at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = os.fdopen(create_private(folder / REQUESTS_NAME), "wb")
        options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
        self._writer = pa.ipc.new_file(self._file, SCHEMA, options=options)

    def write(self, table: pa.Table) -> None:
        """Write rows of ``SCHEMA``; they must continue in order of ``due``."""
        self._writer.write_table(table, max_chunksize=8192)

    def close(self, manifest: PlanManifest) -> PlanManifest:
        """Close the requests file, write the manifest with the hash of that file, and return it."""
        self._writer.close()
        self._file.close()
        with (self._folder / REQUESTS_NAME).open("rb") as file:
            hashed = msgspec.structs.replace(manifest, hash=hashlib.file_digest(file, "sha256").hexdigest())
        write_manifest(self._folder / MANIFEST_NAME, hashed)
        return hashed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
