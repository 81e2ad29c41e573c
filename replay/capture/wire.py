"""What passes between the three processes of a capture: the addon, the sanitiser and their launcher.

Addon → sanitiser, one pipe: frames of a 5-byte head (length, kind) and a MessagePack payload.
Addon → launcher and sanitiser → launcher, a socket and a pipe: JSON lines. They carry counts, a port and places in
our own code, never anything that a person sent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from replay.exchange import RawExchange

EXCHANGE, STARTED, COUNTERS = 0, 1, 2
CONFDIR_PREFIX = "replay-capture-"
"""How the proxy's private folder begins; the launcher removes it, or the addon where the launcher was killed."""
MAX_FRAME_BYTES = 64 << 20
_HEAD = struct.Struct("<IB")


class Started(msgspec.Struct, frozen=True, array_like=True):
    """The capture begins: its times count from here."""

    epoch_ns: int


class Counters(msgspec.Struct, frozen=True, tag="counters"):
    """What the addon saw since it was loaded. ``seen`` = frames handed over + Σ ``dropped``, once it is ``final``."""

    seen: int
    """Exchanges that began."""
    dropped: dict[str, int]
    """Exchanges that were not handed over, by reason."""
    notes: dict[str, int]
    """What it noticed beside them (bodies not kept, upstream connections refused, clock steps …)."""
    at_ns: int
    """Wall clock."""
    final: bool = False


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The proxy accepts connections."""

    port: int


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """A bug in the addon was caught: its type and place, never its message."""

    where: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The sanitiser has passed its self-test and waits for traffic."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The sanitiser cannot work; ``message`` is that of a ReplayError, or a type and a place."""

    message: str
    exit_code: int


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """The sanitiser writes nothing more: the write gate has withheld too many exchanges."""

    withheld: int


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The process behind the proxy has finished; what it made, in numbers."""

    counts: dict[str, int]


type Word = Counters | Opened | Fault | Ready | Failed | Stopped | Done

_encode_into = msgspec.msgpack.Encoder().encode_into
_to_line = msgspec.json.Encoder().encode
_from_line = msgspec.json.Decoder(Word)


def frame(kind: int, payload: RawExchange | Started | Counters) -> bytearray:
    """One frame of the pipe from the addon to the sanitiser; the payload is copied once."""
    content = bytearray(_HEAD.size)
    _encode_into(payload, content, _HEAD.size)
    _HEAD.pack_into(content, 0, len(content) - _HEAD.size, kind)
    return content


def line(word: Word) -> bytes:
    """One line for the launcher."""
    return _to_line(word) + b"\n"


def words(content: bytes) -> list[Word]:
    """The words in whole lines; raises ``msgspec.DecodeError`` where a line is none."""
    return [_from_line.decode(part) for part in content.splitlines() if part]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came out of the pipe."""

    kind: int
    payload: bytes


class FrameReader:
    """Cuts a stream of bytes into frames, however the bytes were chopped up on their way.

    Raises:
        ValueError: the stream is no sequence of frames (from ``feed``).
    """

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, content: bytes) -> Iterator[Frame]:
        """The frames that ``content`` completes."""
        self._held += content
        begin = 0
        try:
            while len(self._held) - begin >= _HEAD.size:
                length, kind = _HEAD.unpack_from(self._held, begin)
                if length > MAX_FRAME_BYTES or kind > COUNTERS:
                    raise ValueError("the pipe from the addon holds something else than frames")
                end = begin + _HEAD.size + length
                if end > len(self._held):
                    return
                payload = bytes(memoryview(self._held)[begin + _HEAD.size : end])
                begin = end
                yield Frame(kind, payload)
        finally:
            del self._held[:begin]

    @property
    def partial_bytes(self) -> int:
        """Length of what is held of a frame that has not ended."""
        return len(self._held)
