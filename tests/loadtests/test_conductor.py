"""The conductor in a time of our own: no clock, no socket, no process."""

from __future__ import annotations

import gc
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from loadtests.engine.calls import Call
from loadtests.engine.conductor import Conductor
from loadtests.engine.feed import RecordedFeed
from loadtests.engine.lanes import Lanes, most_sent
from loadtests.engine.living import Living
from loadtests.engine.requests import Stamp
from loadtests.engine.rows import RowReader
from replay.plan.bindings import Bindings, Fill, Take, encode
from replay.plan.store import open_plan
from tests.loadtests.support import HOST, MS, SECOND, planned, run_spec, write_plan

EPOCH = 1_000 * SECOND


@dataclass
class Time:
    """The monotonic clock, moved by hand."""

    now: int = EPOCH - SECOND

    def __call__(self) -> int:
        return self.now


@dataclass
class Target:
    """A pool and its server: one request after the other, ``service_ns`` each, nothing while it stands still."""

    service_ns: int
    still: range
    free_at: int = 0
    answers: list[tuple[int, int, Call]] = field(default_factory=list)
    wires: list[bytes] = field(default_factory=list)

    def send(self, call: Call) -> None:
        begin = max(call.ready, self.free_at)
        begin = self.still.stop if begin in self.still else begin
        self.free_at = begin + self.service_ns
        if call.kept is not None:
            call.kept += b"HTTP/1.1 200 OK\r\nX-Token: live\r\nContent-Length: 0\r\n\r\n"
        self.wires.append(call.wire)
        heapq.heappush(self.answers, (self.free_at, call.trace, call))

    def expire(self, now: int) -> None:
        """Nothing times out here."""

    def drop(self, wanted: Callable[[Call], bool], now: int) -> None:
        assert not self.answers


