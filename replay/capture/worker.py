"""The sanitiser's process, ``python -m replay.capture.worker FD FOLDER``: raw exchanges → segments and manifest."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, Origin, kept_origin
from replay.capture.sealing import seal_for
from replay.capture.segments import SegmentWriter
from replay.capture.serving import say, work
from replay.capture.wire import EXCHANGE, STARTED, Counters, Frame, Started, Stopped, Word
from replay.errors import EXIT_INCOMPLETE, EXIT_OK
from replay.exchange import Exchange, RawExchange

MANIFEST_EVERY_S = 2.0
MAX_KEPT_HOSTS = 256
GATE_HITS = 3
GATE_WINDOW_S = 60.0
"""So many exchanges withheld by the write gate within so long say that the sanitiser does not do what it should."""
GATE_STOPPED = "gate-stopped"
GATE_HIT = "withheld:gate"


class Cleaner(Protocol):
    """What the recorder needs of a sanitiser."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What it did, by kind, never values; ``withheld:REASON`` is why exchanges did not come out."""

    def clean(self, raw: RawExchange) -> Exchange | None:
        """The clean exchange, or None where it is withheld."""


class Recorder:
    """Takes frames and keeps segments and manifest; ``seen = written + Σ dropped`` once it is closed."""

    def __init__(
        self,
        folder: Path,
        manifest: CaptureManifest,
        cleaner_at: Callable[[int], Cleaner],
        *,
        writer: SegmentWriter | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[Word], None] = lambda _: None,
        seal_start: Callable[[int], str] = lambda _: "",
    ) -> None:
        self._seal_start = seal_start
        self.in_order = False
        """The addon has said its last word, so nothing is missing that is not counted."""
        self.gate_stopped = False
        """The write gate spoke too often; nothing more is looked at or written, only counted."""
        self._gate_hits: deque[float] = deque(maxlen=GATE_HITS)
        self._clock = clock
        self._say = say
        self._path = folder / MANIFEST_NAME
        self._draft = manifest
        self._cleaner_at = cleaner_at
        self._cleaner: Cleaner | None = None
        self._writer = writer or SegmentWriter(folder, manifest.id)
        self._decode = msgspec.msgpack.Decoder(RawExchange).decode
        self._counters = Counters(0, {}, {}, 0)
        self._epoch_ns = 0
        self._received = 0
        self._withheld = 0
        self._wall_ns = wall_ns
        self._lag_ns = 0
        self._dropped: dict[str, int] = {}
        self._kept_hosts: set[tuple[str, int]] = set()  # production's own names, which replay must refuse
        self._saved_s = 0.0
        self._saved_segments = 0

    def take(self, frame: Frame) -> None:
        """Take one frame of the addon."""
        if frame.kind == EXCHANGE:
            self._received += 1
            self._record(frame.payload)
        elif frame.kind == STARTED:
            self._epoch_ns = msgspec.msgpack.decode(frame.payload, type=Started).epoch_ns
            self._cleaner = self._cleaner_at(self._epoch_ns)
        else:
            self._counters = msgspec.msgpack.decode(frame.payload, type=Counters)
            self.in_order = self._counters.final

    def tick(self, now_s: float) -> None:
        """Flush to the disk, and save the manifest every two seconds; call it once a second."""
        self._writer.tick(now_s)
        if now_s - self._saved_s >= MANIFEST_EVERY_S or len(self._writer.closed) > self._saved_segments:
            self.save(now_s)

    def save(self, now_s: float, *, complete: bool = False) -> None:
        """Write the manifest; a full disk is not an error here, the next attempt may succeed."""
        with suppress(OSError):
            write_manifest(self._path, self.manifest(complete=complete))
            self._saved_s = now_s
            self._saved_segments = len(self._writer.closed)

    def close(self, now_s: float) -> int:
        """Close the segments and the manifest; it is complete where the addon had said its last word.

        A capture that the gate stopped is never complete: its rest is missing.
        """
        self._writer.close()
        complete = self.in_order and not self.gate_stopped
        self.save(now_s, complete=complete)
        return EXIT_OK if complete else EXIT_INCOMPLETE

    def drop(self, reason: str) -> None:
        """Count an exchange that is lost here."""
        self._dropped[reason] = self._dropped.get(reason, 0) + 1

    def manifest(self, *, complete: bool = False) -> CaptureManifest:
        """The manifest as of now."""
        counts = self._cleaner.counts if self._cleaner else {}
        reasons = {key: number for key, number in counts.items() if key.startswith("withheld:")}
        dropped = dict(self._counters.dropped)
        unnamed = self._withheld - sum(reasons.values())
        for reason, number in [
            *self._dropped.items(),
            *reasons.items(),
            ("withheld", unnamed),
            ("disk", self._writer.lost),
        ]:
            if number > 0:
                dropped[reason] = dropped.get(reason, 0) + number
        notes = {key: number for key, number in counts.items() if number and key not in reasons}
        notes["lag-max-ms"] = self._lag_ns // 1_000_000
        return msgspec.structs.replace(
            self._draft,
            origins=self._draft.origins + [Origin(*host) for host in sorted(self._kept_hosts)],
            seen=max(self._counters.seen, self._received),
            written=self._writer.written,
            dropped=dropped,
            notes=notes | self._counters.notes,
            duration_ns=max(0, self._counters.at_ns - self._epoch_ns) if self._counters.at_ns else 0,
            segments=list(self._writer.closed),
            complete=complete,
            start=self._seal_start(self._epoch_ns) if self._epoch_ns else "",
        )

    def _record(self, payload: bytes) -> None:
        if self._cleaner is None:
            self.drop("sanitiser-error")
            return
        if self.gate_stopped:
            self.drop(GATE_STOPPED)
            return
        hits = self._cleaner.counts.get(GATE_HIT, 0)
        try:
            raw = self._decode(payload)
            if raw.ended:
                self._lag_ns = max(self._lag_ns, self._wall_ns() - raw.ended)
            exchange = self._cleaner.clean(raw)
            if exchange is None:
                self._withheld += 1
                if self._cleaner.counts.get(GATE_HIT, 0) > hits:
                    self._note_gate()
            elif not in_sample(exchange.session, self._draft.captured_share):
                self.drop("sampled-out")
            else:
                self._writer.write(exchange)
                kept = kept_origin(raw.request.scheme, raw.request.host, exchange.request.host)
                if kept and len(self._kept_hosts) < MAX_KEPT_HOSTS:
                    self._kept_hosts.add((kept.host, kept.port))
        except Exception:  # noqa: BLE001 - one strange exchange must not end the capture; it is withheld and counted
            self.drop("sanitiser-error")

    def _note_gate(self) -> None:
        """Stop where the gate has withheld three exchanges within a minute."""
        self._gate_hits.append(self._clock())
        if len(self._gate_hits) == GATE_HITS and self._gate_hits[-1] - self._gate_hits[0] <= GATE_WINDOW_S:
            self.gate_stopped = True
            self._say(Stopped(GATE_HITS))


