"""The engine as a process: every request at its time, and a sample of each."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from loadtests.engine.__main__ import connections
from loadtests.engine.admission import admitted
from loadtests.engine.control import Finished, SetLanes
from replay.errors import EXIT_INPUT, RefusedError
from replay.runs import Target
from replay.runspec import Breaker
from tests.loadtests.support import (
    HOST,
    MS,
    SECOND,
    Arrival,
    fine,
    led,
    planned,
    played,
    run_spec,
    serving,
    write_plan,
)


def trace(rate_per_s: int, seconds: float, sessions: int = 20, seed: int = 3) -> list[dict[str, Any]]:
    """Poisson arrivals, each naming itself in its query."""
    dice, at_ms, rows = random.Random(seed), 0.0, []
    while (at_ms := at_ms + dice.expovariate(rate_per_s) * 1000) < seconds * 1000:
        rows.append(planned(at_ms, dice.randrange(sessions), path=f"/a?n={len(rows)}"))
    numbers: dict[int, int] = {}
    for row in rows:  # sessions are numbered in order of their first request
        row["session"] = numbers.setdefault(row["session"], len(numbers))
    return rows


def test_requests_arrive_at_their_time_and_never_early(tmp_path: Path) -> None:
    rows = trace(rate_per_s=400, seconds=2)
    with serving() as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", server.url, mode="open"))
    arrived = {int(arrival.path.partition("=")[2]): arrival.at_ns - engine.epoch_ns for arrival in server.arrivals}
    late_ns = np.array([arrived[number] - row["due"] for number, row in enumerate(rows)])
    gaps = np.diff(sorted(arrived.values()))
    planned_gaps = np.diff([row["due"] for row in rows])

    assert len(arrived) == len(rows)
    assert late_ns.min() >= 0
    assert np.median(late_ns) < 5 * MS
    assert stats.ks_2samp(gaps[gaps > MS], planned_gaps[planned_gaps > MS]).statistic < 0.25
    # The last are as late as the first: lateness does not add up.
    assert abs(np.median(late_ns[-200:]) - np.median(late_ns[:200])) < 2 * MS


def test_every_request_leaves_a_sample_with_ordered_times(tmp_path: Path) -> None:
    rows = trace(rate_per_s=200, seconds=1)
    with serving() as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", server.url))
    samples = engine.samples()

    assert [sample["request"] for sample in samples] == list(range(len(rows)))
    assert {sample["status"] for sample in samples} == {200}
    assert {sample["route"] for sample in samples} == {"GET /a"}
    for sample in samples:
        assert sample["due"] <= sample["intended"] <= sample["ready"] <= sample["sent"]
        assert sample["sent"] <= sample["first_byte"] <= sample["end"]
    assert engine.end().planned == engine.end().samples == len(rows)
    assert sum(tick.tick.sent for tick in engine.ticks()) == len(rows)


def test_a_stall_of_the_target_is_in_every_response_time_that_it_touched(tmp_path: Path) -> None:
    stalled: list[float] = []

    async def stalls(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        if arrival.path.endswith("=100") and not stalled:
            stalled.append(arrival.at_ns)
            time.sleep(0.5)  # the whole server stands still
        await fine(arrival, writer)

    rows = [planned(number * 5, session=number, path=f"/a?n={number}") for number in range(300)]
    with serving(stalls) as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", server.url))
    begin = stalled[0] - engine.epoch_ns
    late = []
    for sample in engine.samples():
        owed = begin + 500 * MS - sample["intended"]  # what a client that keeps to its plan must see at least
        if begin <= sample["intended"] and owed > 0:
            late.append(sample["ready"] - sample["intended"])
            assert sample["end"] - sample["intended"] >= owed

    assert 95 <= len(late) <= 105
    assert np.median(late) < 20 * MS  # the generator went on meanwhile


def test_a_request_waits_for_the_answer_that_it_depends_on(tmp_path: Path) -> None:
    async def slow(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await fine(arrival, writer)

    rows = [planned(0, depends_on=-1), planned(50, depends_on=0), planned(60, session=1)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(slow) as server:
        first, second, other = played(run_spec(plan, tmp_path / "causal", server.url)).samples()
        _, early, _ = played(run_spec(plan, tmp_path / "open", server.url, mode="open")).samples()

    assert second["intended"] == first["end"] > second["due"]
    assert second["ready"] - second["intended"] < 50 * MS
    assert other["intended"] == other["due"]
    assert early["intended"] == early["due"]


def test_order_within_a_session_holds_however_slow_the_target(tmp_path: Path) -> None:
    async def uneven(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.001 * (int(arrival.path.partition("=")[2]) * 7 % 40))
        await fine(arrival, writer)

    rows = trace(rate_per_s=200, seconds=1, sessions=8)
    last: dict[int, int] = {}
    for number, row in enumerate(rows):
        row["depends_on"] = last.get(row["session"], -1)
        last[row["session"]] = number
    with serving(uneven) as server:
        played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", server.url))
    by_session: dict[int, list[int]] = {}
    for arrival in server.arrivals:
        number = int(arrival.path.partition("=")[2])
        by_session.setdefault(rows[number]["session"], []).append(number)

    assert len(server.arrivals) == len(rows)
    assert all(numbers == sorted(numbers) for numbers in by_session.values())


@pytest.mark.parametrize(("speed", "dues_ms"), [(4.0, [50, 150]), (0.5, [400, 1200])])
def test_speed_compresses_or_stretches_time(tmp_path: Path, speed: float, dues_ms: list[int]) -> None:
    rows = [planned(200, path="/a?n=0"), planned(600, 1, path="/a?n=1")]
    with serving() as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", server.url, speed=speed))

    assert [sample["due"] for sample in engine.samples()] == [due_ms * MS for due_ms in dues_ms]


def test_a_plan_is_played_again_as_other_sessions_a_period_later(tmp_path: Path) -> None:
    rows = [planned(0, 0), planned(100, 1), planned(200, 0, depends_on=0, request=2)]
    plan = write_plan(tmp_path / "plan", rows, duration_ns=300 * MS)
    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, loops=3, stop_at_ns=750 * MS))
    samples = engine.samples()

    assert [sample["due"] // MS for sample in samples] == [0, 100, 200, 300, 400, 500, 600, 700]
    assert [sample["session"] for sample in samples] == [0, 1, 0, 2, 3, 2, 4, 5]
    assert [sample["request"] for sample in samples] == list(range(8))
    assert engine.end().planned == len(server.arrivals) == 8


def test_closed_replay_goes_on_until_its_end_however_often(tmp_path: Path) -> None:
    rows = [planned(0, 0), planned(10, 0, depends_on=0, think=MS), planned(20, 2, method="POST", path="/cart")]
    plan = write_plan(tmp_path / "plan", rows, lanes=2)
    with serving() as server:
        spec = run_spec(plan, tmp_path / "run", server.url, mode="closed", loops=0, stop_at_ns=300 * MS)
        engine = played(spec, lanes=2)
    samples = engine.samples()

    assert engine.end().ended == "complete"
    assert len(samples) > 20
    assert max(sample["intended"] for sample in samples) < 300 * MS
    assert all(a["end"] <= b["intended"] for a, b in pairwise(samples))


def test_clones_are_shifted_and_no_doublets(tmp_path: Path) -> None:
    rows = trace(rate_per_s=200, seconds=1, sessions=200)
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url), lanes=250)
    samples = engine.samples()
    clones = {clone: [sample for sample in samples if sample["clone"] == clone] for clone in range(3)}
    shifts = {sample["due"] - rows[sample["request"]]["due"] for sample in clones[1]}

    assert len(clones[0]) == len(clones[1]) == len(rows)
    assert 0.3 * len(rows) < len(clones[2]) < 0.7 * len(rows)
    assert len(shifts) > 50
    assert 0 <= min(shifts) <= max(shifts) <= 50 * MS  # a twentieth of a second


def test_two_workers_share_the_lanes(tmp_path: Path) -> None:
    rows = trace(rate_per_s=100, seconds=1, sessions=100)
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server:
        spec = run_spec(plan, tmp_path / "run", server.url, workers=2)
        with led(spec, 0) as zero, led(spec, 1) as one:
            for engine in (zero, one):
                engine.start(lanes=50)
            for engine in (zero, one):
                assert engine.finish() == Finished("complete", "")
            samples = zero.samples()

    assert len(samples) == len(rows)
    assert {sample["worker"] for sample in samples} == {0, 1}
    assert all(sample["session"] % 2 == sample["worker"] for sample in samples)


def test_a_lane_that_joins_late_plays_only_sessions_that_begin_then(tmp_path: Path) -> None:
    long_session = [planned(at, session=0) for at in range(0, 1500, 50)]
    plan = write_plan(tmp_path / "plan", [*long_session, planned(1000, session=1), planned(1200, session=1)])
    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start(lanes=0)
        time.sleep(0.4)
        engine.say(SetLanes(100))
        engine.finish()
        sessions = [sample["session"] for sample in engine.samples()]

    assert sessions == [1, 1]


def test_a_lane_that_leaves_sends_nothing_more_and_its_open_request_is_stopped(tmp_path: Path) -> None:
    async def never(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    rows = [planned(0), planned(900)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(never) as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        time.sleep(0.4)
        engine.say(SetLanes(0))
        assert engine.finish().ended == "complete"
        samples = engine.samples()

    assert [(sample["request"], sample["error"]) for sample in samples] == [(0, "stopped")]
    assert len(server.arrivals) == 1


def test_a_slow_answer_times_out_with_its_time_so_far(tmp_path: Path) -> None:
    async def never(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving(never) as server:
        [sample] = played(
            run_spec(plan, tmp_path / "run", server.url, timeout_ns=300 * MS, first_byte_timeout_ns=300 * MS)
        ).samples()

    assert (sample["status"], sample["error"], sample["first_byte"]) == (0, "timeout", 0)
    assert 300 * MS <= sample["end"] - sample["ready"] < 600 * MS


def test_a_refusing_target_is_the_target_s_fault_not_the_generator_s(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        rows = trace(rate_per_s=100, seconds=1)
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", url))
    samples = engine.samples()

    assert {sample["error"] for sample in samples} == {"connect"}
    assert len(samples) == len(rows)
    assert np.median([sample["ready"] - sample["intended"] for sample in samples]) < 5 * MS


def test_requests_over_the_ceiling_are_not_sent_and_recorded(tmp_path: Path) -> None:
    async def slow(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await fine(arrival, writer)

    rows = [planned(number, session=number) for number in range(10)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(slow) as server:
        samples = played(run_spec(plan, tmp_path / "run", server.url, max_in_flight=4)).samples()

    assert [sample["error"] for sample in samples] == [""] * 4 + ["ceiling"] * 6
    assert len(server.arrivals) == 4


def test_no_second_has_more_requests_than_the_ceiling_of_the_rate(tmp_path: Path) -> None:
    rows = [planned(number, session=number) for number in range(10)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(fine) as server:
        samples = played(run_spec(plan, tmp_path / "run", server.url, max_rate_per_s=4.0)).samples()

    assert sorted(sample["error"] for sample in samples) == [""] * 4 + ["refused"] * 6
    assert len(server.arrivals) == 4


def test_the_breaker_ends_a_run_whose_target_fails(tmp_path: Path) -> None:
    async def broken(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    rows = trace(rate_per_s=50, seconds=20)
    plan = write_plan(tmp_path / "plan", rows)
    with (
        serving(broken) as server,
        led(run_spec(plan, tmp_path / "run", server.url, breaker=Breaker(0.5, 2, 0))) as engine,
    ):
        engine.start()
        report = engine.finish()
        samples = engine.samples()

    assert report.ended == "breaker"
    assert "50%" in report.reason
    assert 2 * SECOND <= engine.end().at_ns < 5 * SECOND
    assert len(samples) == engine.end().samples > 50


def test_a_stop_records_what_is_open(tmp_path: Path) -> None:
    async def never(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    rows = [planned(0), planned(50, depends_on=0), planned(60_000, session=1)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(never) as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        time.sleep(0.6)
        assert engine.stop().ended == "interrupted"
        samples = engine.samples()

    assert [(sample["request"], sample["error"]) for sample in samples] == [(0, "stopped"), (1, "stopped")]
    assert samples[1]["ready"] - samples[1]["intended"] < 20 * MS  # nobody was late


def test_an_engine_whose_worker_is_gone_ends_by_itself_with_its_samples(tmp_path: Path) -> None:
    rows = trace(rate_per_s=100, seconds=30)
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        time.sleep(1)
        engine.process.stdin.close()
        engine.process.wait(3)

    assert engine.end().ended == "worker lost"
    assert len(engine.samples()) == engine.end().samples > 50


def test_an_engine_whose_worker_falls_silent_ends_within_about_three_seconds(tmp_path: Path) -> None:
    rows = trace(rate_per_s=20, seconds=30)
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        said = time.monotonic()
        engine.process.wait(6)

    assert 2.5 < time.monotonic() - said < 5
    assert "silent" in engine.end().reason


def test_a_killed_engine_loses_no_more_than_its_last_second(tmp_path: Path) -> None:
    rows = trace(rate_per_s=100, seconds=30)
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server, led(run_spec(plan, tmp_path / "run", server.url)) as engine:
        engine.start()
        time.sleep(0.2 + 1.6)
        engine.process.kill()
        engine.process.wait()
        kept = len(engine.samples())

    assert kept >= sum(row["due"] < 0.9 * SECOND for row in rows)
    assert len(engine.ticks()) >= 1


def test_what_goes_out_is_marked_and_addressed_to_the_target(tmp_path: Path) -> None:
    wire = b"GET /a HTTP/1.1\r\nAuthorization: old\r\nAccept: */*\r\n\r\n"
    plan = write_plan(tmp_path / "plan", [planned(0, wire=wire)])
    with serving() as server:
        spec = run_spec(plan, tmp_path / "run", server.url, headers={"Authorization": "STAGING_TOKEN"})
        [sample] = played(spec, STAGING_TOKEN="Bearer canary").samples()
    [arrival] = server.arrivals

    assert arrival.header("Host") == f"127.0.0.1:{server.port}"
    assert arrival.header("X-Dress-Rehearsal") == f"0123456789ab-{sample['trace']}"
    assert arrival.head.count("uthorization") == 1
    assert arrival.header("Authorization") == "Bearer canary"
    for path in (tmp_path / "run").rglob("*"):
        assert b"canary" not in path.read_bytes()


def test_writes_and_other_hosts_are_not_sent(tmp_path: Path) -> None:
    rows = [
        planned(0, method="POST", path="/cart"),
        planned(10, method="POST", path="/wish"),
        planned(20, host="other.example"),
        planned(30),
    ]
    plan = write_plan(tmp_path / "plan", rows)
    with serving() as server:
        played(run_spec(plan, tmp_path / "run", server.url, writes=["POST /wish"]))

    assert [arrival.head.partition(" HTTP")[0] for arrival in server.arrivals] == ["POST /wish", "GET /a"]


def test_what_is_not_in_origin_form_is_refused_and_recorded(tmp_path: Path) -> None:
    wires = [
        b"GET http://production.example/ HTTP/1.1\r\n\r\n",
        b"CONNECT production.example:443 HTTP/1.1\r\n\r\n",
        b"GET /a",
        b"POST /a HTTP/1.1\r\n\r\n",
    ]
    plan = write_plan(tmp_path / "plan", [planned(number, wire=wire) for number, wire in enumerate(wires)])
    with serving() as server:
        samples = played(run_spec(plan, tmp_path / "run", server.url)).samples()

    assert [sample["error"] for sample in samples] == ["refused"] * 4
    assert server.connections == 0


def test_a_redirect_is_recorded_and_not_followed(tmp_path: Path) -> None:
    with serving() as elsewhere:

        async def redirect(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
            location = f"Location: {elsewhere.url}/there\r\n".encode()
            writer.write(b"HTTP/1.1 302 Found\r\n" + location + b"Content-Length: 0\r\n\r\n")

        plan = write_plan(tmp_path / "plan", [planned(0)])
        with serving(redirect) as server:
            [sample] = played(run_spec(plan, tmp_path / "run", server.url)).samples()

    assert sample["status"] == 302
    assert elsewhere.connections == 0
    assert len(server.arrivals) == 1


def test_an_engine_refuses_a_worker_too_many(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])

    with pytest.raises(RefusedError, match="no place"):
        admitted(run_spec(plan, tmp_path / "run", "http://127.0.0.1:1"), worker=1, environment={})


def test_an_engine_needs_the_plan_that_the_run_was_started_with(tmp_path: Path) -> None:
    spec = run_spec(write_plan(tmp_path / "plan", [planned(0)]), tmp_path / "run", "http://127.0.0.1:1")
    with led(msgspec.structs.replace(spec, plan=str(tmp_path / "none"))) as engine:
        assert engine.process.wait(10) == EXIT_INPUT


def test_closed_replay_plays_sessions_back_to_back_with_their_think_times(tmp_path: Path) -> None:
    async def slow(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await fine(arrival, writer)

    rows = [
        planned(0, session=0),
        planned(1000, session=0, depends_on=0, think=50 * MS),
        planned(2000, session=1),
        planned(2100, session=1),
        planned(30_000, session=2, method="POST", path="/cart"),
        planned(60_000, session=3),
    ]
    plan = write_plan(tmp_path / "plan", rows, lanes=1)
    with serving(slow) as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, mode="closed"), lanes=1)
    first, second, third, fourth, last = engine.samples()

    assert engine.end().ended == "complete"
    assert first["intended"] == 0
    assert second["intended"] == first["end"] + 50 * MS
    assert third["intended"] == second["end"]  # the next session, at once
    assert fourth["intended"] == third["intended"] + 100 * MS  # it depends on nothing
    assert last["intended"] == max(third["end"], fourth["end"])
    assert all(sample["ready"] - sample["intended"] < 50 * MS for sample in engine.samples())


def test_closed_replay_ends_with_its_schedule(tmp_path: Path) -> None:
    rows = [planned(number, session=number) for number in range(10_000)]
    plan = write_plan(tmp_path / "plan", rows, lanes=2)
    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, mode="closed", stop_at_ns=300 * MS), lanes=2)
    samples = engine.samples()

    assert 10 < len(samples) < 10_000
    assert max(sample["intended"] for sample in samples) < 300 * MS
    assert {sample["session"] % 2 for sample in samples} == {0, 1}


def test_a_chain_of_a_thousand_waiting_requests_ends_with_the_breaker(tmp_path: Path) -> None:
    async def hangs(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        if arrival.path.startswith("/hang"):
            await asyncio.sleep(30)
        writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    chain = [planned(number, path="/hang", request=number, depends_on=number - 1) for number in range(1200)]
    bad = [planned(1500 + number * 20, number + 1, request=1200 + number) for number in range(400)]
    plan = write_plan(tmp_path / "plan", [*chain, *bad])
    with (
        serving(hangs) as server,
        led(run_spec(plan, tmp_path / "run", server.url, breaker=Breaker(0.5, 2))) as engine,
    ):
        engine.start()
        assert engine.finish(10).ended == "breaker"
        samples = engine.samples()

    assert engine.end().samples == engine.end().planned == len({sample["request"] for sample in samples})
    assert [sample["error"] for sample in samples[:1200]] == ["stopped"] * 1200


def test_a_chain_of_waiting_requests_leaves_with_its_lane(tmp_path: Path) -> None:
    async def hangs(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    chain = [planned(number / 2, 1, request=number, depends_on=number - 1) for number in range(700)]
    plan = write_plan(tmp_path / "plan", [*chain, planned(1000, 200, request=700, lane=1)])
    with serving(hangs) as server, led(run_spec(plan, tmp_path / "run", server.url, breaker=None)) as engine:
        engine.start()
        time.sleep(0.7)
        engine.say(SetLanes(1))
        assert engine.finish(5).ended == "complete"
        samples = engine.samples()

    assert [sample["error"] for sample in samples] == ["stopped"] * 700


def test_the_end_of_a_causal_run_takes_one_timeout_however_many_wait(tmp_path: Path) -> None:
    async def hangs(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    rows = [planned(number * 20, request=number, depends_on=number - 1) for number in range(15)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(hangs) as server:
        engine = played(
            run_spec(plan, tmp_path / "run", server.url, timeout_ns=500 * MS, first_byte_timeout_ns=500 * MS)
        )
    samples = engine.samples()

    assert engine.end().ended == "complete"
    assert engine.end().at_ns < (280 + 500 + 600) * MS
    assert [sample["due"] for sample in samples] == [row["due"] for row in rows]
    assert samples[0]["error"] == "timeout"
    assert {sample["error"] for sample in samples[3:]} == {"stopped"}


def test_targets_share_the_files_that_the_process_may_open(tmp_path: Path) -> None:
    spec = run_spec(write_plan(tmp_path / "plan", [planned(0)]), tmp_path / "run", "http://127.0.0.1:1")
    three = msgspec.structs.replace(spec, targets=spec.targets * 3)

    assert connections(spec, 1024) == 960
    assert connections(three, 1024) == 320
    assert connections(three, 1 << 20) == spec.max_in_flight
    assert connections(msgspec.structs.replace(three, connections=7), 1024) == 7
    assert connections(three, 60) == 1


def test_a_request_waits_behind_a_write_that_is_not_sent(tmp_path: Path) -> None:
    async def slow(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await fine(arrival, writer)

    rows = [planned(0), planned(50, method="POST", depends_on=0), planned(100, depends_on=1)]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(slow) as server:
        first, third = played(run_spec(plan, tmp_path / "run", server.url)).samples()

    assert third["intended"] == first["end"] >= 400 * MS


def test_planned_counts_the_ordered_scale_whatever_lanes_ran(tmp_path: Path) -> None:
    rows = [planned(number * 10, number) for number in range(100)]
    spec = run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "run", "", users=250, stop_at_ns=900 * MS)
    with serving() as server:
        target = [Target(HOST, server.url, "127.0.0.1")]
        whole = played(msgspec.structs.replace(spec, targets=target), lanes=250)
        half = msgspec.structs.replace(spec, targets=target, out=str(tmp_path / "half"))
        (tmp_path / "half").mkdir()
        less = played(half, lanes=100)

    assert whole.end().planned == whole.end().samples  # clones that are shifted over the end are not held
    assert 220 < whole.end().planned < 90 + 90 + 50
    assert less.end().planned == whole.end().planned
    assert less.end().samples == 90