@dataclass
class Book:
    """A recorder and a pacer: response times by request, and the next deadline."""

    took: dict[int, int] = field(default_factory=dict)
    deadline: int = 0
    running: bool = False
    failure: str = ""
    lost: int = 0
    spun_ns: int = 0
    worst_lag_ns: int = 0

    def record(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        assert (status, error) == (200, "")
        self.took[call.row.request] = end_ns - call.intended

    def flush(self) -> None:
        """Nothing is written here."""

    def start(self, deadline_ns: int) -> None:
        self.deadline, self.running = deadline_ns, True

    def stop(self) -> None:
        self.running = False


@pytest.mark.parametrize(("ceiling", "workers"), [(10.0, 4), (10.5, 3), (4.0, 4), (0.0, 2)])
def test_all_workers_together_keep_to_the_ceiling_of_the_rate(tmp_path: Path, ceiling: float, workers: int) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    spec = run_spec(plan, tmp_path / "run", "http://127.0.0.1:9", max_rate_per_s=ceiling, workers=workers)

    shares = [most_sent(spec, worker) for worker in range(workers)]

    assert sum(shares) == (int(ceiling) or np.inf)
    assert min(shares) >= 1


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector as it was: the conductor freezes it for its process."""
    yield
    gc.enable()
    gc.unfreeze()


@dataclass
class Conducted:
    """A run, and what of it is to be looked at."""

    conductor: Conductor
    book: Book
    clock: Time
    living: Living
    ends: list[str]
    most_states: int = 0


def begun(folder: Path, rows: Iterable[dict[str, Any]], target: Target) -> Conducted:
    """A run of the plan that has begun, open loop."""
    plan = write_plan(folder / "plan", rows)
    book, clock, lanes = Book(), Time(), Lanes(0, 1, 100)
    reader = RowReader(open_plan(plan), {HOST: 0}, frozenset())
    spec = run_spec(plan, folder / "run", "http://127.0.0.1:9", mode="open")
    ends: list[str] = []
    conductor = Conductor(spec, 0, lanes, lambda _: None, lambda ended, _: ends.append(ended), clock)
    feed = RecordedFeed(iter(reader), lanes, None, 0, 0, conductor.put)
    stamps = [Stamp("h", "cafe", {})]
    living = Living(stamps, [], reader.methods.names, 0)
    parts: Any = (feed, book, [target], stamps, book, living)
    conductor.connect(*parts)
    conductor.resize(100)
    conductor.start(EPOCH)
    return Conducted(conductor, book, clock, living, ends)


def conducted(folder: Path, rows: Iterable[dict[str, Any]], target: Target, still: range = range(0)) -> Conducted:
    """A whole run of the plan; the engine itself gets no processor within ``still`` of the run clock."""
    run = begun(folder, rows, target)
    conductor, book, clock = run.conductor, run.book, run.clock
    while book.running:
        conductor.heard()
        if target.answers and target.answers[0][0] + EPOCH <= book.deadline:
            end, _, call = heapq.heappop(target.answers)
            clock.now = max(clock.now, end + EPOCH)
            conductor.done(call, 200, "", end, 2)
        else:
            clock.now = max(clock.now, book.deadline)
            if clock.now - EPOCH in still:
                clock.now = still.stop + EPOCH
                conductor.heard()
            book.deadline = conductor.step(clock.now)
        run.most_states = max(run.most_states, len(run.living))
    assert run.ends == ["complete"]
    return run


@pytest.mark.usefixtures("collector")
def test_response_times_over_a_stall_are_those_of_a_queue_that_knows_only_the_plan(tmp_path: Path) -> None:
    dice = np.random.default_rng(7)
    due_ms = np.cumsum(dice.exponential(5, 2000)).tolist()  # 200/s for 10 s
    target = Target(2 * MS, range(4 * SECOND, 4 * SECOND + 1_400 * MS))
    book = conducted(tmp_path, [planned(at, number % 50) for number, at in enumerate(due_ms)], target).book

    model, free_at = [], 0.0  # Lindley 1952, with a pause: all that it knows is when requests were planned
    for at in due_ms:
        begin = max(at, free_at)
        begin = 5_400.0 if 4_000 <= begin < 5_400 else begin
        free_at = begin + 2
        model.append(free_at - at)
    levels = [50, 90, 95, 99, 99.9, 100]
    found = np.percentile([took / MS for took in book.took.values()], levels)

    assert len(book.took) == len(due_ms)
    np.testing.assert_allclose(found, np.percentile(model, levels), rtol=0.01)
    assert cast(float, found[3]) > 1_000


def bound(session: int, begin_ms: float) -> list[dict[str, Any]]:
    """A session whose second request, 200 ms after the first, carries what that was given."""
    until = round((begin_ms + 200) * MS)
    given = planned(begin_ms, session, request=2 * session)
    needed = planned(begin_ms + 200, session, request=2 * session + 1)
    needed["wire"] = b"GET /a HTTP/1.1\r\nX-Token: OLD\r\n\r\n"
    fill = Fill(needed["wire"].index(b"OLD"), 3, 0, of=[2 * session])
    given["bindings"] = encode(Bindings(take=[Take(0, "header/x-token")], until=until)).decode()
    needed["bindings"] = encode(Bindings([fill], until=until)).decode()
    return [given, needed]


@pytest.mark.usefixtures("collector")
def test_an_engine_that_is_seconds_behind_forgets_no_session_before_its_last_request(tmp_path: Path) -> None:
    rows = [row for session in range(100) for row in bound(session, 1000 + session)]
    target = Target(MS // 10, range(0))

    conducted(tmp_path, rows, target, still=range(1_150 * MS, 5 * SECOND))

    assert sum(b"X-Token: live" in wire for wire in target.wires) == 100


@pytest.mark.usefixtures("collector")
def test_sessions_are_forgotten_soon_after_their_last_request(tmp_path: Path) -> None:
    rows = [row for session in range(1_000) for row in bound(session, 10 * session)]  # for 10 s, 20 at a time

    run = conducted(tmp_path, rows, Target(MS // 10, range(0)))

    assert 100 < run.most_states < 350  # a second is theirs, and another goes by until one is looked for


@pytest.mark.usefixtures("collector")
def test_what_is_due_goes_out_between_answers_that_come_together(tmp_path: Path) -> None:
    due_ms = [0.0] * 50 + [10 + number / 10 for number in range(50)]
    target = Target(0, range(0))
    run = begun(tmp_path, [planned(at) for at in due_ms], target)
    while not target.answers or run.book.deadline < EPOCH + 10 * MS:
        run.clock.now = max(run.clock.now, run.book.deadline)
        run.book.deadline = run.conductor.step(run.clock.now)

    waiting, target.answers = target.answers, []
    run.clock.now = EPOCH + 10 * MS + 1
    for _, _, call in waiting:  # the loop has all of them to hand on before it comes to another step
        run.conductor.done(call, 200, "", run.clock.now - EPOCH, 2)
        run.clock.now += MS // 10

    assert len(waiting) == len(target.answers) == 50
    assert all(call.due <= call.ready <= call.due + MS // 5 for _, _, call in target.answers)
