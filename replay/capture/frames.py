"""The frames of a segment's file, plain or sealed, as far as they can be read.

Plain: zstd frames one after the other, as ``zstdcat`` reads them. Sealed: age messages, each after its length in four
bytes (little-endian), and in each message zstd frames. A frame's lines are whole.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from replay.capture.sealing import Unseal, required
from replay.errors import InputError

SEALED_SUFFIX = ".age"
LENGTH_BYTES = 4
_ZSTD = b"\x28\xb5\x2f\xfd"
_AGE = b"age-encryption.org/v1\n"
_WINDOW_BYTES = 8 << 20
_STEP_BYTES = 4 << 10  # a zstd block of 4 bytes can hold 128 KiB: one step never yields more than 128 MiB
_HELD_BYTES = 64 << 20


def compress(content: bytes | bytearray) -> bytes:
    """One zstd frame with a checksum."""
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)


def message(sealed: bytes) -> bytes:
    """An age message as it stands in a segment."""
    return len(sealed).to_bytes(LENGTH_BYTES, "little") + sealed


def contents(path: Path, notes: list[str], unseal: Unseal | None) -> Iterator[bytes]:
    """The content of each frame of the file; what could not be read is told in ``notes``.

    Raises:
        InputError: the file cannot be read, is no segment, is damaged in its beginning, or is sealed and there is
            no identity that opens it.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                notes.append(f"{path.name}: is empty")
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if path.suffix != SEALED_SUFFIX:
                    yield from _plain(path, content, notes)
                elif unseal is None:
                    raise required(path)
                else:
                    yield from _sealed(path, content, notes, unseal)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None


def _plain(path: Path, content: mmap.mmap | bytes, notes: list[str]) -> Iterator[bytes]:
    """The content of each frame; in one piece where it is ours, because only its end proves it undamaged."""
    if not _ZSTD.startswith(content[:4]):
        raise InputError(f"{path}: is no segment, or its beginning is damaged. Copy the capture again.")
    begin, size = 0, len(content)
    while begin < size:
        frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj()
        position, held = begin, bytearray()
        try:
            while not frame.eof and position < size:
                held += frame.decompress(content[position : position + _STEP_BYTES])
                position = min(position + _STEP_BYTES, size)
                if len(held) > _HELD_BYTES:
                    yield bytes(held)
                    held.clear()
        except zstandard.ZstdError:
            if begin == 0:
                raise InputError(f"{path}: its beginning is damaged. Copy the capture again.") from None
            notes.append(f"{path.name}: the frame at byte {begin:,} is damaged and was left out")
            begin = content.find(_ZSTD, begin + len(_ZSTD))
            if begin < 0:
                return
            continue
        yield bytes(held)
        if not frame.eof:
            notes.append(f"{path.name}: is cut off at byte {size:,}")
            return
        begin = position - len(frame.unused_data)


def _sealed(path: Path, content: mmap.mmap, notes: list[str], unseal: Unseal) -> Iterator[bytes]:
    head = content[LENGTH_BYTES : LENGTH_BYTES + len(_AGE)]
    if not _AGE.startswith(head):
        raise InputError(f"{path}: is no encrypted segment, or its beginning is damaged. Copy the capture again.")
    begin, size = 0, len(content)
    while begin < size:
        end = begin + LENGTH_BYTES + int.from_bytes(content[begin : begin + LENGTH_BYTES], "little")
        if begin + LENGTH_BYTES > size or end > size:
            notes.append(f"{path.name}: is cut off at byte {size:,}")
            return
        opened = unseal(content[begin + LENGTH_BYTES : end])
        if opened is not None:
            yield from _plain(path, opened, notes)
        elif begin == 0:
            raise InputError(f"{path}: is not for this identity, or its beginning is damaged. Name another identity.")
        else:
            notes.append(f"{path.name}: the message at byte {begin:,} is damaged and was left out")
        begin = end
