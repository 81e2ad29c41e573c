"""The entry of ``locust -f``: joins Locust's events to the engine's parent. Started by ``replay run``.

Master and workers check the target again when a test starts: Locust's web UI has a field for the host.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.os import nb_read
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.engine.control import Finished
from loadtests.engine.lanes import share
from loadtests.page import add_tabs
from loadtests.users import EngineParent, LaneUser, as_report
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_REFUSED, RefusedError
from replay.hosts.clock import local_ns
from replay.runspec import SPEC_VARIABLE, RunSpec, read_spec
from replay.safety import Interlock

__all__ = ["LaneUser"]

LEAD_NS = 500_000_000
"""From the order to start until the run clock is zero: every worker hears of it before."""
MERGE_WITHIN_S = 0.25
READY_EVERY_S = 0.02
NICENESS = 5
"""So far Locust's processes stand back behind an engine on the same core; a quarter of it is theirs when needed."""

if SPEC_VARIABLE not in os.environ:
    sys.exit("loadtests/locustfile.py is started by 'replay run'; see 'replay run --help'.")
SPEC_PATH = Path(os.environ[SPEC_VARIABLE])
if not os.read(0, 1):  # 'replay run' starts us early, and lets us begin once everything is checked
    sys.exit("'replay run' has ended before this run could begin.")
SPEC = read_spec(SPEC_PATH)
if SPEC.profile:
    from loadtests.shapes import ProfileShape

    __all__ += ["ProfileShape"]


def check_target(spec: RunSpec, host: str | None) -> None:
    """Raise RefusedError unless ``host``, which a person may have typed, is a target of this run."""
    interlock = Interlock(spec.origins, spec.allow, deny=spec.deny)
    urls = {interlock.confirm(target).url for target in spec.targets}
    if host and host.rstrip("/") not in urls:
        raise RefusedError("the host is not the target that this run was started for. Start another run for it.")


class Master:
    """Starts the run clock when every engine is ready, and ends Locust when every engine has finished."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._ready: set[int] = set()
        self._finished: set[int] = set()
        self._users: dict[int, int] = {}
        self._spawned = bool(SPEC.profile)
        self._tested = False
        self._started = False
        self._engines: dict[str, dict[str, Any]] = {}
        if environment.web_ui is not None:
            add_tabs(environment, self._engines.values, SPEC.production)

    def worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        """A worker says how its engine is."""
        if data.get("engine"):
            self._engines[client_id] = data["engine"]

    def test_start(self) -> None:
        """A test starts: check the target again."""
        try:
            check_target(SPEC, self._environment.host)
        except RefusedError as error:
            _refuse(self._environment, error)
            return
        self._tested = True
        self._maybe_start()

    def spawning_complete(self) -> None:
        """All users are there."""
        self._spawned = True
        self._maybe_start()

    def engine_ready(self, worker: int) -> None:
        """The engine of ``worker`` can start."""
        self._ready.add(worker)
        self._maybe_start()

    def users_changed(self, worker: int, users: int) -> None:
        """``worker`` has so many users now: tell all of them how many there are together."""
        self._users[worker] = users
        self._environment.runner.send_message("replay_users", {"users": sum(self._users.values())})

    def engine_finished(self, worker: int, ended: str) -> None:
        """The engine of ``worker`` has ended; one that did not complete ends the run."""
        self._finished.add(worker)
        if ended == "complete" and len(self._finished) < SPEC.workers:
            return
        _quit(self._environment, EXIT_OK if ended == "complete" else EXIT_INCOMPLETE)

    def _maybe_start(self) -> None:
        if self._started or not self._tested or not self._spawned or len(self._ready) < SPEC.workers:
            return
        self._started = True
        epoch_ns = time.monotonic_ns() + LEAD_NS
        if SPEC.profile:
            ProfileShape.begin(epoch_ns)
        self._environment.runner.send_message("replay_start", {"epoch_ns": epoch_ns})


class Worker:
    """One worker: its engine, and what it tells the master of it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._runner: WorkerRunner = environment.runner
        if not 0 <= self._runner.worker_index < SPEC.workers:
            raise RefusedError(f"this run has {SPEC.workers} workers and no place for another.")
        check_target(SPEC, environment.host)
        self._host = environment.host
        self._refused = False
        self._users = 0
        self._users_of_all = 0
        self._parent = EngineParent(SPEC, SPEC_PATH, self._runner.worker_index, self._ended)
        gevent.spawn(self._announce)

    def test_start(self) -> None:
        """A test starts: check the target again, which the web UI may have changed."""
        try:
            check_target(SPEC, self._environment.host)
        except RefusedError as error:
            self._refused = True
            _refuse(self._environment, error)

    def start(self, epoch_ns: int) -> None:
        """The master says when the run clock is zero, by the clock of its host."""
        if self._refused:
            return
        self._parent.start(local_ns(Path(SPEC.out), epoch_ns), self._share())

    def users_changed(self, users_of_all: int) -> None:
        """The master says how many users all workers have together."""
        self._users_of_all = users_of_all
        self._parent.resize(self._share())

    def report(self, data: dict[str, Any]) -> None:
        """Locust asks for this worker's figures."""
        self._parent.merge_into(self._environment)
        data["engine"] = as_report(self._parent.last_tick)

    def stop(self) -> None:
        """Locust ends the test."""
        self._parent.stop(MERGE_WITHIN_S)

    def _announce(self) -> None:
        while not self._parent.ready and not self._parent.ended:
            gevent.sleep(0.02)
        self._runner.send_message("engine_ready", {"worker": self._runner.worker_index})
        self._parent.follow(self._lanes)

    def _lanes(self) -> int:
        # A host that somebody types while the test runs comes with the next users, and no event tells of it.
        if self._environment.host != self._host:
            self._host = self._environment.host
            self.test_start()
        users = self._runner.user_count
        if users != self._users:
            self._users = users
            self._runner.send_message("users_changed", {"worker": self._runner.worker_index, "users": users})
        return self._share()

    def _share(self) -> int:
        return 0 if self._refused else share(self._users_of_all, self._runner.worker_index, SPEC.workers)

    def _ended(self, report: Finished) -> None:
        self._runner.send_message("engine_finished", {"worker": self._runner.worker_index, "ended": report.ended})


