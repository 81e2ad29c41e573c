"""Before the load: is the target there, and does it know the data that the plan asks for?"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.table import Table

from replay.cli.output import cell, stderr
from replay.cli.run_processes import direct
from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.plan.harvest.work import Harvest, Work
from replay.runs import Target
from replay.runspec import Probed, Probes
from replay.safety import parse_target
from replay.statuses import status_class
from replay.tls import TLSFiles, tls_context

ENOUGH = 0.9
_SAYS = "preflight: "
_REFUSALS = {error.exit_code: error for error in (ReplayError, InputError, RefusedError)}
_CONNECT_S = 5.0
_ALERT_S = 0.3


def reach(targets: Iterable[Target], tls: TLSFiles) -> None:
    """Open one connection to every target.

    Raises:
        IncompleteError: a target cannot be reached, or its certificate is not trusted.
    """
    for target in targets:
        url = parse_target(target.url)
        try:
            with socket.create_connection((target.address, url.port), _CONNECT_S) as connection:
                if url.scheme == "https":
                    with tls_context(tls).wrap_socket(connection, server_hostname=url.name) as secured:
                        _await_alert(secured)
        except ssl.SSLCertVerificationError as error:
            raise IncompleteError(
                f"{target.url}: its certificate is not trusted ({error.verify_message}). Name its issuer with --ca."
            ) from None
        except ssl.SSLError as error:
            raise IncompleteError(
                f"{target.url}: TLS failed ({error.reason or 'closed'}). Does it want a client certificate (--cert), "
                "or is it plain http?"
            ) from None
        except OSError as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror
            raise IncompleteError(
                f"{target.url}: cannot be reached at {target.address} ({why}). Is it running?"
            ) from None


def _await_alert(connection: ssl.SSLSocket) -> None:
    # With TLS 1.3 a server refuses a client's certificate, or the lack of one, after the handshake.
    connection.settimeout(_ALERT_S)
    with contextlib.suppress(TimeoutError):
        connection.recv(1)


@dataclass(frozen=True, slots=True)
class RouteCheck:
    """What the preflight saw of one route."""

    route: str
    probes: int
    hits: int
    seen: str
    """What came instead of the recorded status class."""
    cure: str

    @property
    def share(self) -> float:
        """Share of the probes that got the recorded status class."""
        return self.hits / self.probes


def probe(spec_path: Path, requests: list[int], environment: Mapping[str, str]) -> list[Probed]:
    """Send the planned requests slowly, from an engine's process of its own, and return what came back."""
    said = _asked("preflight", spec_path, Probes(requests), environment)
    return [msgspec.json.decode(line, type=Probed) for line in said.splitlines()]


def harvest(spec_path: Path, work: Work, environment: Mapping[str, str]) -> Harvest:
    """Ask for rows slowly, from an engine's process of its own, and return what was shown."""
    return msgspec.json.decode(_asked("harvest", spec_path, work, environment), type=Harvest)


def _asked(module: str, spec_path: Path, question: msgspec.Struct, environment: Mapping[str, str]) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", f"loadtests.engine.{module}", str(spec_path)],
        input=msgspec.json.encode(question),
        env=direct(environment),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        # Nothing else of it is shown: a hooks file prints there too, and the text of a bug may quote an answer.
        _, says, said = done.stderr.decode(errors="replace").rstrip().rpartition(_SAYS)
        if done.returncode in _REFUSALS and says and "\n" not in said:
            raise _REFUSALS[done.returncode](said)
        raise IncompleteError(f"the preflight died (code {done.returncode}). Please report it.")
    return done.stdout


def check(probed: Iterable[Probed]) -> list[RouteCheck]:
    """The probes by route.

    A route some of whose probes fail with 5xx or no answer, and others not, counts as reached: that is how a bad
    build looks, and the run is there to judge it.
    """
    by_route: dict[str, list[Probed]] = {}
    for one in probed:
        by_route.setdefault(one.route, []).append(one)
    return [_check_route(route, found) for route, found in by_route.items()]


def _check_route(route: str, probed: list[Probed]) -> RouteCheck:
    missed = [one for one in probed if status_class(one.status) != status_class(one.expected)]
    broken = [one for one in missed if one.status == 0 or one.status >= 500]
    if len(missed) < len(probed):
        missed = [one for one in missed if one not in broken]
    first = missed[0] if missed else None
    seen = "" if first is None else f"{first.status or first.error} for {first.expected}"
    return RouteCheck(route, len(probed), len(probed) - len(missed), seen, "" if first is None else _cure(first))


def _cure(probed: Probed) -> str:
    if probed.status in {401, 403}:
        return "staging wants credentials: --header Authorization=env:NAME, or leave the route out of the plan"
    if probed.status in {404, 410}:
        return "the data is not in staging: keep its ids in the policy and load them, or leave the route out"
    if probed.status == 0 or probed.status >= 500:
        return "the build fails every probe: see its log; --no-preflight has the run judge it as it is"
    if 300 <= probed.status < 400:
        return "staging redirects: is the host or the scheme another, or is a login missing?"
    return "the answer differs in kind: is it the same service, and the same version of its interface?"


def judge(checks: list[RouteCheck], requests: Mapping[str, int]) -> float:
    """The share of the planned requests whose route answers as recorded, by what the probes say of each route."""
    total = sum(requests.get(one.route, 0) for one in checks)
    return sum(requests.get(one.route, 0) * one.share for one in checks) / total if total else 1.0


def show(checks: list[RouteCheck], requests: Mapping[str, int]) -> None:
    """Print the routes that did not answer as recorded, and the cure for each."""
    table = Table("route", "requests", "probes ok", "seen", "cure", box=None, pad_edge=False)
    for one in sorted(checks, key=lambda one: -requests.get(one.route, 0) * (1 - one.share)):
        if one.hits < one.probes:
            table.add_row(
                cell(one.route),
                f"{requests.get(one.route, 0):,}",
                f"{one.hits}/{one.probes}",
                cell(one.seen),
                one.cure,
            )
    stderr.print(table)
