"""The master's side of a run over several hosts: lets them in, gives the order, takes journals and samples.

Its port takes connections of hosts that prove the secret; whoever else comes is sent away within seconds, counted,
and told nothing. All state is changed by the thread of the event loop; other threads read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from replay import __version__
from replay.errors import EXIT_USAGE, ReplayError
from replay.hosts.address import LOOPBACK, Address
from replay.hosts.far import FarHost, Task
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
    Refused,
    join,
)
from replay.journal import journal_path
from replay.plan.store import MANIFEST_NAME, REQUESTS_NAME
from replay.private_files import create_private
from replay.runs import Host

SILENCE_S = 3.0
"""A host that says nothing for so long is lost."""
_PACKING_S = 60.0
"""The same once its processes have ended, and it packs its samples."""
_STRANGERS = 32
_FILES = re.compile(r"samples-(\d{3,6})\.parquet|created-(\d{3,6})\.jsonl", re.ASCII)
"""What an engine leaves, by its worker's number of three digits or more."""


class Master:
    """Listens for ``expected`` hosts."""

    def __init__(self, address: Address, expected: int, context: ssl.SSLContext) -> None:
        self.expected = expected
        self.hosts: list[FarHost] = []
        self.strangers = 0
        """Connections that did not prove the secret."""
        self._unproved = 0
        self._context = context
        self._task: Task | None = None
        self._thread = LoopThread()
        try:
            self._server = self._thread.run(self._listen(address))
        except OSError as error:
            self._thread.close()
            raise ReplayError(f"--master {address}: cannot listen there ({error.strerror}).") from None
        self.address = Address(address.host, self._server.sockets[0].getsockname()[1])

    @property
    def problem(self) -> str:
        """Why the run cannot go on, by the first host that was lost or refused; '' while it can."""
        for host in self.hosts:
            if host.refused is not None:
                return f"host {host.label} refused the run: {host.refused.reason}"
            if host.lost:
                workers = ", ".join(map(str, sorted(host.workers))) or "not yet begun"
                return f"host {host.label} was lost (workers {workers}): {host.lost}"
        return ""

    def give(self, task: Task) -> None:
        """Give ``task`` to the hosts that are here, and to those that come."""
        self._thread.run(self._give(task))

    def go(self) -> None:
        """Have the prepared hosts begin."""
        self._thread.run(self._say_all(Go()))

    def end(self) -> None:
        """Have all hosts end what still runs."""
        self._thread.run(self._say_all(End()))

    def wait_ended(self, within_s: float) -> bool:
        """Wait for the last lines of the hosts' journals; False where they have not come in time."""
        return self._wait(within_s, lambda host: host.ended)

    def collect(self, within_s: float) -> None:
        """Wait until the samples of all hosts that are not lost have come."""
        self._wait(within_s, lambda host: host.bye is not None)
        for host in self.hosts:
            if host.bye is None and not host.lost:
                host.lost = f"its samples had not come within {within_s:.0f} s"

    def manifest(self) -> list[Host]:
        """The hosts as the run's manifest names them."""
        return [host.manifest() for host in self.hosts]

    def close(self) -> None:
        """Close the port and all connections."""
        self._server.close()
        self._thread.close()

    def _wait(self, within_s: float, done: Callable[[FarHost], bool]) -> bool:
        deadline = time.monotonic() + within_s
        while not all(host.lost or done(host) for host in self.hosts):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    async def _listen(self, address: Address) -> asyncio.Server:
        return await asyncio.start_server(self._connected, address.host, address.port, limit=LIMIT_BYTES)

    async def _give(self, task: Task) -> None:
        self._task = task
        for host in self.hosts:
            await self._order(host)

    async def _order(self, host: FarHost) -> None:
        if self._task is not None:
            await host.peer.say(Order(host.token, self._task.run, self._task.spec, self._task.processes))

    async def _say_all(self, message: Go | End) -> None:
        for host in self.hosts:
            if not host.lost and host.refused is None:
                try:
                    await asyncio.wait_for(host.peer.say(message), 1.0)
                except (GoneError, TimeoutError):
                    continue  # its own listener says that it is lost

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._unproved >= _STRANGERS:
            writer.transport.abort()
            return
        self._unproved += 1
        peer = Peer(reader, writer)
        try:
            async with asyncio.timeout(HELLO_S):
                await writer.start_tls(self._context, ssl_handshake_timeout=HELLO_S)
            hello = await peer.hear(HELLO_S)
        except (OSError, GoneError, TimeoutError):
            self.strangers += 1
            writer.transport.abort()
            return
        finally:
            self._unproved -= 1
        try:
            # Where a connection for files breaks, the control connection of its host says what became of the host.
            with contextlib.suppress(GoneError):
                if isinstance(hello, Hello):
                    await self._serve(hello, peer)
        finally:
            await peer.close()

    async def _serve(self, hello: Hello, peer: Peer) -> None:
        if (hello.format, hello.version) != (HOSTS_FORMAT, __version__):
            what = f"the master is of version {__version__}, this host of {hello.version[:20]}. Use the same on all."
            await peer.say(Refused(what, EXIT_USAGE))
        elif hello.purpose == "control":
            await self._control(hello, peer)
        else:
            host = next((one for one in self.hosts if one.token == hello.token and not one.lost), None)
            if host is None or self._task is None:
                return
            if hello.purpose == "plan":
                for name in (MANIFEST_NAME, REQUESTS_NAME):
                    await peer.send_file(self._task.plan / name)
            elif hello.purpose == "samples":
                await self._take_samples(host, peer, self._task)
            else:
                await self._tunnel(peer, self._task.locust_port)

    async def _tunnel(self, peer: Peer, port: int) -> None:
        try:
            streams = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return  # Locust's master does not listen yet; its workers try again
        await join(peer, Peer(*streams))

    async def _control(self, hello: Hello, peer: Peer) -> None:
        if len(self.hosts) == self.expected:
            await peer.say(Refused(f"this run has {self.expected} hosts, and no place for another.", EXIT_USAGE))
            return
        host = FarHost(hello.host[:80], peer.address, peer)
        self.hosts.append(host)
        try:
            await self._order(host)
            while host.bye is None:
                await self._heard(host)
        except GoneError as error:
            host.lost = str(error)
        except OSError as error:
            host.lost = _unwritten(error)
        finally:
            if host.bye is None and host.refused is None:
                host.lost = host.lost or "the master ended"

    async def _heard(self, host: FarHost) -> None:
        message = await host.peer.hear(_PACKING_S if host.ended else SILENCE_S)
        match message:
            case Ping(sent_ns):
                now_ns = time.monotonic_ns()
                await host.peer.say(Pong(sent_ns, now_ns, time.monotonic_ns(), time.time_ns()))
            case Prepared(targets):
                host.prepared = targets
            case Refused():
                host.refused = message
                raise GoneError("refused")
            case Journal(worker, lines):
                self._write_journal(host, worker, lines)
            case Ended():
                host.ended = True
            case Bye():
                host.bye = message
            case _:
                raise GoneError("it sent what a worker's host does not say")

    def _write_journal(self, host: FarHost, worker: int, lines: str) -> None:
        if self._task is None or not 0 <= worker < self._task.spec.workers:
            raise GoneError(f"it sent the journal of worker {worker}, which this run does not have")
        path = journal_path(self._task.out, worker)
        if worker not in host.workers:
            if any(worker in other.workers for other in self.hosts):
                raise GoneError(f"it sent the journal of worker {worker}, which another host has")
            os.close(create_private(path))
            host.workers.add(worker)
        with path.open("ab") as file:
            file.write(lines.encode())

    async def _take_samples(self, host: FarHost, peer: Peer, task: Task) -> None:
        while True:
            head = await peer.hear(_PACKING_S)
            if not isinstance(head, File):
                await peer.say(Got())
                return
            found = _FILES.fullmatch(head.name)
            number = "" if found is None else found[1] or found[2]
            if number not in {f"{worker:03d}" for worker in host.workers}:
                raise GoneError("it sent a file of a worker that it does not have")
            try:
                await self._take_file(peer, head, task.out)
            except OSError as error:
                host.lost = host.lost or _unwritten(error)
                return

    async def _take_file(self, peer: Peer, head: File, folder: Path) -> None:
        part = folder / f".{head.name}.part"
        try:
            await peer.receive_file(head, part, _PACKING_S)
            part.replace(folder / head.name)
        finally:
            part.unlink(missing_ok=True)


def _unwritten(error: OSError) -> str:
    return f"what it sent could not be written ({error.strerror})"
