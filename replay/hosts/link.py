"""A worker host's side of a run over several hosts: its connections to the master.

What the master says is kept for the main thread to read. The link is lost when the master says nothing for two
seconds, which leaves one for the engines to be ended within three.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from replay import __version__
from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.hosts.address import LOOPBACK, Address
from replay.hosts.clock import Clock, Offset
from replay.hosts.loop import LoopThread
from replay.hosts.peer import (
    HELLO_S,
    HOSTS_FORMAT,
    LIMIT_BYTES,
    Bye,
    End,
    Ended,
    File,
    Go,
    GoneError,
    Got,
    Hello,
    Journal,
    Order,
    Peer,
    Ping,
    Pong,
    Prepared,
    Purpose,
    Refused,
    join,
)
from replay.plan.store import MANIFEST_NAME, REQUESTS_NAME
from replay.runs import Target

SILENCE_S = 2.0
_PING_EVERY_S = 0.25
_QUICK_PINGS = 20
_QUICK_S = 0.01
_FILE_S = 60.0
_RETRY_S = 0.5
_ERRORS = {error.exit_code: error for error in (ReplayError, InputError, IncompleteError, RefusedError)}


class Link:
    """A worker host's connection to the master at ``address``."""

    def __init__(self, address: Address, context: ssl.SSLContext, within_s: float) -> None:
        self.clock = Clock()
        self.order: Order | None = None
        self.may_go = False
        self.must_end = False
        self.lost = ""
        """Why the master is gone; '' while it is not."""
        self.refused: ReplayError | None = None
        self.locust_port = 0
        """The port of loopback that leads to the Locust master."""
        self._address = address
        self._context = context
        self._thread = LoopThread()
        self._control: Peer = self._first(within_s)
        self._thread.run(self._begin())

    def fetch_plan(self, folder: Path) -> None:
        """Have the master send its plan into the new ``folder``; raises GoneError."""
        folder.mkdir(mode=0o700)
        self._thread.run(self._fetch(folder))

    def prepared(self, targets: list[Target]) -> None:
        """Say that the order may begin."""
        self._thread.run(self._control.say(Prepared(targets)), HELLO_S)

    def refuse(self, error: ReplayError) -> None:
        """Say why it may not."""
        with contextlib.suppress(GoneError, TimeoutError):
            self._thread.run(self._control.say(Refused(str(error), error.exit_code)), HELLO_S)

    def journal(self, worker: int, lines: str) -> None:
        """Send whole lines of a journal."""
        self._thread.run(self._control.say(Journal(worker, lines)), SILENCE_S)

    def ended(self) -> None:
        """Say that the processes have ended."""
        self._thread.run(self._control.say(Ended()), HELLO_S)

    def give_samples(self, files: Sequence[Path], at_start: Offset) -> None:
        """Send the samples, and take leave; raises GoneError where they did not arrive."""
        self._thread.run(self._give(files))
        self._thread.run(self._control.say(Bye(at_start, self.clock.offset)), HELLO_S)

    def close(self) -> None:
        """Close all connections; a second time changes nothing."""
        if self._thread.loop.is_closed():
            return
        with contextlib.suppress(TimeoutError):
            self._thread.run(self._control.close(), 2.0)
        self._thread.close()

    def _first(self, within_s: float) -> Peer:
        deadline = time.monotonic() + within_s
        while True:
            try:
                return self._thread.run(self._connect("control"))
            except GoneError as error:
                if time.monotonic() > deadline:
                    self._thread.close()
                    raise IncompleteError(f"--worker {self._address}: {error}. Does the master run there?") from None
                time.sleep(_RETRY_S)
            except BaseException:
                self._thread.close()
                raise

    async def _connect(self, purpose: Purpose) -> Peer:
        try:
            async with asyncio.timeout(HELLO_S):
                streams = await asyncio.open_connection(
                    self._address.host, self._address.port, ssl=self._context, limit=LIMIT_BYTES
                )
        except ssl.SSLError:
            raise RefusedError(
                f"--worker {self._address}: what listens there does not hold the secret of this host."
            ) from None
        except (OSError, TimeoutError) as error:
            raise GoneError(f"no connection ({getattr(error, 'strerror', '') or 'no answer'})") from None
        peer = Peer(*streams)
        token = self.order.token if self.order is not None else ""
        await peer.say(Hello(HOSTS_FORMAT, __version__, purpose, socket.gethostname(), token))
        return peer

    async def _begin(self) -> None:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._ping())]
        server = await asyncio.start_server(self._tunnel, LOOPBACK, 0)
        self.locust_port = server.sockets[0].getsockname()[1]

    async def _listen(self) -> None:
        try:
            while True:
                match await self._control.hear(SILENCE_S):
                    case Pong(sent_ns, received_ns, answered_ns, wall_ns):
                        back_ns, our_wall_ns = time.monotonic_ns(), time.time_ns()
                        self.clock.add(sent_ns, received_ns, answered_ns, back_ns, wall_ns, our_wall_ns)
                    case Order() as order:
                        self.order = order
                    case Go():
                        self.may_go = True
                    case End():
                        self.must_end = True
                    case Refused(reason, code):
                        self.refused = _ERRORS.get(code, ReplayError)(f"--worker {self._address}: {reason}")
                        return
                    case _:
                        raise GoneError("it sent what a master does not say")
        except GoneError as error:
            self.lost = str(error)

    async def _ping(self) -> None:
        number = 0
        with contextlib.suppress(GoneError):  # the listener says so
            while not self.lost:
                await self._control.say(Ping(time.monotonic_ns()))
                number += 1
                await asyncio.sleep(_QUICK_S if number < _QUICK_PINGS else _PING_EVERY_S)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = Peer(reader, writer)
        try:
            await join(near, await self._connect("locust"))
        except ReplayError:
            await near.close()

    async def _fetch(self, folder: Path) -> None:
        peer = await self._connect("plan")
        for name in (MANIFEST_NAME, REQUESTS_NAME):
            head = await peer.hear(_FILE_S)
            if not isinstance(head, File) or head.name != name:
                raise GoneError("the master sent no plan")
            await peer.receive_file(head, folder / name, _FILE_S)
        await peer.close()

    async def _give(self, files: Sequence[Path]) -> None:
        peer = await self._connect("samples")
        for path in files:
            await peer.send_file(path)
        await peer.say(Ended())
        if not isinstance(await peer.hear(_FILE_S), Got):
            raise GoneError("the master did not take the samples")
        await peer.close()
