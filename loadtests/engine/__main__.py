"""``python -m loadtests.engine SPEC WORKER``: one engine, started by a Locust worker and led through its pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from loadtests.engine.admission import Admitted, admitted, token_header
from loadtests.engine.auth_token import Token, keep_fresh
from loadtests.engine.conductor import Conductor
from loadtests.engine.control import (
    Finished,
    LineReader,
    Outbox,
    Ready,
    SetLanes,
    Start,
    Stop,
    commands,
    kept_output,
)
from loadtests.engine.created import Created
from loadtests.engine.feed import ClosedFeed, Feed, Put, RecordedFeed
from loadtests.engine.guarded_loop import event_loop
from loadtests.engine.hooked import Hooked
from loadtests.engine.index import SessionIndex
from loadtests.engine.jar import site
from loadtests.engine.lanes import Lanes, max_shift_ns, share
from loadtests.engine.living import Living
from loadtests.engine.loops import Loops
from loadtests.engine.pool import Limits, Pool
from loadtests.engine.recorder import Recorder
from loadtests.engine.requests import Stamp, header_values
from loadtests.engine.rows import RowReader
from loadtests.engine.schedule import Pacer, idle_turn_ns
from loadtests.engine.session_pool import SessionPool
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_USAGE, ReplayError, places
from replay.journal import EngineEnd, journal_path
from replay.private_files import create_private
from replay.runspec import RunSpec, read_spec

_OWN_FILES = 64
"""What the engine opens beside connections that are kept: the plan, samples, pipes, second attempts."""
_SWITCH_S = 0.0002
"""How long a thread of a hooks file may keep the event loop from running; Python's own 5 ms would be seen as lag."""


