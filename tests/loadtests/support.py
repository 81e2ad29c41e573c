"""Plans of our own, a server that records arrivals, and an engine to lead by hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from loadtests.engine.control import Alive, Command, Finished, Ready, Report, SetLanes, Start, Stop, line, reports
from replay.capture.manifest import Origin
from replay.journal import EngineEnd, EngineTick, JournalReader, journal_path
from replay.plan.store import PLAN_FORMAT, SCHEMA, PlanManifest, PlanWriter, open_plan, verify
from replay.runs import Target
from replay.runspec import SPEC_FORMAT, RunSpec, write_spec
from replay.samples import read_batches, sample_files
from tests.loadtests.engines import EngineProcess

MS = 1_000_000
SECOND = 1_000_000_000
HOST = "shop.example"


def planned(due_ms: float, session: int = 0, **changes: Any) -> dict[str, Any]:
    """A row of a plan; ``request`` and ``lane`` are filled in by ``write_plan`` where they are missing."""
    method, path = changes.pop("method", "GET"), changes.pop("path", "/a")
    return {
        "session": session,
        "due": round(due_ms * MS),
        "depends_on": -1,
        "think": 0,
        "route": f"{method} {path.partition('?')[0]}",
        "method": method,
        "host": HOST,
        "wire": f"{method} {path} HTTP/1.1\r\nAccept: */*\r\n\r\n".encode(),
        "bindings": None,
        "expected_status": 200,
        **changes,
    }


def write_plan(folder: Path, rows: Iterable[dict[str, Any]], *, lanes: int = 100, **changes: Any) -> Path:
    """A plan of these rows, in order of ``due``."""
    rows = sorted(rows, key=lambda row: row["due"])
    rows = [{"request": number, "lane": row["session"] % lanes, **row} for number, row in enumerate(rows)]
    folder.mkdir(parents=True)
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    manifest = PlanManifest(
        format=PLAN_FORMAT,
        name=folder.name,
        created="2026-11-20",
        versions={},
        capture_ids=["c" * 16],
        capture_names=["friday"],
        policy_hash="p" * 16,
        templates="t" * 16,
        key_id="k" * 16,
        hash="h" * 64,
        lanes=lanes,
        lane_shares=[],
        duration_ns=max((row["due"] for row in rows), default=0) + 1,
        zero_ns=0,
        requests=len(rows),
        sessions=len({row["session"] for row in rows}),
        hosts=_counted(columns["host"]),
        routes=_counted(columns["route"]),
        writes=_counted(row["route"] for row in rows if row["method"] not in {"GET", "HEAD", "OPTIONS"}),
        production_requests=len(rows),
        left_out={},
        captured_share=1.0,
        origins=[],
    )
    with PlanWriter(folder) as writer:
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in SCHEMA]
        writer.write(pa.Table.from_arrays(arrays, schema=SCHEMA))
        writer.close(msgspec.structs.replace(manifest, **changes))
    return folder


def _counted(values: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


@dataclass
class Arrival:
    """A request as the server got it."""

    at_ns: int
    head: str
    connection: int
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.head.split(" ")[1]

    def header(self, name: str) -> str | None:
        for text in self.head.split("\r\n")[1:]:
            key, _, value = text.partition(": ")
            if key.lower() == name.lower():
                return value
        return None


type Answer = Callable[[Arrival, asyncio.StreamWriter], Any]


async def fine(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
    """Answer 200 with two bytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@dataclass
class Server:
    """A server on loopback, in a thread, that records arrivals and answers as told."""

    answer: Answer = fine
    arrivals: list[Arrival] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                arrival = Arrival(time.monotonic_ns(), head.decode("latin-1"), connection)
                length = arrival.header("content-length")
                if length:
                    arrival.body = await reader.readexactly(int(length))
                self.arrivals.append(arrival)
                await self.answer(arrival, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def serving(answer: Answer = fine, port: int = 0) -> Iterator[Server]:
    """A running server, on ``port`` where one is named."""
    server = Server(answer)
    started, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        listener = await asyncio.start_server(server._serve, "127.0.0.1", port, backlog=1024)
        server.port = listener.sockets[0].getsockname()[1]
        started.set()
        await over.wait()
        listener.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(5)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()


def run_spec(plan: Path, out: Path, url: str, **changes: Any) -> RunSpec:
    """A spec that replays ``plan`` against ``url``."""
    out.mkdir(parents=True, exist_ok=True)
    spec = RunSpec(
        format=SPEC_FORMAT,
        run_id="0123456789ab",
        plan=str(plan),
        plan_hash=open_plan(plan).manifest.hash,
        plan_state=verify(open_plan(plan)),
        out=str(out),
        targets=[Target(HOST, url, "127.0.0.1")],
        origins=[Origin(host="production.example", port=443, addresses=["203.0.113.7"])],
    )
    return msgspec.structs.replace(spec, **changes)


class LedEngine:
    """An engine process, and the pipes to it."""

    def __init__(
        self,
        spec: RunSpec,
        worker: int = 0,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.out = Path(spec.out)
        self.worker = worker
        path = write_spec(self.out, spec)
        self.process = EngineProcess([str(path), str(worker)], {**os.environ, **(environment or {})})
        self.epoch_ns = 0

    def say(self, command: Command) -> None:
        self.process.stdin.write(line(command))
        self.process.stdin.flush()

    def start(self, lanes: int = 100, lead_ns: int = 150 * MS) -> None:
        """Wait until it is ready, then start the run clock."""
        assert isinstance(self.hear(), Ready)
        self.epoch_ns = time.monotonic_ns() + lead_ns
        self.say(SetLanes(lanes))
        self.say(Start(self.epoch_ns))

    def hear(self) -> Report:
        return reports.decode(self.process.stdout.readline())

    def finish(self, patience_s: float = 20) -> Finished:
        """Keep it company to its end and return its last word."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(0.5):
                try:
                    self.say(Alive())
                except OSError:
                    return

        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        deadline = time.monotonic() + patience_s
        try:
            while time.monotonic() < deadline:
                report = self.hear()
                if isinstance(report, Finished):
                    self.process.wait(5)
                    return report
        finally:
            over.set()
            keeper.join()
        raise TimeoutError

    def stop(self) -> Finished:
        self.say(Stop())
        return self.finish()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):  # a word that it did not hear
                pipe.close()

    def samples(self) -> list[dict[str, Any]]:
        """Its samples, in order of the plan."""
        rows = [row for path in sample_files(self.out) for batch in read_batches(path) for row in batch.to_pylist()]
        return sorted(rows, key=lambda row: (row["request"], row["clone"]))

    def end(self) -> EngineEnd:
        entries = JournalReader(journal_path(self.out, self.worker)).new()
        return next(entry for entry in entries if isinstance(entry, EngineEnd))

    def ticks(self) -> list[EngineTick]:
        entries = JournalReader(journal_path(self.out, self.worker)).new()
        return [entry for entry in entries if isinstance(entry, EngineTick)]


@contextmanager
def led(
    spec: RunSpec,
    worker: int = 0,
    environment: dict[str, str] | None = None,
) -> Iterator[LedEngine]:
    """An engine that is ended with the block."""
    engine = LedEngine(spec, worker, environment)
    try:
        yield engine
    finally:
        engine.kill()


def played(spec: RunSpec, lanes: int = 100, **environment: str) -> LedEngine:
    """An engine that has played its plan to the end."""
    with led(spec, environment=environment) as engine:
        engine.start(lanes)
        engine.finish()
        return engine
