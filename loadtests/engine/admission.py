"""What every engine checks for itself before it begins, whatever was checked before it was started."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loadtests.engine.auth_token import Token, fetched
from loadtests.engine.hooks_file import Fetcher, HooksFunctions, begun
from replay.errors import RefusedError, ReplayError
from replay.identities import Account, Accounts, assigned, file_state, known_columns, read_accounts
from replay.plan.store import Plan, open_plan, state_of
from replay.runspec import LOGIN_PASSWORD_VARIABLE, RunSpec
from replay.safety import Interlock, TargetURL
from replay.tls import tls_context


@dataclass(frozen=True, slots=True)
class Way:
    """Where the connections of a target lead: to its pinned address, or to a proxy of ours in front of it."""

    address: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A run that an engine may play."""

    spec: RunSpec
    plan: Plan
    targets: list[TargetURL]
    """As ``spec.targets``, whose addresses are pinned."""
    hooks: HooksFunctions | None
    interlock: Interlock
    columns: frozenset[str]
    """What the accounts say of what the plan's logins take."""
    account: Account = field(repr=False)
    fetch_token: Callable[[], Token] | None = field(repr=False)
    """Fetches the token of ``--auth``; None where the run has none."""
    token: Token | None
    """The first of them."""

    def ways(self) -> list[Way]:
        """By number of the target, where its connections lead."""
        if self.spec.via:
            return [Way("127.0.0.1", port, None) for port in self.spec.via]
        return [
            Way(pinned.address, url.port, tls_context(self.spec.tls) if url.scheme == "https" else None)
            for url, pinned in zip(self.targets, self.spec.targets, strict=True)
        ]


def admitted(spec: RunSpec, worker: int, environment: Mapping[str, str]) -> Admitted:
    """What ``spec`` orders, once the interlock has passed its targets, and its hooks file has begun.

    Raises:
        RefusedError: a target is forbidden, or the run has no such worker.
        ReplayError: the plan or the accounts are not those of the order, the hooks file cannot begin, or there is no
            token.
    """
    if not 0 <= worker < spec.workers:
        raise RefusedError(f"worker {worker} of {spec.workers}: this run has no place for it.")
    plan = open_plan(Path(spec.plan))
    if plan.manifest.hash != spec.plan_hash or state_of(plan) != spec.plan_state:
        raise ReplayError(f"{spec.plan}: is not the plan that the run was started with. Start it again.")
    interlock = Interlock([*plan.manifest.origins, *spec.origins], spec.allow, deny=spec.deny)
    targets = [interlock.confirm(target) for target in spec.targets]
    accounts, password = _accounts(spec), environment.get(LOGIN_PASSWORD_VARIABLE, "")
    logins = plan.manifest.logins
    reuse = spec.identities is not None and spec.identities.reuse
    fetch_token = _token_fetch(spec, interlock, targets, environment)
    return Admitted(
        spec,
        plan,
        targets,
        begun(spec, interlock, targets, worker),
        interlock,
        known_columns(logins.columns, accounts, password),
        assigned(accounts, password, logins.people, reuse=reuse),
        fetch_token,
        fetch_token() if fetch_token is not None else None,
    )


def _token_fetch(
    spec: RunSpec, interlock: Interlock, targets: Sequence[TargetURL], environment: Mapping[str, str]
) -> Callable[[], Token] | None:
    call = spec.auth
    if call is None:
        return None
    if call.target is not None:
        pinned = {"": (interlock.confirm(call.target), call.target.address)}
    else:
        pinned = {url.host: (url, target.address) for url, target in zip(targets, spec.targets, strict=True)}
    fetch = Fetcher(pinned, tls_context(spec.tls), f"{spec.run_id}-token")
    return partial(fetched, call, fetch, environment)


def _accounts(spec: RunSpec) -> Accounts | None:
    ordered = spec.identities
    if ordered is None:
        return None
    if file_state(Path(ordered.path), reuse=ordered.reuse) != ordered:
        raise ReplayError(f"{ordered.path}: was changed since the run was ordered. Start it again.")
    return read_accounts(ordered.path)


def token_header(order: Admitted) -> dict[str, str]:
    """The header that carries the first token; empty where the run has none."""
    call, token = order.spec.auth, order.token
    return {call.header: token.value} if call is not None and token is not None else {}
