"""Recordings of other tools → a sanitised capture: the same sanitiser, the same segments as for live traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, Origin, kept_origin
from replay.capture.segments import SegmentWriter
from replay.errors import IncompleteError, InputError, RefusedError
from replay.exchange import Exchange, RawExchange
from replay.formats.access_log import open_access_log
from replay.formats.flows import open_flows
from replay.formats.gor import open_gor
from replay.formats.har import open_har
from replay.formats.recording import LeftOut, Opener, Recording

FORMATS: dict[str, Opener] = {"har": open_har, "gor": open_gor, "flows": open_flows, "log": open_access_log}
"""What ``replay import`` reads, by the name that it goes by on the command line."""

SESSIONS = {"har": "file", "gor": "auto", "flows": "auto", "log": "connection"}
"""Whose requests belong together where nothing else is said; a log's connection is a client and its user agent."""

SHOWN_PLACES = 20
"""Places that are named of each reason; all are counted."""

MOST_SESSIONS = 100_000
"""As many are told apart when they are counted; there may be more."""
WITHHELD = "withheld"
GATE_HITS = 3
GATE_SHARE = 1e-5
"""So many exchanges withheld by the write gate, and more than this share of them, say that the sanitiser does not do
what it should. Fewer are chance: two words of a line meet once in some million lines."""

type Client = Literal["file", "page", "connection"]
"""What one client is, where the sanitiser goes by the connection."""


class Cleaner(Protocol):
    """What an intake needs of a sanitiser."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What it did, by kind; never values."""

    def clean(self, raw: RawExchange) -> Exchange | None:
        """The clean exchange, or None where it is withheld."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open recording and the path that it came from."""

    path: Path
    recording: Recording


@dataclass(slots=True)
class Intake:
    """What an import did."""

    seen: int = 0
    written: int = 0
    sessions: set[str] = field(default_factory=set)
    hosts: Counter[str] = field(default_factory=Counter)
    """Exchanges per host, as the capture names it."""
    kept_hosts: set[tuple[str, int]] = field(default_factory=set)
    """Name and port of those that the policy keeps: where production lives."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Reason → the first places with what is wrong there; never a value."""
    left_out_counts: Counter[str] = field(default_factory=Counter)
    """Reason → how many."""
    duration_ns: int = 0

    def leave_out(self, reason: str, place: str) -> None:
        """Count an entry that is not in the capture."""
        self.left_out_counts[reason] += 1
        places = self.left_out.setdefault(reason, [])
        if len(places) < SHOWN_PLACES:
            places.append(place)

    def note(self, raw: RawExchange, exchange: Exchange) -> None:
        """Note an exchange that was written."""
        if len(self.sessions) < MOST_SESSIONS:
            self.sessions.add(exchange.session)
        host = exchange.request.host
        self.hosts[host] += 1
        kept = kept_origin(raw.request.scheme, raw.request.host, host)
        if kept:
            self.kept_hosts.add((kept.host, kept.port))
        end_ns = exchange.ended or exchange.requested
        if end_ns > self.duration_ns:
            self.duration_ns = end_ns


def open_sources(form: str, paths: Sequence[Path], log_format: str = "") -> list[Source]:
    """The recordings at ``paths``, each with ids of its own; raises InputError where one is none."""
    opener = partial(open_access_log, log_format=log_format) if log_format else FORMATS[form]
    return [Source(path, opener(path, f"{form}{number}")) for number, path in enumerate(paths)]


def epoch_ns(sources: Sequence[Source]) -> int:
    """The capture's start: the earliest start of all recordings, 0 where none holds an exchange with a time."""
    return min((source.recording.started_ns for source in sources if source.recording.started_ns), default=0)


def take_in(sources: Sequence[Source], cleaner: Cleaner, writer: SegmentWriter, client: Client) -> Intake:
    """Write every exchange of the sources that the sanitiser lets through.

    Raises:
        InputError: no source holds an exchange that can be imported.
        IncompleteError: the disk did not take them all.
        RefusedError: the write gate withheld more than chance does: three exchanges, and from 300,000 on one in
            100,000 of those seen. What was written must not be kept.
    """
    result = Intake()
    withheld = Counter(cleaner.counts)
    clean, write, note = cleaner.clean, writer.write, result.note
    for source in sources:
        for item in source.recording:
            result.seen += 1
            if isinstance(item, LeftOut):
                result.leave_out(item.reason, f"{source.path}: {item.place} ({item.why})")
                continue
            exchange = clean(item if client == "connection" else _of_client(item, client))
            if exchange is None:
                place = f"{source.path}: entry {item.id.rpartition('-')[2]}"
                result.leave_out(_reason(withheld, cleaner), place)
                _check_gate(result, place)
                continue
            write(exchange)
            note(item, exchange)
    writer.close()
    result.written = writer.written
    if writer.lost:
        raise IncompleteError(f"the disk did not take {writer.lost:,} exchanges. Make room and import again.")
    if not result.written:
        names = ", ".join(str(source.path) for source in sources[:3])
        raise InputError(f"{names}: {_nothing(result)}. Export the recording again, with its content and times.")
    return result


def _check_gate(result: Intake, place: str) -> None:
    hits = result.left_out_counts[f"{WITHHELD}:gate"]
    if hits >= max(GATE_HITS, result.seen * GATE_SHARE):
        raise RefusedError(
            f"{place}: the write gate withheld {hits} of {result.seen:,} exchanges, more than chance does, so "
            "nothing was imported. Leave these entries out, and report this."
        )


def _reason(before: Counter[str], cleaner: Cleaner) -> str:
    """Why the sanitiser has just withheld an exchange, as it counts it: ``withheld:gate``."""
    now = Counter({name: count for name, count in cleaner.counts.items() if name.startswith(WITHHELD)})
    reasons = [name for name, count in now.items() if count > before[name]]
    before.update(reasons)
    return reasons[0] if reasons else WITHHELD


def _of_client(raw: RawExchange, client: Client) -> RawExchange:
    """A browser opens many connections; the file (or the page) is what stands for its user."""
    parts = raw.connection.split(":")
    return msgspec.structs.replace(raw, connection=":".join(parts[: 1 if client == "file" else 2]))


def _nothing(result: Intake) -> str:
    if not result.seen:
        return "holds no entry"
    reason, _ = result.left_out_counts.most_common(1)[0]
    why = result.left_out[reason][0].rpartition(": ")[2]
    return f"none of its {result.seen:,} entries could be imported ({reason}: {why})"


def close_capture(
    folder: Path, draft: CaptureManifest, result: Intake, writer: SegmentWriter, cleaner: Cleaner
) -> None:
    """Write the manifest beside the segments: complete, with what was left out and why."""
    write_manifest(
        folder / MANIFEST_NAME,
        msgspec.structs.replace(
            draft,
            origins=[Origin(*host) for host in sorted(result.kept_hosts)],
            seen=result.seen,
            written=result.written,
            dropped=dict(result.left_out_counts),
            notes={name: count for name, count in cleaner.counts.items() if count},
            duration_ns=result.duration_ns,
            segments=list(writer.closed),
            complete=True,
        ),
    )
