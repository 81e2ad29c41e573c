"""One authenticated connection between two hosts of a run: messages as JSON lines, and files in pieces behind them.

Each connection says with its first line what it is for: ``control`` stays open as long as the host takes part,
``plan`` and ``samples`` carry files, ``locust`` carries Locust's own protocol and nothing of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from replay.errors import IncompleteError
from replay.hosts.clock import Offset
from replay.private_files import create_private
from replay.runs import Target
from replay.runspec import RunSpec

HOSTS_FORMAT = "hosts/1"
LIMIT_BYTES = 1 << 20
"""What a connection holds of what it has not read: a line is shorter, and a file's piece is as long."""
HELLO_S = 5.0
"""Who has not proved the secret and said its purpose by then is sent away."""

type Purpose = Literal["control", "plan", "samples", "locust"]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first line of every connection, from a worker's host."""

    format: str
    version: str
    purpose: Purpose
    host: str = ""
    token: str = ""
    """Which host of the run this is; '' in its first connection."""


class Order(msgspec.Struct, frozen=True, tag="order"):
    """Master: what is to be done. It holds no path and no secret, and a worker's host checks it anew."""

    token: str
    run: str
    spec: RunSpec
    processes: int
    """Locust workers that this host starts."""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """Worker: the order was checked and may begin; these addresses were pinned here."""

    targets: list[Target]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Either: no, and why, in one line that holds no secret."""

    reason: str
    code: int


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Master: every host is prepared; start the Locust workers."""


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Worker: it lives, and asks for the time."""

    sent_ns: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Master: it lives, and what its clocks say."""

    sent_ns: int
    received_ns: int
    answered_ns: int
    wall_ns: int


class Journal(msgspec.Struct, frozen=True, tag="journal"):
    """Worker: whole lines that an engine added to its journal."""

    worker: int
    lines: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """Master: the run is over; end what still runs and send what there is."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Worker: its processes have ended, and their journals were sent to the end."""


class File(msgspec.Struct, frozen=True, tag="file"):
    """Either: a file of so many bytes follows."""

    name: str
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]


class Got(msgspec.Struct, frozen=True, tag="got"):
    """Master: the files are on its disk."""


class Bye(msgspec.Struct, frozen=True, tag="bye"):
    """Worker: all was sent. The clock when the run started, and now."""

    at_start: Offset
    at_end: Offset


type Message = Hello | Order | Prepared | Refused | Go | Ping | Pong | Journal | End | Ended | File | Got | Bye

_messages: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class GoneError(IncompleteError):
    """The other end is gone, fell silent, or said what nobody understands."""


class Peer:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def address(self) -> str:
        """Its address, without the port."""
        return str(self.writer.get_extra_info("peername")[0])

    async def say(self, message: Message) -> None:
        """Send ``message``, waiting while the other end does not read; raises GoneError where it has closed."""
        if self.writer.is_closing():
            raise GoneError("the connection broke (it was closed)")
        try:
            self.writer.write(msgspec.json.encode(message) + b"\n")
            await self.writer.drain()
        except OSError as error:
            raise GoneError(f"the connection broke ({_why(error)})") from None

    async def hear(self, within_s: float) -> Message:
        """The next message; raises GoneError where none comes in time."""
        try:
            async with asyncio.timeout(within_s):
                line = await self.reader.readuntil(b"\n")
            return _messages.decode(line)
        except TimeoutError:
            raise GoneError(f"no word for {within_s:g} s") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise GoneError(f"the connection broke ({_why(error)})") from None
        except (asyncio.LimitOverrunError, msgspec.DecodeError, UnicodeDecodeError):
            raise GoneError("it sent what is no message of this version") from None

    async def send_file(self, path: Path) -> None:
        """Send a file, a piece at a time."""
        try:
            with path.open("rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                await self.say(File(path.name, size_bytes))
                while piece := file.read(min(LIMIT_BYTES, size_bytes)):
                    size_bytes -= len(piece)
                    self.writer.write(piece)
                    await self.writer.drain()
        except OSError as error:
            raise GoneError(f"{path.name} could not be sent ({_why(error)})") from None

    async def receive_file(self, head: File, path: Path, within_s: float) -> None:
        """Write the file that ``head`` announced to ``path`` (0600), new; a piece within ``within_s``."""
        left = head.size_bytes
        with os.fdopen(create_private(path), "wb") as file:
            while left:
                try:
                    async with asyncio.timeout(within_s):
                        piece = await self.reader.read(min(left, LIMIT_BYTES))
                except (OSError, TimeoutError) as error:
                    raise GoneError(f"{head.name} stopped coming ({_why(error)})") from None
                if not piece:
                    raise GoneError(f"{head.name} came in part only")
                left -= len(piece)
                file.write(piece)

    async def close(self) -> None:
        """Close the connection, sending what is still to be sent."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.close()
            async with asyncio.timeout(1.0):
                await self.writer.wait_closed()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes from one to the other until either ends."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()


async def join(one: Peer, other: Peer) -> None:
    """Carry bytes both ways until one end closes, then close both."""
    ways = [asyncio.ensure_future(pump(a.reader, b.writer)) for a, b in ((one, other), (other, one))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await asyncio.gather(one.close(), other.close())


def _why(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return "is the secret the same on both hosts?"
    return (error.strerror if isinstance(error, OSError) else "") or "it was closed"
