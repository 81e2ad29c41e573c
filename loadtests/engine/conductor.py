"""The engine's middle: takes rows from the plan when they are near, and calls from the agenda when they are due."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from loadtests.engine.agenda import Agenda
from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.control import SILENCE_NS
from loadtests.engine.created import Created
from loadtests.engine.feed import LOOKAHEAD_NS, Feed
from loadtests.engine.hooked import Hooked
from loadtests.engine.lanes import Lanes, most_sent
from loadtests.engine.living import WAITS, Living
from loadtests.engine.pool import Pool
from loadtests.engine.recorder import Recorder
from loadtests.engine.requests import Stamp
from loadtests.engine.schedule import Pacer
from loadtests.engine.seconds import Seconds
from replay.journal import EngineTick
from replay.runspec import RunSpec

KEEP_NS = 50_000_000
_CALLS_A_STEP = 16
"""More of them at a time would leave a target idle that has answered, where all connections are busy."""
_BEHIND_NS = 5_000_000
"""An engine that is so late has too much to do, and is quickest where it neither reads nor prepares ahead."""
_TRACE_BITS = 40
_MAX_OPEN = 250_000
"""Calls that may wait for others at a time, about 200 MB of them; a target so far behind gets no more of them."""


class Conductor:
    """Plays a plan. All times are those of the run clock, except where a name says ``monotonic``."""

    def __init__(
        self,
        spec: RunSpec,
        worker: int,
        lanes: Lanes,
        ticked: Callable[[EngineTick], None],
        ended: Callable[[str, str], None],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._spec = spec
        self._worker = worker
        self._lanes = lanes
        self._ticked = ticked
        self._ended = ended
        self._monotonic_ns = monotonic_ns
        self._causal = spec.mode == "causal"
        self._closed = spec.mode == "closed"
        self._agenda = Agenda()
        self._open: dict[int, Call] = {}
        self._freed: deque[Call] = deque()
        self._releasing = False
        self._in_flight = 0
        self._max_in_flight = spec.max_in_flight
        self._sent = 0
        self._most_sent = most_sent(spec, worker)
        self._may_have_sent = self._most_sent
        """Calls, by the end of the present second."""
        self._traces = worker << _TRACE_BITS
        self._next_keep = 0
        self._last_end_ns = 0
        """When what is open ends with the run; 0 before the schedule's end."""
        self._epoch_ns = 0
        self._running = False
        self._finishing = False
        self._last_word_ns = self._monotonic_ns()
        self.planned = 0
        """Calls that became due; once the schedule is complete, those that it held at the ordered scale."""
        self.ended_at_ns = 0

    def connect(
        self,
        feed: Feed,
        pacer: Pacer,
        pools: Sequence[Pool],
        stamps: Sequence[Stamp],
        recorder: Recorder,
        living: Living,
        hooked: Hooked | None = None,
        created: Created | None = None,
    ) -> None:
        """Join the parts that need to know the conductor."""
        self._living = living
        self._created = created
        self._hooked = hooked
        self._feed = feed
        self._pacer = pacer
        self._pools = pools
        self._stamps = stamps
        self._recorder = recorder
        self._seconds = Seconds(self._worker, self._spec.breaker, lambda: pacer.spun_ns, lambda: recorder.lost)

    def clock(self) -> int:
        """Now, on the run clock."""
        return self._monotonic_ns() - self._epoch_ns

    def heard(self) -> None:
        """The worker said something: it lives."""
        self._last_word_ns = self._monotonic_ns()

    def start(self, epoch_monotonic_ns: int) -> None:
        """Play from ``epoch_monotonic_ns`` on; a second start changes nothing."""
        if self._running or self._finishing:
            return
        self._epoch_ns = epoch_monotonic_ns
        self._running = True
        self._seconds.begin()
        gc.collect()
        gc.freeze()
        gc.disable()  # young garbage is collected once a second, between deadlines
        self._pacer.start(max(epoch_monotonic_ns - LOOKAHEAD_NS, self._monotonic_ns()))

    def resize(self, lanes: int) -> None:
        """Run ``lanes`` lanes. Those that leave send nothing more; their open calls are ``stopped``."""
        left = self._lanes.resize(lanes, self._feed.next_session)
        if not left or not self._running:
            return
        now = self.clock()
        for pool in self._pools:
            pool.drop(lambda call: not call.lane.active, now)

    def step(self, now_monotonic_ns: int) -> int:
        """Send what is due and return when to come again (pacer)."""
        now = now_monotonic_ns - self._epoch_ns
        if now >= self._next_keep:
            self._keep(now)
            if not self._running:
                return now_monotonic_ns
        for _ in range(_CALLS_A_STEP):
            call = self._agenda.take(now)
            if call is None:
                break
            self._take(call)
            now = self._monotonic_ns() - self._epoch_ns
        else:
            return now + self._epoch_ns  # let the loop write and read before going on
        if self._feed.fill(now):
            return self._monotonic_ns()
        return self._agenda.next_due(self._next_keep) + self._epoch_ns

    def stop(self, ended: str, reason: str) -> None:
        """Send nothing more, record what is open as ``stopped``, and end."""
        if self._finishing:
            return
        self._finishing = True
        self._running = False
        self._pacer.stop()
        self.ended_at_ns = now = max(0, self.clock()) if self._epoch_ns else 0
        try:
            self._stop_all(now)
            self._tick(now)
            if ended == "complete" and self._feed.ordered is not None:
                self.planned = self._feed.ordered
        finally:  # whatever goes wrong here, the run must end
            self._ended(ended, reason)

    def done(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        """A call that a pool was given has ended (pool)."""
        if call.is_over:
            return  # as stopped
        self._in_flight -= 1
        if self._hooked is not None and not error:
            self._hooked.answered(call)
        self._finish(call, status, error, end_ns, bytes_in)
        # Many answers may come at once: what is due meanwhile goes out between them, not behind them.
        if end_ns - _BEHIND_NS < self._agenda.next_due(end_ns) < end_ns and self._running:
            self._take(cast(Call, self._agenda.take(end_ns)))

    def put(self, due: int, row: Row, lane: Lane) -> None:
        """Have ``lane`` play ``row`` at ``due`` (feed)."""
        self._traces = trace = self._traces + 1
        wire = self._stamps[row.target].stamp(row.wire, trace) if row.wire else b""
        call = Call(row, lane, due, trace, wire, row.request << 20 | lane.clone)
        if row.bindings is not None:
            self._living.begin(call)
        self._agenda.put(call)

    def _take(self, call: Call) -> None:
        """A call is due: send it, or have it wait for the answer that it depends on."""
        lane, row = call.lane, call.row
        if not lane.active:
            self._living.ended(call, is_whole=False)
            return
        self.planned += 1
        self._open[call.key] = call
        if self._causal and row.depends_on >= 0:
            before = self._open.get(row.depends_on << 20 | lane.clone)
            if before is not None and len(self._open) > _MAX_OPEN:
                call.intended = call.ready = call.due
                self._finish(call, 0, "ceiling", self.clock(), 0)
                return
            if before is not None:
                if before.waiters is None:
                    before.waiters = []
                before.waiters.append(call)
                return
        call.intended = call.due
        self._release(call)

    def _release(self, call: Call) -> None:
        call.ready = now = self._monotonic_ns() - self._epoch_ns
        if self._finishing or not call.lane.active:
            self._finish(call, 0, "stopped", now, 0)
        elif not call.wire or self._sent >= self._may_have_sent:
            self._finish(call, 0, "refused", now, 0)
        elif call.row.bindings is not None and (error := self._living.fill(call, self._open)):
            if error == WAITS and len(self._open) > _MAX_OPEN:
                error = "ceiling"
            if error != WAITS:
                self._finish(call, 0, error, self.clock(), 0)
        elif self._in_flight >= self._max_in_flight:
            self._finish(call, 0, "ceiling", now, 0)
        elif self._hooked is not None and (error := self._hooked.outgoing(call)):
            call.ready = self.clock()
            self._finish(call, 0, error, call.ready, 0)
        else:
            if self._hooked is not None or call.row.bindings is not None:
                call.ready = self.clock()  # what it took is our own lateness
            self._in_flight += 1
            self._sent += 1
            self._pools[call.row.target].send(call)

    def _finish(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        row = call.row
        call.is_over = True
        self._open.pop(call.key, None)
        if not call.ready:
            call.intended = call.ready = end_ns  # stopped while it waited for another: nobody was late
        values = self._living.ended(call, is_whole=not error) if row.bindings is not None else None
        if self._created is not None:
            self._created.answered(call, status, values)
        self._recorder.record(call, status, error, end_ns, bytes_in)
        self._seconds.ended(call, status, error, end_ns)
        if self._closed and not self._finishing:
            self._feed.ended(call, end_ns)
            self._pacer.advance(self._agenda.next_due(self._next_keep) + self._epoch_ns)
        if call.waiters is not None:
            for waiter in call.waiters:
                waiter.intended = max(waiter.due, end_ns)
            self._freed += call.waiters
            call.waiters = None
            self._release_freed()

    def _release_freed(self) -> None:
        # One after the other: a released call may end at once and free the next, for as long as a session is.
        if self._releasing:
            return
        self._releasing = True
        try:
            while self._freed:
                call = self._freed.popleft()
                if not call.is_over:  # as stopped, meanwhile
                    self._release(call)
        finally:
            self._releasing = False

    def _stop_all(self, now: int) -> None:
        while (call := self._agenda.take(now)) is not None:
            self._stopped(call, now)
        self._agenda.clear()
        for pool in self._pools:
            pool.drop(lambda _: True, now)
        for call in list(self._open.values()):  # being connected; what waits for one of them ends with it
            if not call.is_over:
                self._finish(call, 0, "stopped", now, 0)

    def _stopped(self, call: Call, now: int) -> None:
        if call.lane.active:
            self.planned += 1
            self._finish(call, 0, "stopped", now, 0)

    def _keep(self, now: int) -> None:
        """Twenty times a second: time-outs, the second's figures, the end."""
        self._next_keep = now - now % KEEP_NS + KEEP_NS
        for pool in self._pools:
            pool.expire(now)
        if self._seconds.over(now):
            reason = self._seconds.broken()
            self._tick(now)
            self._living.sweep(self._feed.put_until(now))
            gc.collect(0)
            if reason:
                self.stop("breaker", reason)
                return
        if self._recorder.failure:
            self.stop("recorder", self._recorder.failure)
        elif self._monotonic_ns() - self._last_word_ns > SILENCE_NS:
            self.stop("worker lost", "the Locust worker fell silent")
        elif self._feed.over and not self._agenda and now >= 0:
            # Calls that wait for others would follow each other, time-out after time-out: one for all is enough.
            self._last_end_ns = self._last_end_ns or now + self._spec.timeout_ns + 2 * KEEP_NS
            if not self._open or now >= self._last_end_ns:
                self.stop("complete", "")

    def _tick(self, now: int) -> None:
        tick = self._seconds.close(
            now, self.planned, self._sent, self._in_flight, len(self._lanes), self._pacer.worst_lag_ns
        )
        self._may_have_sent = self._sent + self._most_sent
        self._pacer.worst_lag_ns = 0
        self._recorder.flush()
        if self._created is not None:
            self._created.flush()
        self._ticked(tick)
