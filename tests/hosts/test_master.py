"""A master's port: who is let in, what hosts may send, and what a stranger gets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.errors import RefusedError, ReplayError
from replay.hosts.address import Address
from replay.hosts.clock import Offset
from replay.hosts.far import Task
from replay.hosts.link import Link
from replay.hosts.master import Master
from replay.hosts.peer import HOSTS_FORMAT, GoneError
from replay.hosts.secret import tls_contexts
from replay.journal import journal_path
from replay.plan.store import open_plan
from replay.runspec import PlanState, RunSpec
from tests.loadtests.support import planned, write_plan

SERVER, CLIENT = tls_contexts(b"0123456789abcdef" * 2)
_, FOREIGN = tls_contexts(b"fedcba9876543210" * 2)


def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def master() -> Iterator[Master]:
    made = Master(Address("127.0.0.1", 0), 1, SERVER)
    yield made
    made.close()


@pytest.fixture
def link(master: Master) -> Iterator[Link]:
    made = Link(master.address, CLIENT, within_s=5.0)
    yield made
    made.close()


@pytest.fixture
def task(tmp_path: Path, master: Master) -> Task:
    plan = write_plan(tmp_path / "shop.plan", [planned(10 * number) for number in range(20_000)])
    (tmp_path / "out").mkdir()
    spec = RunSpec("runspec/1", "id", "", open_plan(plan).manifest.hash, PlanState(0, 0), "", [], [], workers=2)
    made = Task("friday", spec, plan, tmp_path / "out", 2, 9)
    master.give(made)
    return made


def test_a_host_gets_the_order_and_the_very_plan(link: Link, task: Task, tmp_path: Path) -> None:
    until(lambda: link.order)
    link.fetch_plan(tmp_path / "copy")

    assert link.order is not None
    assert (link.order.run, link.order.processes, link.order.spec) == ("friday", 2, task.spec)
    for name in ("plan.json", "requests.arrow"):
        assert (tmp_path / "copy" / name).read_bytes() == (task.plan / name).read_bytes()
        assert (tmp_path / "copy" / name).stat().st_mode & 0o777 == 0o600


def test_journals_and_samples_arrive_where_the_run_keeps_them(
    master: Master, link: Link, task: Task, tmp_path: Path
) -> None:
    until(lambda: link.order)
    link.journal(1, '{"a": 1}\n')
    link.journal(1, '{"b": 2}\n')
    link.ended()
    assert master.wait_ended(5)
    (tmp_path / "samples-001.parquet").write_bytes(b"x" * 3_000_000)
    link.give_samples([tmp_path / "samples-001.parquet"], Offset(5, 1, 2))
    master.collect(5)

    assert journal_path(task.out, 1).read_text() == '{"a": 1}\n{"b": 2}\n'
    assert (task.out / "samples-001.parquet").stat().st_size == 3_000_000
    (host,) = master.manifest()
    assert (host.workers, host.clock_offset_ns, host.clock_error_ns, host.lost) == ([1], 5, 1, "")
    assert master.problem == ""


def test_the_clock_of_the_same_machine_is_nearly_the_same(link: Link) -> None:
    until(lambda: len(link.clock) >= 10)

    assert abs(link.clock.offset.offset_ns) <= link.clock.offset.error_ns < 50e6


@pytest.mark.parametrize("name", ["samples-000.parquet", "samples-0001.parquet", "../out.json"])
def test_samples_that_are_not_the_hosts_own_are_not_taken(
    master: Master, link: Link, task: Task, tmp_path: Path, name: str
) -> None:
    until(lambda: link.order)
    link.journal(1, "{}\n")
    (tmp_path / "sent").mkdir()
    path = tmp_path / "sent" / ".." / name.replace("../", "")
    path.write_bytes(b"x")

    with pytest.raises(GoneError):
        link.give_samples([path], Offset())

    assert not list(task.out.glob("*.parquet"))


def test_a_host_whose_samples_cannot_be_written_is_lost_and_named(
    master: Master, link: Link, task: Task, tmp_path: Path
) -> None:
    until(lambda: link.order)
    link.journal(1, "{}\n")
    (task.out / "samples-001.parquet").mkdir()
    (tmp_path / "samples-001.parquet").write_bytes(b"x")

    with pytest.raises(GoneError):
        link.give_samples([tmp_path / "samples-001.parquet"], Offset())

    assert "what it sent could not be written (Is a directory)" in master.problem
    assert [path.name for path in task.out.iterdir() if path.is_file()] == ["engine-1.jsonl"]


@pytest.mark.parametrize("worker", [2, -1])
def test_a_host_whose_journal_is_of_no_worker_of_the_run_is_lost(
    master: Master, link: Link, task: Task, worker: int
) -> None:
    until(lambda: link.order)
    link.journal(worker, "{}\n")

    until(lambda: master.problem)
    assert "which this run does not have" in master.problem
    until(lambda: link.lost)


def test_a_host_that_goes_is_lost_and_named(master: Master, link: Link, task: Task) -> None:
    until(lambda: link.order)
    link.close()

    until(lambda: master.problem)
    assert f"host {socket.gethostname()} (127.0.0.1) was lost (workers not yet begun)" in master.problem


def test_a_host_that_refuses_says_why(master: Master, link: Link, task: Task) -> None:
    until(lambda: link.order)
    link.refuse(RefusedError("the target is production."))

    until(lambda: master.problem)
    assert master.problem.endswith("refused the run: the target is production.")


def test_there_is_no_place_for_another_host(master: Master, link: Link) -> None:
    until(lambda: master.hosts)
    second = Link(master.address, CLIENT, within_s=5.0)
    until(lambda: second.refused)
    second.close()

    assert "no place for another" in str(second.refused)


def test_a_worker_with_another_secret_is_told_so_and_nothing_else(master: Master) -> None:
    with pytest.raises(RefusedError, match="does not hold the secret"):
        Link(master.address, FOREIGN, within_s=5.0)

    until(lambda: master.strangers == 1)
    assert master.hosts == []


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(200)])
def test_a_stranger_gets_not_a_byte_of_ours(master: Master, said: bytes) -> None:
    with socket.create_connection((master.address.host, master.address.port), 5) as stranger:
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(ConnectionError):
            while piece := stranger.recv(4096):
                heard += piece

    assert HOSTS_FORMAT.encode() not in heard
    assert len(heard) <= 7, "more than a TLS alert"
    until(lambda: master.strangers == 1)


def test_what_is_said_behind_the_handshake_must_be_our_protocol(master: Master) -> None:
    with (
        socket.create_connection((master.address.host, master.address.port), 5) as bare,
        CLIENT.wrap_socket(bare) as known,
    ):
        known.sendall(b"no message\n")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            assert known.recv(4096) == b""

    until(lambda: master.strangers == 1)


def test_a_port_that_is_taken_is_said(master: Master) -> None:
    with pytest.raises(ReplayError, match="cannot listen there"):
        Master(master.address, 1, SERVER)