class Engine:
    """Joins the engine's parts to each other, to the run's folder and to the worker's pipes."""

    def __init__(self, order: Admitted, worker: int, output: int) -> None:
        spec, plan, targets, hooks = order.spec, order.plan, order.targets, order.hooks
        self._order, self._spec = order, spec
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._fault)
        self._worker = worker
        self._outbox = Outbox(output)
        self._input = LineReader(sys.stdin.fileno())
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.result = Finished("worker lost", "never started")
        out = Path(spec.out)
        self._journal = os.fdopen(create_private(journal_path(out, worker)), "wb", buffering=0)
        reader = RowReader(
            plan,
            {target.host: n for n, target in enumerate(targets)},
            frozenset(spec.writes),
            spec.speed,
            spec.replaced,
            order.columns,
        )
        self._reader = reader
        loops = Loops(
            spec.loops, round(plan.manifest.duration_ns / spec.speed), plan.manifest.requests, plan.manifest.sessions
        )
        schedule_ns = spec.stop_at_ns or loops.times * loops.period_ns
        lanes = Lanes(worker, spec.workers, plan.manifest.lanes)
        self._recorder = Recorder(
            self._loop,
            out / f"samples-{worker:03d}.arrow",
            worker,
            reader.routes.names,
            reader.methods.names,
            self._journal.fileno(),
            output,
            out / f"created-{worker:03d}.jsonl" if spec.list_created else None,
        )
        self._conductor = Conductor(spec, worker, lanes, self._recorder.tick, self._end)
        values = header_values(spec.headers, os.environ) | token_header(order)
        self._stamps = stamps = [Stamp(target.authority, spec.run_id, values, spec.traceparent) for target in targets]
        self._hooked = Hooked(hooks, stamps, reader.methods.names, reader.routes.names) if hooks is not None else None
        limits = Limits(
            connections=connections(spec, open_files()),
            connect_timeout_ns=min(spec.connect_timeout_ns, spec.timeout_ns),
            first_byte_timeout_ns=min(spec.first_byte_timeout_ns, spec.timeout_ns),
            timeout_ns=spec.timeout_ns,
        )
        kind = SessionPool if spec.follow_sessions else Pool
        pools = [
            kind(
                self._loop,
                way.address,
                way.port,
                way.tls,
                target.name,
                limits,
                self._conductor.clock,
                self._conductor.done,
                reader.methods.names,
                lambda reason: self._conductor.stop("worker lost", reason),
                first_number=(worker << 40) | (number << 32),
            )
            for number, (target, way) in enumerate(zip(targets, order.ways(), strict=True))
        ]
        self._pools = pools
        ordered = Lanes(worker, spec.workers, plan.manifest.lanes)
        ordered.resize(share(spec.users, worker, spec.workers), 0)
        feed = _feed(
            spec,
            reader,
            loops,
            lanes,
            None if spec.profile else ordered,
            max_shift_ns(schedule_ns),
            self._conductor.put,
        )
        self._pacer = Pacer(self._loop, self._conductor.step)
        self._created = Created(
            reader.routes.names,
            reader.methods.names,
            self._recorder.list if spec.list_created else None,
        )
        self._conductor.connect(
            feed,
            self._pacer,
            pools,
            stamps,
            self._recorder,
            Living(
                stamps,
                [site(target.authority, is_tls=target.scheme == "https") for target in targets],
                reader.methods.names,
                max_shift_ns(schedule_ns),
                order.account,
                is_closed=spec.mode == "closed",
            ),
            self._hooked,
            self._created if spec.writes else None,
        )

    async def play(self) -> Finished:
        """Do as the worker says, to the end."""
        await self._recorder.begun
        self._pacer.idle_turn_ns = await idle_turn_ns(self._loop)
        self._loop.add_reader(sys.stdin.fileno(), self._listen)
        self._outbox.put(Ready())
        renewing = self._keep_token_fresh()
        await self._over
        if renewing is not None:
            renewing.cancel()
        self._loop.remove_reader(sys.stdin.fileno())
        for pool in self._pools:
            await pool.close()
        self._recorder.close()
        end = EngineEnd(
            worker=self._worker,
            ended=self.result.ended,
            reason=self.result.reason,
            at_ns=self._conductor.ended_at_ns,
            planned=self._conductor.planned,
            samples=self._recorder.samples,
            lost=self._recorder.lost,
            creations=self._created.counts,
            hook_failures=self._hooked.failures if self._hooked is not None else {},
        )
        with contextlib.suppress(OSError):  # a full disk: the worker hears of it
            self._journal.write(msgspec.json.encode(end) + b"\n")
        self._journal.close()
        self._outbox.put(self.result)
        self._outbox.finish()
        return self.result

    def _keep_token_fresh(self) -> asyncio.Task[None] | None:
        call, fetch, token = self._spec.auth, self._order.fetch_token, self._order.token
        if call is None or fetch is None or token is None:
            return None

        def give(renewed: Token) -> None:
            for stamp in self._stamps:
                stamp.give(call.header, renewed.value)

        return self._loop.create_task(keep_fresh(token, fetch, give, partial(self._conductor.stop, "worker lost")))

    def _listen(self) -> None:
        for text in self._input.lines():
            self._conductor.heard()
            match commands.decode(text):
                case Start(epoch_ns):
                    self._conductor.start(epoch_ns)
                case SetLanes(count=lanes):
                    self._conductor.resize(lanes)
                case Stop():
                    self._conductor.stop("interrupted", "stopped before the plan's end")
                case _:
                    pass
        if self._input.ended:
            self._conductor.stop("worker lost", "the Locust worker is gone")

    def _fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug in what the loop called: the engine would live on and send nothing more, or lose an answer."""
        error = context.get("exception")
        if error is None or "future" in context or "task" in context:  # a task of a hooks file, say
            loop.default_exception_handler(context)
        else:
            where = (places(error) or ["an unknown place"])[-1]
            self._conductor.stop("worker lost", f"a bug in the engine ({type(error).__name__} at {where})")

    def _end(self, ended: str, reason: str) -> None:
        self.result = Finished(ended, reason)
        if not self._over.done():
            self._over.set_result(None)


def _feed(
    spec: RunSpec, reader: RowReader, loops: Loops, lanes: Lanes, ordered: Lanes | None, shift_limit_ns: int, put: Put
) -> Feed:
    if spec.mode != "closed":
        return RecordedFeed(loops.rows(reader), lanes, ordered, shift_limit_ns, spec.stop_at_ns, put)
    index = SessionIndex(reader, Path(spec.out))
    return ClosedFeed(index, loops, lanes, shift_limit_ns, spec.stop_at_ns, spec.speed, put)


def connections(spec: RunSpec, files: int) -> int:
    """How many connections each target's pool may open: the targets share the ``files`` of the process."""
    return min(spec.connections or spec.max_in_flight, max(1, (files - _OWN_FILES) // len(spec.targets)))


def open_files() -> int:
    """How many files this process may open, after raising its limit as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


async def _run(order: Admitted, worker: int, output: int) -> int:
    result = await Engine(order, worker, output).play()
    return EXIT_OK if result.ended == "complete" else EXIT_INCOMPLETE


def _say_why(spec: RunSpec, worker: int, error: ReplayError) -> None:
    """Leave the reason why this engine does not begin where ``replay run`` looks for it."""
    end = EngineEnd(worker, "worker lost", str(error), at_ns=0, planned=0, samples=0, lost=0)
    try:
        descriptor = create_private(journal_path(Path(spec.out), worker))
    except OSError:
        return  # it is on standard error too
    with os.fdopen(descriptor, "wb") as journal:
        journal.write(msgspec.json.encode(end) + b"\n")


def main() -> int:
    """Run one engine and return its exit code."""
    sys.setswitchinterval(_SWITCH_S)
    output = kept_output()
    try:
        spec, worker = read_spec(Path(sys.argv[1])), int(sys.argv[2])
        try:
            order = admitted(spec, worker, os.environ)
        except ReplayError as error:
            _say_why(spec, worker, error)
            raise
        with asyncio.Runner(loop_factory=partial(event_loop, order)) as runner:
            return runner.run(_run(order, worker, output))
    except ReplayError as error:
        sys.stderr.write(f"engine: {error}\n")
        return error.exit_code
    except (IndexError, ValueError):
        sys.stderr.write("engine: is started by a Locust worker, see 'replay run'.\n")
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
