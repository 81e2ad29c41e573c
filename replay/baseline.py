"""A baseline: what production took, as the samples of a run that production made.

Several captures of one key lie on one axis of time by how far apart they began; when that was, nobody is told.

Production's latency counts from the complete request to the complete response at the proxy, without the time spent on
opening the upstream connection. A request whose client went away is kept as ``stopped``: nobody's fault. An answer
whose end is not known (from an access log without durations) is no sample: it is counted, never taken for 0 ms.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from replay import samples
from replay.artefacts import versions, write_manifest
from replay.capture.manifest import CaptureManifest
from replay.errors import InputError
from replay.exchange import Exchange
from replay.repetition import RepetitionCounter
from replay.runs import MANIFEST_NAME, RUN_FORMAT, Day, RunManifest

UNTIMED = "answered at an unknown time"
"""The reason in ``left_out`` for what is no sample."""

_BATCH = 8192
_ERROR_OF = {"": "", "connect": "connect", "timeout": "timeout", "reset": "reset", "protocol": "protocol"}

_INTEGERS = {name: pa.int64() for name in ("request", "session", "connection", "due", "first_byte", "end")} | {
    "status": pa.int32(),
    "bytes_out": pa.int64(),
    "bytes_in": pa.int64(),
}


class _Names:
    """Strings of one column as numbers."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}

        self._before = 0

    def __call__(self, name: str) -> int:
        return self.number.setdefault(name, self._before + len(self.number))

    def forget(self) -> None:
        """Give the names that follow numbers of their own."""
        self._before += len(self.number)
        self.number.clear()


class _Rows:
    """The samples of one batch, column by column."""

    def __init__(self) -> None:
        self.integers = {name: array("q" if kind == pa.int64() else "i") for name, kind in _INTEGERS.items()}
        self.names = {name: array("i") for name in ("route", "method", "protocol", "error")}
        self.reused: list[bool] = []

    def __len__(self) -> int:
        return len(self.reused)


