"""The options of a replay as the verbs that make one declare them, each in one place."""

from __future__ import annotations

from typing import Annotated

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
Duration = Annotated[str, typer.Option(help="End the schedule after this long, as 10m.")]
Loops = Annotated[
    int,
    typer.Option(min=0, max=100_000, help="Play the plan so many times; 0: as often as the run is long."),
]
Warmup = Annotated[str, typer.Option(help="Leave the first part out of what is judged, as 30s.")]
Processes = Annotated[int, typer.Option(min=0, help="Generator processes; 0: by rate and cores.")]
Writes = Annotated[
    list[str], typer.Option(help="Send this route although it changes data, as 'POST /cart'; repeatable.")
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
