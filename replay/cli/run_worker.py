"""``replay run --worker``: this host generates a part of a run that a master on another host leads.

The order comes from the master, and this host gives its own consent: its own name resolution, its own ``[safety]``,
its own files and its own secrets. What its person did not name here is not contacted, and not read.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path

import msgspec

from replay.artefacts import named
from replay.cli import run_preflight
from replay.cli.output import progress, stdout
from replay.cli.run_consent import WorkerOptions, localised, run_folder
from replay.cli.run_processes import Locust, import_path, start_workers
from replay.cli.run_settings import find_settings
from replay.errors import EXIT_OK, IncompleteError, InputError, ReplayError
from replay.hosts.address import SECRET_SOURCE, parse_address
from replay.hosts.clock import Offset, write_offset
from replay.hosts.link import Link
from replay.hosts.peer import GoneError, Order
from replay.hosts.secret import take_secret, tls_contexts
from replay.plan.store import Plan, open_plan, verify
from replay.runspec import SPEC_NAME, SPEC_VARIABLE, RunSpec, write_spec
from replay.samples import compact
from replay.tls import tls_context

_CONNECT_S = 60.0
_POLL_S = 0.05
_PIECE_BYTES = 1 << 19


def serve(options: WorkerOptions) -> int:
    """Take part in the run of the master, from its order to its samples.

    Raises:
        RefusedError: the master's order is forbidden here.
        IncompleteError: the master cannot be reached, or was lost.
        ReplayError: this host lacks what the order needs.
    """
    address = parse_address("--worker", options.worker)
    _, connecting = tls_contexts(take_secret(options.secret or SECRET_SOURCE, os.environ))
    progress(f"Asking {address} for an order.")
    link = Link(address, connecting, _CONNECT_S)
    try:
        order = _await_order(link)
        folder = _new_folder(options, order)
        logs = folder / "logs"
        logs.mkdir(mode=0o700)
        environment = os.environ | {SPEC_VARIABLE: str((folder / SPEC_NAME).resolve()), "PYTHONPATH": import_path()}
        locust = start_workers(order.processes, link.locust_port, environment, logs)  # they load meanwhile
        try:
            write_spec(folder, spec := _prepare(link, order, options, folder))
            link.prepared(spec.targets)
            _await_go(link, spec)
        except BaseException as error:
            locust.end()
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, ReplayError) and not isinstance(error, GoneError):
                link.refuse(error)
            raise
        return _take_part(link, locust, folder)
    finally:
        link.close()


def _await_order(link: Link) -> Order:
    while link.order is None:
        _check(link)
        time.sleep(_POLL_S)
    return link.order


def _check(link: Link) -> None:
    if link.refused is not None:
        raise link.refused
    if link.lost:
        raise IncompleteError(f"the master is gone: {link.lost}.")


def _new_folder(options: WorkerOptions, order: Order) -> Path:
    folder = run_folder(options, order)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    part.mkdir(mode=0o700)
    return part


def _prepare(link: Link, order: Order, options: WorkerOptions, folder: Path) -> RunSpec:
    plan = _plan(link, order, options, folder)
    settings = find_settings(Path.cwd())
    if settings.path:
        progress(f"[safety] of {settings.path} applies.")
    spec = localised(order.spec, options, plan, settings.safety)
    spec = msgspec.structs.replace(spec, out=str(folder.resolve()), plan_state=verify(plan))
    tls_context(spec.tls)
    run_preflight.reach(spec.targets, spec.tls)
    return spec


def _plan(link: Link, order: Order, options: WorkerOptions, folder: Path) -> Plan:
    if options.plan:
        plan = open_plan(named(options.plan, "."))
    else:
        progress("Fetching the plan.")
        link.fetch_plan(folder / "plan")
        plan = open_plan(folder / "plan")
    if plan.manifest.hash != order.spec.plan_hash:
        raise InputError(
            f"{plan.folder}: is another plan than the master's. Leave it out, and the master sends its own."
        )
    return plan


def _await_go(link: Link, spec: RunSpec) -> None:
    progress(f"Prepared for {', '.join(f'{one.url} at {one.address}' for one in spec.targets)}.")
    while not link.may_go:
        _check(link)
        if link.must_end:
            raise IncompleteError("the master ended the run before it began.")
        time.sleep(_POLL_S)


def _take_part(link: Link, locust: Locust, folder: Path) -> int:
    at_start = _generate(link, locust, folder)
    if link.lost:
        raise IncompleteError(_kept(link.lost, folder))
    link.ended()
    samples = compact(folder)
    try:
        link.give_samples(sorted([*folder.glob("samples-*.parquet"), *folder.glob("created-*.jsonl")]), at_start)
    except (GoneError, TimeoutError) as error:
        raise IncompleteError(_kept(str(error), folder)) from None
    shutil.rmtree(folder)
    stdout.print(f"{samples:,} samples of this host are with the master.")
    return EXIT_OK


def _kept(why: str, folder: Path) -> str:
    samples = compact(folder)
    kept = folder.with_name(folder.name.removeprefix(".").rpartition(".part-")[0] + "-lost")
    place = kept if not kept.exists() else folder
    if place is kept:
        folder.rename(kept)
    return f"the master is gone: {why}. The load was ended; {samples:,} samples of this host are in {place}."


def _generate(link: Link, locust: Locust, folder: Path) -> Offset:
    """Run this host's Locust workers to their end, and return the clock's offset that they began with."""
    offset = link.clock.offset
    write_offset(folder, offset)
    journals = _Journals(folder)
    try:
        locust.begin()
        written_at = -math.inf
        while not link.lost and not link.must_end and len(locust.ended()) < len(locust.children):
            if not journals.have_begun and time.monotonic() - written_at > 1.0:
                offset, written_at = link.clock.offset, time.monotonic()
                write_offset(folder, offset)
            journals.send(link)
            time.sleep(_POLL_S)
    finally:
        locust.end()
        journals.send(link)
    _say_failures(locust)
    return offset


def _say_failures(locust: Locust) -> None:
    for child in locust.children:
        if child.process.returncode:
            progress(f"Locust's {child.name} ended with code {child.process.returncode}.")


class _Journals:
    """The journals of this host's engines, on their way to the master."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent: dict[Path, int] = {}

    @property
    def have_begun(self) -> bool:
        """Whether an engine has told of its first second."""
        return any(self._sent.values())

    def send(self, link: Link) -> None:
        """Send the whole lines that came since the last call; nothing where the master is gone."""
        for path in self._folder.glob("engine-*.jsonl"):
            while not link.lost:
                with path.open("rb") as file:
                    file.seek(self._sent.get(path, 0))
                    piece = file.read(_PIECE_BYTES)
                whole = piece[: piece.rfind(b"\n") + 1]
                if not whole:
                    break
                try:
                    link.journal(int(path.stem.partition("-")[2]), whole.decode())
                except (GoneError, TimeoutError) as error:
                    link.lost = link.lost or str(error) or "it reads no more"
                self._sent[path] = self._sent.get(path, 0) + len(whole)
