"""``python -m loadtests.engine.preflight SPEC``: sends a few planned requests slowly and says what came back.

The rows to probe come on standard input (``Probes``), a ``Probed`` a line goes out. Only safe methods are sent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from loadtests.engine.admission import Admitted, admitted, token_header
from loadtests.engine.answers import Answer, kept_answer
from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.control import kept_output
from loadtests.engine.guarded_loop import event_loop
from loadtests.engine.hooked import Hooked
from loadtests.engine.pool import Limits, Pool
from loadtests.engine.requests import Stamp, header_values
from loadtests.engine.rows import RowReader
from replay.errors import EXIT_OK, EXIT_USAGE, ReplayError
from replay.runspec import SECOND_NS, Probed, Probes, read_spec

INTERVAL_S = 0.1
_TIMEOUT_NS = 10 * SECOND_NS


class Prober:
    """Sends one request after the other, at most ten a second."""

    def __init__(self, order: Admitted, loop: asyncio.AbstractEventLoop) -> None:
        spec, plan, targets, hooks = order.spec, order.plan, order.targets, order.hooks
        self._loop = loop
        self.reader = RowReader(
            plan,
            {target.host: n for n, target in enumerate(targets)},
            frozenset(),
            replaced=spec.replaced,
            columns=order.columns,
        )
        values = header_values(spec.headers, os.environ) | token_header(order)
        self._stamps = [Stamp(target.authority, f"{spec.run_id}-preflight", values) for target in targets]
        methods, routes = self.reader.methods.names, self.reader.routes.names
        self._hooked = Hooked(hooks, self._stamps, methods, routes) if hooks is not None else None
        limits = Limits(
            4, min(spec.connect_timeout_ns, 5 * SECOND_NS), _TIMEOUT_NS, min(spec.timeout_ns, _TIMEOUT_NS)
        )
        self._pools = [
            Pool(
                loop,
                way.address,
                way.port,
                way.tls,
                target.name,
                limits,
                time.monotonic_ns,
                self._done,
                self.reader.methods.names,
                lambda _: None,
            )
            for target, way in zip(targets, order.ways(), strict=True)
        ]
        self._answer: asyncio.Future[tuple[int, str]] = loop.create_future()

    async def probe(self, row: Row, number: int) -> Probed:
        """What came back for ``row``."""
        method, route = self.reader.methods.names[row.method], self.reader.routes.names[row.route]
        wire = self._stamps[row.target].wire(row.wire, method, number)
        if not wire:
            return Probed(route, row.expected, 0, "refused")
        status, error = await self._sent(Call(row, Lane(0, 0, 0), 0, number, wire))
        return Probed(route, row.expected, status, error)

    async def asked(self, row: Row, wire: bytes, number: int) -> Answer | None:
        """The answer to ``wire``, which is ``row`` with other values in it; None where none came whole."""
        stamped = self._stamps[row.target].wire(wire, self.reader.methods.names[row.method], number)
        if not stamped:
            return None
        call = Call(row, Lane(0, 0, 0), 0, number, stamped, kept=bytearray())
        _, error = await self._sent(call)
        return None if error else kept_answer(bytes(call.kept or b""))

    async def _sent(self, call: Call) -> tuple[int, str]:
        """The status of the answer, or 0 and an error."""
        self._answer = self._loop.create_future()
        if self._hooked is not None and (error := self._hooked.outgoing(call)):
            return 0, error
        call.ready = time.monotonic_ns()
        pool = self._pools[call.row.target]
        pool.send(call)
        while not self._answer.done():
            await asyncio.wait([self._answer], timeout=0.05)
            pool.expire(time.monotonic_ns())
        return self._answer.result()

    async def close(self) -> None:
        """Close the connections."""
        for pool in self._pools:
            await pool.close()

    def _done(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:  # noqa: ARG002
        if self._hooked is not None and not error:
            self._hooked.answered(call)
        if not self._answer.done():
            self._answer.set_result((status, error))


def picked(reader: RowReader, requests: set[int]) -> Iterator[Row]:
    """The rows of ``requests``; batches that hold none of them are passed over."""
    for batch in reader.plan.batches():
        first = batch.column(0)[0].as_py()
        if any(first <= request < first + batch.num_rows for request in requests):
            yield from (row for row in reader.rows(batch) if row.request in requests)


async def _run(order: Admitted, probes: Probes, output: BinaryIO) -> None:
    prober = Prober(order, asyncio.get_running_loop())
    for number, row in enumerate(picked(prober.reader, set(probes.requests)), 1):
        started = time.monotonic()
        probed = await prober.probe(row, number)
        output.write(msgspec.json.encode(probed) + b"\n")
        output.flush()
        await asyncio.sleep(max(0.0, started + INTERVAL_S - time.monotonic()))
    await prober.close()


def served[Q](kind: type[Q], run: Callable[[Admitted, Q, BinaryIO], Coroutine[None, None, None]]) -> int:
    """Do what the question on standard input, one of ``kind``, asks for; return the exit code."""
    try:
        question = msgspec.json.decode(sys.stdin.buffer.read(), type=kind)
        with os.fdopen(kept_output(), "wb") as output:
            order = admitted(read_spec(Path(sys.argv[1])), worker=0, environment=os.environ)
            with asyncio.Runner(loop_factory=partial(event_loop, order)) as runner:
                runner.run(run(order, question, output))
    except ReplayError as error:
        sys.stdout.flush()  # what a hooks file printed comes before our words, not behind them
        sys.stderr.write(f"preflight: {error}\n")
        return error.exit_code
    except (IndexError, msgspec.DecodeError):
        sys.stderr.write("preflight: is started by 'replay run' and 'replay plan'.\n")
        return EXIT_USAGE
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(served(Probes, _run))