class _Recorder:
    """Turns exchanges into samples. Times count from the first exchange's start, as a plan's do."""

    def __init__(self, writer: samples.SampleWriter) -> None:
        self._writer = writer
        self._start_ns = 0
        self._rows = _Rows()
        self._names = {name: _Names() for name in self._rows.names}
        self._sessions, self._connections = _Names(), _Names()
        self.repetition = RepetitionCounter()
        self.requests = 0
        self.measured = 0
        """Samples that say how the service did: answered, or failed by its fault."""
        self.untimed = 0
        """Answers whose end is not known."""
        self.last_ns = 0

    def begin(self, start_ns: int) -> None:
        """What follows is of another capture, of which ``start_ns`` is the baseline's zero."""
        self._start_ns = start_ns
        self._sessions.forget()
        self._connections.forget()

    def add(self, exchange: Exchange) -> None:
        """Record one exchange, unless it was answered nobody knows when."""
        self.repetition.add(exchange)
        if exchange.response is not None and exchange.ended is None:
            self.untimed += 1
            return
        requested = max(0, exchange.requested - self._start_ns)
        took = exchange.service_time_ns
        # Opening an upstream connection is left out of the latency, so the request counts as sent later.
        ended = max(requested, (exchange.ended or exchange.requested) - self._start_ns)
        sent = ended - took if took is not None else requested
        row = self._rows.integers
        row["request"].append(self.requests)
        row["session"].append(self._sessions(exchange.session))
        row["connection"].append(self._connections(exchange.connection))
        row["due"].append(sent)
        row["first_byte"].append(max(0, exchange.first_byte - self._start_ns) if exchange.first_byte else 0)
        row["end"].append(ended)
        row["status"].append(exchange.status)
        row["bytes_out"].append(exchange.bytes_out)
        row["bytes_in"].append(exchange.bytes_in)
        error = _ERROR_OF.get(exchange.error, "stopped")
        if not error and exchange.response is None:
            error = "stopped"
        for name, value in (
            ("route", exchange.route),
            ("method", exchange.request.method),
            ("protocol", exchange.request.version),
            ("error", error),
        ):
            self._rows.names[name].append(self._names[name](value))
        self._rows.reused.append(exchange.connected is None)
        self.requests += 1
        self.measured += error != "stopped"
        self.last_ns = max(self.last_ns, sent)
        if len(self._rows) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the rows gathered so far."""
        rows = self._rows
        if not len(rows):
            return
        columns: dict[str, pa.Array] = {
            name: pa.array(memoryview(values), _INTEGERS[name]) for name, values in rows.integers.items()
        }
        for name, numbers in rows.names.items():
            columns[name] = samples.names(numbers, list(self._names[name].number))
        zeros = pa.array([0] * len(rows), pa.int32())
        columns |= {
            "intended": columns["due"],
            "ready": columns["due"],
            "sent": columns["due"],
            "expected_status": columns["status"],
            "clone": zeros,
            "worker": zeros,
            "attempt": pa.array([1] * len(rows), pa.int32()),
            "reused": pa.array(rows.reused, pa.bool_()),
            "trace": pa.array([0] * len(rows), pa.int64()),
        }
        self._writer.write(pa.record_batch([columns[name] for name in samples.SCHEMA.names], schema=samples.SCHEMA))
        self._rows = _Rows()


@dataclass(frozen=True, slots=True)
class Source:
    """One capture that a baseline is made of."""

    manifest: CaptureManifest
    exchanges: Iterable[Exchange]
    zero_ns: int
    """The start of its first exchange, in its own time."""
    start_ns: int | None = None
    """When it began, nanoseconds since 1970; needed where there are several, and stored nowhere."""


def write_baseline(sources: Sequence[Source], folder: Path, name: str) -> RunManifest:
    """Write the run that production made into the existing ``folder`` and return its manifest.

    Raises:
        InputError: a capture is empty, does not tell when its answers ended, or does not belong beside the first.
    """
    _check_alike(sources)
    writer = samples.SampleWriter(folder / "samples-0000.arrow")
    recorder = _Recorder(writer)
    try:
        days = [_record(recorder, source, sources[0]) for source in sources]
        recorder.flush()
    finally:
        writer.close()
    samples.compact(folder)
    first = sources[0].manifest
    manifest = RunManifest(
        format=RUN_FORMAT,
        kind="production",
        name=name,
        created=datetime.now(UTC).date().isoformat(),
        versions=versions(),
        capture_id=",".join(source.manifest.id for source in sources),
        plan_hash="",
        templates=first.templates,
        captured_share=first.captured_share,
        source=first.source,
        zero_ns=sources[0].zero_ns,
        duration_ns=recorder.last_ns + 1,
        requests=recorder.requests,
        planned=recorder.requests,
        production_requests=recorder.requests + recorder.untimed,
        left_out={UNTIMED: recorder.untimed} if recorder.untimed else {},
        repetition=recorder.repetition.found(),
        days=days if len(days) > 1 else [],
        mode="production",
        preflight="skipped",
    )
    write_manifest(folder / MANIFEST_NAME, manifest)
    return manifest


def _record(recorder: _Recorder, source: Source, first: Source) -> Day:
    """Record one capture; say where it lies."""
    name = source.manifest.name
    begin_ns = (source.start_ns or 0) + source.zero_ns - (first.start_ns or 0) - first.zero_ns
    if begin_ns < 0:
        raise InputError(f"{name}: began before {first.manifest.name}. Name the captures in order of time.")
    requests, untimed, measured = recorder.requests, recorder.untimed, recorder.measured
    recorder.begin(source.zero_ns - begin_ns)
    for exchange in source.exchanges:
        recorder.add(exchange)
    captured = recorder.requests + recorder.untimed - requests - untimed
    if not captured:
        raise InputError(f"{name}: holds no exchange, so it gives no baseline. Capture some traffic first.")
    if recorder.measured == measured:
        raise InputError(
            f"{name}: none of its {captured:,} exchanges tells when its answer ended, so it gives no "
            "baseline. Log each request's duration (nginx $request_time, Apache %D), record the responses too, or "
            "gate against a run of the build before."
        )
    began_s = ((source.start_ns or 0) + source.zero_ns) / 1e9
    date = datetime.fromtimestamp(began_s, UTC).date().isoformat()
    return Day(source.manifest.id, date, begin_ns, source.zero_ns, recorder.last_ns + 1 - begin_ns)


def _check_alike(sources: Sequence[Source]) -> None:
    """Refuse captures that do not belong into one baseline."""
    first = sources[0].manifest
    for source in sources[1:]:
        other = source.manifest
        for what, a, b in (
            ("route templates", first.templates[:12], other.templates[:12]),
            ("sources", first.source, other.source),
            ("share of the sessions", f"{first.captured_share:g}", f"{other.captured_share:g}"),
        ):
            if a != b:
                raise InputError(
                    f"{other.name}: its {what} ({b}) are not those of {first.name} ({a}). Make baselines apart."
                )
    if len({source.manifest.id for source in sources}) < len(sources):
        raise InputError("a capture is named twice. Name each once.")


def first_start_ns(exchanges: Iterable[Exchange]) -> int:
    """The earliest start of any exchange, 0 where there is none. Exchanges stand in order of their answers."""
    return min((exchange.started for exchange in exchanges), default=0)
