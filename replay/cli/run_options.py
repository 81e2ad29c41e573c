"""The options of a replay: what each means, which are there, and how the verbs that make one take them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Annotated, Any, get_type_hints

import typer

Targets = Annotated[
    list[str], typer.Option("--target", help="[HOST=]URL of staging; repeatable, one for each host of the plan.")
]
Scale = Annotated[float, typer.Option(min=0.001, help="Load as a multiple of production's.")]
Speed = Annotated[
    float, typer.Option(min=0.001, help="Compress time; think times shrink too, server time-outs do not.")
]
Mode = Annotated[
    str, typer.Option(help="causal: wait for the answers that were waited for; open: due as recorded; closed.")
]
Profile = Annotated[str, typer.Option(help="Scale over time: '1x for 2m, ramp to 3x over 5m, hold 5m'.")]
Duration = Annotated[str, typer.Option(help="End the schedule after this long, as 10m.")]
Loops = Annotated[
    int,
    typer.Option(min=0, max=100_000, help="Play the plan so many times; 0: as often as the run is long."),
]
Warmup = Annotated[str, typer.Option(help="Leave the first part out of what is judged, as 30s.")]
Processes = Annotated[int, typer.Option(min=0, help="Generator processes; 0: by rate and cores.")]
Page = Annotated[bool, typer.Option("--ui", help="Serve Locust's web page on loopback while it runs.")]
PageBaseline = Annotated[
    str, typer.Option("--baseline", help="With --ui: show this baseline's latencies beside each route's.")
]
Writes = Annotated[
    list[str], typer.Option(help="Send this route although it changes data, as 'POST /cart'; repeatable.")
]
ListCreated = Annotated[
    bool,
    typer.Option("--list-created", help="List where what the writes created stands, in the run's created-*.jsonl."),
]
Headers = Annotated[
    list[str],
    typer.Option("--header", help="NAME=env:VARIABLE, a header whose value the variable holds; repeatable."),
]
Auth = Annotated[
    str, typer.Option(metavar="FILE", help="How a token for every request is fetched and renewed (docs/sessions.md).")
]
Identities = Annotated[
    str,
    typer.Option(
        metavar="FILE", help="Accounts of staging (CSV or JSON Lines, mode 0600), one for each clone that logs in."
    ),
]
ReuseIdentities = Annotated[
    bool, typer.Option("--reuse-identities", help="Where accounts are too few, have clones share them.")
]
LoginPassword = Annotated[
    str,
    typer.Option(metavar="SOURCE", help="env:VARIABLE or fd:NUMBER, the one password of staging's accounts."),
]
Traceparent = Annotated[
    bool,
    typer.Option("--traceparent", help="Send each request as the child of a trace of its own, which is recorded."),
]
Timeout = Annotated[str, typer.Option(help="Give an answer up after this long.")]
ConnectTimeout = Annotated[str, typer.Option(help="Give the opening of a connection up after this long.")]
FirstByteTimeout = Annotated[
    str, typer.Option(help="Give an answer up whose first byte takes longer; as --timeout unless told.")
]
MaxInFlight = Annotated[int, typer.Option(min=1, help="Ceiling of open requests, a process.")]
MaxRate = Annotated[
    float, typer.Option(min=0, help="Ceiling of requests a second, of all processes together; 0: there is none.")
]
Connections = Annotated[
    str,
    typer.Option(help="pool: shared; session: each session has its own; or how many a pool may have, a process."),
]
BreakerOption = Annotated[
    str,
    typer.Option("--breaker", help="Stop when more than SHARE of the answers fail for SECONDS on end, or 'off'."),
]
Certificates = Annotated[str, typer.Option("--ca", help="Certificates to trust beside none else (PEM file).")]
Hooks = Annotated[
    str, typer.Option(help="Python file that may change requests and see their answers (docs/hooks.md).")
]
Certificate = Annotated[str, typer.Option("--cert", help="Certificate of this client, with its chain (PEM file).")]
Key = Annotated[
    str, typer.Option("--key", help="Its key, without a passphrase (PEM file), where --cert does not hold it.")
]
ViaProxy = Annotated[
    bool, typer.Option("--via-proxy", help="Measure at a proxy in front of the target, as production was measured.")
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Accept any certificate.")]
Preflight = Annotated[bool, typer.Option("--preflight/--no-preflight", help="First try three safe requests a route.")]
MasterAddress = Annotated[
    str,
    typer.Option(
        "--master", help="Listen at this HOST:PORT for other hosts, and have them generate the load (docs/hosts.md)."
    ),
]
Hosts = Annotated[int, typer.Option("--hosts", min=0, help="With --master: how many hosts generate the load.")]
WorkerOf = Annotated[
    str, typer.Option("--worker", help="Generate a part of the load for the master at this HOST:PORT.")
]
Secret = Annotated[
    str,
    typer.Option(
        "--secret",
        help="env:VARIABLE or fd:NUMBER, the secret of master and workers, if not env:DRESS_REHEARSAL_SECRET.",
    ),
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of one replay as typed. Verbs offer those that have a help text."""

    plan: str = ""
    targets: Targets = field(default_factory=list)
    output: str = ""
    scale: Scale = 1.0
    speed: Speed = 1.0
    mode: Mode = "causal"
    profile: Profile = ""
    duration: Duration = ""
    loops: Loops = 0
    warmup: Warmup = ""
    processes: Processes = 0
    ui: Page = False
    baseline: PageBaseline = ""
    writes: Writes = field(default_factory=list)
    list_created: ListCreated = False
    headers: Headers = field(default_factory=list)
    auth: Auth = ""
    identities: Identities = ""
    reuse_identities: ReuseIdentities = False
    login_password: LoginPassword = field(default="", repr=False)
    """The password itself."""
    traceparent: Traceparent = False
    timeout: Timeout = "30s"
    connect_timeout: ConnectTimeout = "10s"
    first_byte_timeout: FirstByteTimeout = ""
    max_in_flight: MaxInFlight = 10_000
    max_rate: MaxRate = 0.0
    connections: Connections = "pool"
    breaker: BreakerOption = "50%/10s"
    ca: Certificates = ""
    insecure: Insecure = False
    cert: Certificate = ""
    key: Key = ""
    hooks: Hooks = ""
    via_proxy: ViaProxy = False
    preflight: Preflight = True
    master: MasterAddress = ""
    hosts: Hosts = 0
    secret: Secret = ""
    locust: list[str] = field(default_factory=list)


def takes_run_options(*, without: frozenset[str] = frozenset()) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Has typer offer a verb's ``options`` as the options of a replay, but for the fields ``without``.

    The verb takes them as one ``RunOptions``, in which the password stands for its source.
    """

    def offered(verb: Callable[..., int]) -> Callable[..., int]:
        hints = get_type_hints(RunOptions, include_extras=True)
        shown = [each for each in fields(RunOptions) if hasattr(hints[each.name], "__metadata__")]
        names = {each.name for each in shown} - without

        @functools.wraps(verb)
        def command(**given: Any) -> int:
            from replay.cli.run_identities import login_secret

            given["login_password"] = login_secret(given["login_password"])  # once: a descriptor is read but once
            options = RunOptions(**{name: given.pop(name) for name in names})
            return verb(options=options, **given)

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(verb, eval_str=True).parameters.values():
            if own.name == "options":
                parameters += [_parameter(each, hints[each.name]) for each in shown if each.name in names]
            else:
                parameters.append(own.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return command

    return offered


def _parameter(option: Field[Any], annotation: Any) -> inspect.Parameter:
    default = option.default if option.default_factory is MISSING else option.default_factory()
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
