"""The segments of a capture: zstd-compressed JSON Lines that survive a crash.

A segment is a plain file ``segment-000000.jsonl.zst`` of mode 0600. Its first line is
``{"format": "capture/1", "capture": ID, "segment": N}``, every other line an ``Exchange``. Each flush appends one
whole zstd frame (with a checksum) of whole lines, so that a crash costs at most what was not yet flushed, a damaged
frame costs no other, and ``zstdcat | jq`` reads it all. For a recipient each flush is one age message instead, in
``segment-000000.jsonl.zst.age``.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from replay.capture.frames import SEALED_SUFFIX, compress, contents, message
from replay.capture.manifest import SegmentEntry, read_capture_manifest
from replay.capture.sealing import Seal, unseal_with
from replay.errors import InputError
from replay.exchange import CAPTURE_FORMAT, Exchange
from replay.private_files import create_private
from replay.storage import files_in, held

SUFFIX = ".jsonl.zst"
MAX_SEGMENT_BYTES = 8 << 20
MAX_SEGMENT_AGE_S = 60.0
RESERVE_BYTES = 1 << 20
"""Left free on the disk for the manifest."""
_FLUSH_BYTES = 256 << 10
_MAX_LINE_BYTES = 128 << 20


class SegmentHead(msgspec.Struct, frozen=True):
    """The first line of a segment."""

    format: str
    capture: str
    segment: int


class SegmentWriter:
    """Writes exchanges into the segments of ``folder``; time comes in through ``tick``.

    An error of the disk is counted in ``lost``, never raised: what is captured must not suffer from it. Whatever
    was flushed stays readable, because an unfinished frame is cut off again. The last MiB of a disk is left free, so
    that the manifest can still say what was lost.
    """

    def __init__(
        self,
        folder: Path,
        capture: str,
        *,
        max_bytes: int = MAX_SEGMENT_BYTES,
        max_age_s: float = MAX_SEGMENT_AGE_S,
        seal: Seal | None = None,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.closed: list[SegmentEntry] = []
        """The segments that are complete, in order."""
        self.written = 0
        """Exchanges in whole frames on disk."""
        self.lost = 0
        """Exchanges that the disk did not take."""
        self._folder = folder
        self._capture = capture
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._encoder = msgspec.json.Encoder()
        self._seal = seal
        self._free_bytes = free_bytes
        self._pending = bytearray()
        self._pending_count = 0
        self._number = 0
        self._fd = -1
        self._size = 0
        self._count = 0
        self._opened_s: float | None = None

    def write(self, exchange: Exchange) -> None:
        """Take one exchange; it is on disk after the next flush (at 256 KiB, or at the next ``tick``)."""
        self._encoder.encode_into(exchange, self._pending, -1)
        self._pending += b"\n"
        self._pending_count += 1
        if len(self._pending) >= _FLUSH_BYTES:
            self.flush()

    def tick(self, now_s: float) -> None:
        """Flush, and close the segment where it is old enough; call it once a second with a monotonic clock."""
        self.flush()
        if self._fd < 0:
            return
        if self._opened_s is None:
            self._opened_s = now_s
        elif now_s - self._opened_s >= self._max_age_s:
            self._close_segment()

    def flush(self) -> None:
        """Append what is pending as one frame."""
        if not self._pending_count:
            return
        try:
            if self._free_bytes(self._folder) < len(self._pending) + RESERVE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._fd < 0:
                self._open_segment()
            frames = (b"" if self._size else compress(self._head())) + compress(self._pending)
            self._append(message(self._seal(frames)) if self._seal else frames)
        except OSError:
            self.lost += self._pending_count
        else:
            self.written += self._pending_count
            self._count += self._pending_count
        self._pending.clear()
        self._pending_count = 0
        if self._size >= self._max_bytes:
            self._close_segment()

    def close(self) -> None:
        """Flush and close the last segment."""
        self.flush()
        self._close_segment()

    def _name(self) -> str:
        return segment_name(self._number, sealed=self._seal is not None)

    def _head(self) -> bytes:
        return msgspec.json.encode(SegmentHead(CAPTURE_FORMAT, self._capture, self._number)) + b"\n"

    def _open_segment(self) -> None:
        self._fd = create_private(self._folder / self._name())
        self._size = self._count = 0
        self._opened_s = None

    def _append(self, frames: bytes) -> None:
        view = memoryview(frames)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
            raise
        self._size += len(frames)

    def _close_segment(self) -> None:
        if self._fd < 0:
            return
        with suppress(OSError):  # what it holds was counted when written, and the reader checks each frame
            os.fsync(self._fd)
        os.close(self._fd)
        self._fd = -1
        name = self._name()
        if self._count:
            self.closed.append(SegmentEntry(name, self._count, self._size))
            self._number += 1
        else:
            (self._folder / name).unlink(missing_ok=True)
        self._size = 0


def _is_segment(name: str) -> bool:
    return name.startswith("segment-") and "/" not in name and name.removesuffix(SEALED_SUFFIX).endswith(SUFFIX)


def segment_name(number: int, *, sealed: bool = False) -> str:
    """The file name of segment ``number``."""
    return f"segment-{number:06d}{SUFFIX}{SEALED_SUFFIX if sealed else ''}"


class CaptureReader:
    """Reads the exchanges of a capture in file order, in bounded memory; at an address one segment at a time.

    What could not be read stands in ``notes`` after iterating, a line each. A segment that was cut off is read up
    to its last whole record, and a damaged frame costs only its own records. Encrypted segments need ``identity``,
    the file of an age identity.

    Raises:
        InputError: the folder is no capture; a segment is missing, foreign, of another version, or damaged in its
            beginning.
    """

    def __init__(self, folder: Path, identity: Path | None = None) -> None:
        self.folder = folder
        self.manifest = read_capture_manifest(folder)
        self.notes: list[str] = []
        self.damaged = False
        """After iterating: a segment holds fewer exchanges than the manifest says."""
        self.paths = sorted(folder / name for name in files_in(folder) if _is_segment(name))
        self.is_sealed = any(path.suffix == SEALED_SUFFIX for path in self.paths)
        """Its segments are encrypted."""
        self._unseal = unseal_with(identity) if identity and self.is_sealed else None
        present = {path.name for path in self.paths}
        for entry in self.manifest.segments:
            if entry.name not in present:
                raise InputError(f"{folder / entry.name}: is missing. Copy the capture again, or capture again.")

    def __iter__(self) -> Iterator[Exchange]:
        self.notes = []
        self.damaged = False
        closed = {entry.name: entry for entry in self.manifest.segments}
        if not self.manifest.complete:
            self.notes.append(
                f"{self.folder.name}: the capture was not closed in order; its counts are a lower bound"
            )
        for number, path in enumerate(self.paths):
            count = 0
            for exchange in self._segment(number, path):
                count += 1
                yield exchange
            entry = closed.get(path.name)
            if entry is None:
                self.notes.append(f"{path.name}: ended without closing, up to 1 s of it is unknown")
            elif count != entry.exchanges:
                self.damaged = True
                self.notes.append(f"{path.name}: {count} of {entry.exchanges} exchanges could be read")

    def count(self) -> int:
        """The number of exchanges: of closed segments as the manifest says, of others by reading them."""
        closed = {entry.name: entry.exchanges for entry in self.manifest.segments}
        return sum(
            closed[path.name] if path.name in closed else sum(1 for _ in self._segment(number, path))
            for number, path in enumerate(self.paths)
        )

    def _segment(self, number: int, path: Path) -> Iterator[Exchange]:
        decoder = msgspec.json.Decoder(Exchange)
        lines = self._lines(path)
        head = next(lines, None)
        if head is None:
            return
        self._check(path, head, number)
        unreadable = 0
        for line in lines:
            try:
                exchange = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable += 1
            else:
                yield exchange
        if unreadable:
            self.notes.append(f"{path.name}: {unreadable} lines are no exchanges")

    def _check(self, path: Path, line: bytes, number: int) -> None:
        try:
            head = msgspec.json.decode(line, type=SegmentHead)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InputError(f"{path}: does not begin as a segment. Copy the capture again.") from None
        if head.format != CAPTURE_FORMAT:
            raise InputError(
                f"{path}: format '{head.format[:40]}', this version reads '{CAPTURE_FORMAT}'. "
                f"Use the version that wrote it, or capture again."
            )
        name = segment_name(number, sealed=path.suffix == SEALED_SUFFIX)
        if head.capture != self.manifest.id or head.segment != number or path.name != name:
            raise InputError(f"{path}: is a segment of another capture or place. Copy the capture again.")

    def _lines(self, path: Path) -> Iterator[bytes]:
        rest = b""
        with held(path):
            for piece in contents(path, self.notes, self._unseal):
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
                if len(rest) > _MAX_LINE_BYTES:
                    raise InputError(
                        f"{path}: holds a line of more than {_MAX_LINE_BYTES >> 20} MiB, so it is no segment."
                    )


def read_exchanges(folder: Path, identity: Path | None = None) -> Iterator[Exchange]:
    """The exchanges of the capture in ``folder``, in file order; raises InputError as ``CaptureReader``."""
    yield from CaptureReader(folder, identity)
