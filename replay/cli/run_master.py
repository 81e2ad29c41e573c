"""A run whose load comes from other hosts: this one gives them the order, leads Locust, and collects the samples."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from replay.cli.output import progress
from replay.cli.run_order import Far, Order
from replay.cli.run_processes import Locust, start_master
from replay.errors import EXIT_REFUSED, IncompleteError, RefusedError
from replay.hosts.far import Task
from replay.hosts.master import Master
from replay.hosts.secret import take_secret, tls_contexts
from replay.runs import RunManifest
from replay.runspec import HooksFile
from replay.tls import TLSFiles

_GATHER_S = 300.0
_NETWORK_S = 5.0
"""What the last lines of a journal may take more than those of an engine on this host."""
_COLLECT_S = 600.0


@dataclass
class FarLocust(Locust):
    """Locust's master here, and its workers on other hosts."""

    master: Master = field(kw_only=True)

    @property
    def problem(self) -> str:
        """Why processes on other hosts were lost."""
        return self.master.problem

    def wait(self, seconds: float) -> bool:
        """Wait until all have ended here and elsewhere; False where some have not in time."""
        return super().wait(seconds) and self.master.wait_ended(seconds + _NETWORK_S)

    def end(self) -> None:
        """End all of them, here and elsewhere."""
        self.master.end()
        super().end()
        self.master.wait_ended(_NETWORK_S)


@contextmanager
def listening(far: Far | None) -> Iterator[Master | None]:
    """The port for ``far``'s hosts, open; None where there are none.

    Raises:
        ReplayError: there is no secret, or the address is not this host's.
    """
    if far is None:
        yield None
        return
    accepting, _ = tls_contexts(take_secret(far.secret, os.environ))
    master = Master(far.address, far.hosts, accepting)
    try:
        progress(f"Waiting for {far.hosts} hosts: 'replay run --worker {master.address} --target …'.")
        yield master
        if master.strangers:
            progress(f"{master.strangers:,} connections that did not prove the secret were sent away.")
    finally:
        master.close()


def gather(master: Master) -> None:
    """Wait until every host is there and prepared, and have them begin.

    Raises:
        RefusedError: a host refused the run for safety.
        IncompleteError: a host cannot take part, was lost, or did not come in time.
    """
    deadline, shown = time.monotonic() + _GATHER_S, 0
    while shown < master.expected:
        if any(host.refused is not None and host.refused.code == EXIT_REFUSED for host in master.hosts):
            raise RefusedError(master.problem)
        if master.problem:
            raise IncompleteError(master.problem)
        prepared = [host for host in master.hosts if host.prepared is not None]
        for host in prepared[shown:]:
            progress(f"{host.label} is prepared.")
        shown = len(prepared)
        if time.monotonic() > deadline:
            raise IncompleteError(f"{shown} of {master.expected} hosts were prepared within {_GATHER_S:.0f} s.")
        time.sleep(0.02)
    master.go()


def start_far(
    master: Master,
    order: Order,
    users: int,
    workers: int,
    host: str,
    ui: bool,
    extra: Sequence[str],
    environment: Mapping[str, str],
    logs: Path,
) -> FarLocust:
    """As ``start_locust``, with the workers on other hosts, which get their order now and begin with ``gather``."""
    here = start_master(users, workers, host, ui, extra, environment, logs)
    _give(master, order, logs.parent, here.port)
    return FarLocust(here.children, here.web_url, here.port, master=master)


def collect(master: Master) -> None:
    """Take the samples of all hosts into the run's folder."""
    progress("Collecting the samples of the hosts.")
    master.collect(_COLLECT_S)


def with_hosts(manifest: RunManifest, master: Master) -> RunManifest:
    """``manifest`` with its hosts; a run whose samples did not all come is none that completed."""
    found = msgspec.structs.replace(manifest, hosts=master.manifest())
    if master.problem and found.ended == "complete":
        return msgspec.structs.replace(found, ended="worker lost", ended_reason=master.problem)
    return found


def _give(master: Master, order: Order, out: Path, locust_port: int) -> None:
    """Give the hosts what they are to do: no path of this host, and of headers the names alone."""
    spec = order.spec
    far = msgspec.structs.replace(
        spec,
        plan="",
        tls=TLSFiles(insecure=spec.tls.insecure),
        headers=dict.fromkeys(spec.headers, ""),
        hooks=None if spec.hooks is None else HooksFile("", spec.hooks.sha256),
        production={},
    )
    processes = spec.workers // master.expected
    master.give(Task(order.folder.name, far, order.plan.folder, out, processes, locust_port))