def in_sample(session: str, share: float) -> bool:
    """Whether a session belongs to a sample of ``share``; whole sessions do or do not.

    ``session`` is a keyed pseudonym, so who is in the sample depends on the key and cannot be chosen by a visitor.
    """
    if share >= 1:
        return True
    digest = hashlib.blake2b(session.encode("utf-8", "replace"), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < share * 2**64


class Settings(msgspec.Struct, frozen=True):
    """What the launcher asks for. A key is named by its source, never given."""

    folder: str
    manifest: CaptureManifest
    policy: str
    key_mode: Literal["ephemeral", "file", "fd", "command"]
    key_value: str
    session_by: str
    recipient: str = ""
    """age recipient that the segments are encrypted for; '' for none."""


def _recorder(content: bytes) -> Recorder:
    from replay.sanitize.keys import KeySource, load_key, sealed_start
    from replay.sanitize.policy import load_policy
    from replay.sanitize.sanitizer import Sanitizer
    from replay.sanitize.self_test import self_test

    settings = msgspec.json.decode(content, type=Settings)
    policy = load_policy(settings.policy)
    key = load_key(KeySource(settings.key_mode, settings.key_value))

    def cleaner_at(epoch_ns: int) -> Sanitizer:
        return Sanitizer(policy, key, epoch_ns, settings.session_by)

    self_test(cleaner_at(time.time_ns()))
    manifest = msgspec.structs.replace(
        settings.manifest,
        policy_name=policy.name,
        policy_hash=policy.hash,
        templates=policy.templates,
        key_id=key.key_id,
        key_mode=key.mode,
    )
    folder = Path(settings.folder)
    seal = seal_for(settings.recipient) if settings.recipient else None
    recorder = Recorder(
        folder,
        manifest,
        cleaner_at,
        writer=SegmentWriter(folder, manifest.id, seal=seal),
        say=say,
        seal_start=lambda epoch_ns: sealed_start(key, epoch_ns),
    )
    write_manifest(folder / MANIFEST_NAME, recorder.manifest())
    return recorder


if __name__ == "__main__":
    sys.exit(work(_recorder, "sanitiser"))
