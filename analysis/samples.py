"""Reading a run: its manifest and its samples, by means of our own.

This package knows the files, not the code that wrote them; a contract test holds both to one schema. Times are
int64 nanoseconds from the run's start. Memory is bounded by one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

RUN_FORMAT = "run/1"
MANIFEST_NAME = "run.json"
BATCH_ROWS = 1 << 18

_NAMES = pa.dictionary(pa.int32(), pa.string())
COLUMNS: dict[str, pa.DataType] = {
    "route": _NAMES,
    "due": pa.int64(),
    "intended": pa.int64(),
    "ready": pa.int64(),
    "sent": pa.int64(),
    "end": pa.int64(),
    "status": pa.int32(),
    "expected_status": pa.int32(),
    "error": _NAMES,
}
"""The columns of ``run/1`` that a comparison needs; a file may hold others."""


class ArtefactError(ValueError):
    """A run is missing, damaged, foreign, of another version or of another template set."""


class Tick(msgspec.Struct, frozen=True):
    """One second of one generator process."""

    worker: int
    second: int
    due: int
    sent: int
    in_flight: int
    cpu: float
    loop_lag_ns: int
    lost: int = 0


class Day(msgspec.Struct, frozen=True):
    """One capture of a baseline of several: where it lies in the baseline's time and in its own."""

    capture_id: str
    date: str
    begin_ns: int
    zero_ns: int
    duration_ns: int


class Repetition(msgspec.Struct, frozen=True):
    """Reads, and about how many different ones they were."""

    reads: int
    addresses: int
    keyed: int
    """Reads of routes with a parameter."""
    keys: int
    """Different paths of those."""


_MEASURED_AT = {"import har": "client", "import gor": "server", "import log": "server"}
"""Of a baseline, by the source of its capture; others come from a proxy."""


class Manifest(msgspec.Struct, frozen=True):
    """What a run says of itself, as far as a comparison needs it; defaults are those of ``run/1``."""

    format: str
    kind: str
    """``production`` (a baseline) or ``load``."""
    name: str
    created: str
    versions: dict[str, str]
    capture_id: str
    plan_hash: str
    templates: str
    captured_share: float = 1.0
    duration_ns: int = 0
    zero_ns: int | None = None
    warmup_ns: int = 0
    scale: float = 1.0
    speed: float = 1.0
    mode: str = "causal"
    workers: int = 0
    requests: int = 0
    planned: int = 0
    load_changes: dict[int, int] = {}
    production_requests: int = 0
    left_out: dict[str, int] = {}
    repetition: Repetition | None = None
    source: str = ""
    days: list[Day] = []
    lost_samples: int = 0
    lost_workers: int = 0
    ended: str = "complete"
    ended_reason: str = ""
    ended_at_ns: int | None = None
    preflight: str = "passed"
    connections: str = "pool"
    via_proxy: bool = False
    creations: dict[str, int] = {}
    ticks: list[Tick] = []

    @property
    def covered_ns(self) -> int:
        """How much time the samples cover; between the days of a baseline lies what nobody captured."""
        return sum(day.duration_ns for day in self.days) if self.days else self.duration_ns - self.warmup_ns


@dataclass(frozen=True, slots=True)
class Run:
    """An open run; its samples stay on disk until ``batches`` is asked for them."""

    folder: Path
    manifest: Manifest

    @property
    def is_production(self) -> bool:
        """Whether production made these samples."""
        return self.manifest.kind == "production"

    @property
    def measured_at(self) -> str:
        """Whose clock its times are of: ``proxy``, ``client`` or ``server``."""
        if not self.is_production:
            return "proxy" if self.manifest.via_proxy else "client"
        return _MEASURED_AT.get(self.manifest.source, "proxy")

    def batches(self, columns: Sequence[str] = tuple(COLUMNS)) -> Iterator[pa.RecordBatch]:
        """Record batches of ``columns``, at most ``BATCH_ROWS`` rows each, in no promised order.

        An Arrow stream that was cut off ends after its last whole batch.

        Raises:
            ArtefactError: a file is no table of samples, is damaged, or lacks a column.
        """
        for path in sample_files(self.folder):
            try:
                yield from _table(path, columns) if path.suffix == ".parquet" else _stream(path, columns)
            except (pa.ArrowException, OSError, KeyError):
                raise ArtefactError(f"{path}: is no table of samples, or is damaged. Make the run again.") from None


def read_run(folder: Path) -> Run:
    """The run in ``folder``.

    Raises:
        ArtefactError: it is missing, no run, damaged, of another version, or holds no samples file.
    """
    path = folder / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        why = f"holds no {MANIFEST_NAME}, so it is no run" if folder.is_dir() else "no such folder"
        raise ArtefactError(f"{folder}: {why}. Name a run folder.") from None
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read ({error.strerror}).") from None
    manifest = _manifest(path, content)
    if not sample_files(folder):
        raise ArtefactError(f"{folder}: holds no samples-*.parquet or samples-*.arrow. Make the run again.")
    return Run(folder, manifest)


def check_comparable(baseline: Run, candidate: Run) -> None:
    """Refuse two runs whose routes do not mean the same.

    Raises:
        ArtefactError: the runs come from different route templates.
    """
    ours, theirs = baseline.manifest.templates, candidate.manifest.templates
    if ours != theirs:
        raise ArtefactError(
            f"{candidate.folder}: its route templates ({theirs[:12]}…) are not those of {baseline.folder} "
            f"({ours[:12]}…), so a route does not mean the same in both. Make both from captures of one policy."
        )


def sample_files(folder: Path) -> list[Path]:
    """The sample files of a run; a compacted table stands in for the stream that it was made from."""
    tables = sorted(folder.glob("samples-*.parquet"))
    done = {path.stem for path in tables}
    return tables + [path for path in sorted(folder.glob("samples-*.arrow")) if path.stem not in done]


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        found: Any = msgspec.json.decode(content)
        form = found["format"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, IndexError):
        raise ArtefactError(f"{path}: is no run manifest, or is damaged. Make the run again.") from None
    if form != RUN_FORMAT:
        raise ArtefactError(
            f"{path}: format '{str(form)[:40]}', this version reads '{RUN_FORMAT}'. "
            "Use the version that wrote it, or make the run again."
        )
    try:
        return msgspec.json.decode(content, type=Manifest)  # of JSON, since its keys may be numbers
    except msgspec.ValidationError as error:
        raise ArtefactError(f"{path}: is damaged ({error}). Make the run again.") from None


def _table(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as table:
        _check(path, table.schema_arrow)
        yield from table.iter_batches(BATCH_ROWS, columns=list(columns))


def _stream(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        _check(path, stream.schema)
        while True:
            try:
                batch = stream.read_next_batch()
            except (StopIteration, pa.ArrowException, OSError):
                return  # its end, or the place where a crash cut it off
            yield batch.select(list(columns))


def _check(path: Path, schema: pa.Schema) -> None:
    for name, expected in COLUMNS.items():
        if name not in schema.names:
            raise ArtefactError(f"{path}: has no column '{name}', so it is no table of {RUN_FORMAT}.")
        if schema.field(name).type != expected:
            raise ArtefactError(
                f"{path}: column '{name}' is {schema.field(name).type}, {RUN_FORMAT} has {expected}. "
                "Make the run again with this version."
            )