def _refuse(environment: Environment, error: RefusedError) -> None:
    sys.stderr.write(f"{error}\n")
    _quit(environment, EXIT_REFUSED)


def _quit(environment: Environment, code: int) -> None:
    def end() -> None:
        gevent.sleep(0.05)  # the message that led here must be done with first
        environment.runner.quit()
        if environment.web_ui is not None:
            environment.web_ui.stop()

    if environment.process_exit_code is None:
        environment.process_exit_code = code
        gevent.spawn(end)


_PARTS: list[Master | Worker] = []


@events.init.add_listener
def _on_init(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    gevent.spawn(_end_with_parent)
    if isinstance(runner, MasterRunner):
        master = Master(environment)
        _PARTS.append(master)
        runner.register_message("engine_ready", lambda msg, **_: master.engine_ready(msg.data["worker"]))
        runner.register_message(
            "engine_finished", lambda msg, **_: master.engine_finished(msg.data["worker"], msg.data["ended"])
        )
        runner.register_message(
            "users_changed", lambda msg, **_: master.users_changed(msg.data["worker"], msg.data["users"])
        )
        environment.events.worker_report.add_listener(lambda client_id, data: master.worker_report(client_id, data))
        environment.events.spawning_complete.add_listener(lambda **_: master.spawning_complete())
        while len(runner.clients.ready) < SPEC.workers:  # Locust itself would look for them once a second
            gevent.sleep(READY_EVERY_S)
    elif isinstance(runner, WorkerRunner):
        worker = Worker(environment)
        _PARTS.append(worker)
        runner.register_message("replay_start", lambda msg, **_: worker.start(msg.data["epoch_ns"]))
        runner.register_message("replay_users", lambda msg, **_: worker.users_changed(msg.data["users"]))
    else:
        raise RefusedError("a replay needs a master and workers. Start it with 'replay run'.")
    os.nice(NICENESS)  # the engine has begun, and keeps its own


@events.test_start.add_listener
def _on_test_start(**_: Any) -> None:
    for part in _PARTS:
        part.test_start()


# Registered at import, so that it runs before Locust's own listener serialises the figures.
@events.report_to_master.add_listener
def _on_report(data: dict[str, Any], **_: Any) -> None:
    for part in _PARTS:
        if isinstance(part, Worker):
            part.report(data)


@events.test_stop.add_listener
def _on_test_stop(**_: Any) -> None:
    for part in _PARTS:
        if isinstance(part, Worker):
            part.stop()


def _end_with_parent() -> None:
    # 'replay run' holds the other end of our standard input; when it is gone, so are we, where no kernel sees to it.
    try:
        os.set_blocking(0, False)
        while nb_read(0, 1024):
            pass
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
