"""What a worker's host consents to: the options of its person, and a master's order as it may be carried out here."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from replay.artefacts import named
from replay.cli.run_headers import header_sources
from replay.cli.run_settings import Safety
from replay.cli.run_texts import hooks_file, whole_path
from replay.errors import RefusedError, ReplayError
from replay.hosts.peer import Order
from replay.plan.store import Plan
from replay.runs import Target
from replay.runspec import HooksFile, RunSpec
from replay.safety import Interlock, Resolver, parse_target, system_resolver
from replay.storage import refuse_address
from replay.stores import is_address
from replay.tls import TLSFiles


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of ``replay run --worker`` as typed."""

    worker: str
    plan: str = ""
    output: str = ""
    targets: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Header name → environment variable."""
    tls: TLSFiles = field(default_factory=TLSFiles)
    hooks: HooksFile | None = None
    secret: str = ""


_OF_A_WORKER = {"worker", "plan", "output", "targets", "headers", "ca", "insecure", "cert", "key", "hooks", "secret"}


def worker_options(values: Mapping[str, Any], typed: Set[str]) -> WorkerOptions:
    """The options of a worker's host, from ``values`` of all options of ``replay run``.

    Raises:
        ReplayError: an option was typed that the master decides, or one is wrong.
    """
    for name in sorted(typed - _OF_A_WORKER):
        shown = name if name.startswith("-") else f"--{name.replace('_', '-')}"
        raise ReplayError(f"{shown}: is the master's to say. Leave it out beside --worker.")
    return WorkerOptions(
        worker=values["worker"],
        plan=values["plan"],
        output=values["output"],
        targets=values["targets"],
        headers=header_sources(values["headers"], traceparent=False),
        tls=TLSFiles(
            whole_path(values["ca"]), values["insecure"], whole_path(values["cert"]), whole_path(values["key"])
        ),
        hooks=hooks_file(values["hooks"]) if values["hooks"] else None,
        secret=values["secret"],
    )


def run_folder(options: WorkerOptions, order: Order) -> Path:
    """Where this host keeps its part of the run, until the master has it.

    Raises:
        ReplayError: ``-o`` is an address.
        RefusedError: the master's name for the run is a path or an address, so that it would choose the place.
    """
    refuse_address(options.output, "a worker's samples are kept here until the master has them")
    if Path(order.run).name != order.run or not order.run.isprintable() or is_address(order.run):
        raise RefusedError("the run's name is no plain one. Give the run another with -o on the master.")
    return named(options.output or f"{order.run}-{socket.gethostname()}", "runs")


def localised(
    spec: RunSpec, options: WorkerOptions, plan: Plan, safety: Safety, resolve: Resolver = system_resolver
) -> RunSpec:
    """The master's ``spec`` as this host may carry it out, with the files, secrets and addresses of this host.

    Raises:
        RefusedError: a target is production's, or nobody named it on this host.
        ReplayError: the order needs a header, a hooks file or a trust that this host was not given.
    """
    for name in spec.headers:
        if name not in options.headers:
            raise ReplayError(
                f"the run sends the header {name[:60]}, whose value is never sent between hosts. "
                f"Give it to this host too: --header {name[:60]}=env:VARIABLE."
            )
    if (spec.hooks.sha256 if spec.hooks else "") != (options.hooks.sha256 if options.hooks else ""):
        raise ReplayError(
            "the run's hooks file is another than this host's: code is never sent between hosts. "
            "Give this host the same file with --hooks, or none where the run has none."
        )
    if spec.tls.insecure and not options.tls.insecure:
        raise ReplayError("the run accepts any certificate. Give --insecure to this host too, or to none.")
    if spec.auth is not None or spec.identities is not None:
        raise ReplayError("the run logs in (--auth, --identities), which a run over several hosts does not do.")
    origins = [*plan.manifest.origins, *spec.origins]
    here = Interlock(origins, safety.allow, resolve, deny=[*spec.deny, *safety.deny]).completed()
    theirs = Interlock(here.origins, spec.allow, resolve, deny=here.deny)
    consented = {parse_target(text).url for text in options.targets}
    targets = []
    for target in spec.targets:
        url = parse_target(target.url)
        pinned = here.admit(url)
        if url.url not in consented and not here.is_allowed_by_name(url, pinned.address):
            raise RefusedError(
                f"{url.url}: the run's target was not named on this host. Name it with --target, "
                "or in [safety] allow of replay.toml."
            )
        targets.append(Target(target.host, pinned.url, pinned.address))
        theirs.confirm(targets[-1])
    return msgspec.structs.replace(
        spec,
        plan=str(plan.folder.resolve()),
        targets=targets,
        origins=list(here.origins),
        allow=spec.allow if here.allow is None else list(here.allow),
        deny=list(here.deny),
        headers={name: options.headers[name] for name in spec.headers},
        tls=TLSFiles(options.tls.ca, spec.tls.insecure, options.tls.cert, options.tls.key),
        hooks=options.hooks,
        via=[],
        auth=None,
        identities=None,
    )
