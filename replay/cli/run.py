"""``replay run``: a plan against a target, samples out."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.cli.output import cell, progress, stdout
from replay.cli.run_options import (
    Auth,
    BreakerOption,
    Certificate,
    Certificates,
    Connections,
    ConnectTimeout,
    Duration,
    FirstByteTimeout,
    Headers,
    Hooks,
    Hosts,
    Identities,
    Insecure,
    Key,
    LoginPassword,
    Loops,
    MasterAddress,
    MaxInFlight,
    Mode,
    Preflight,
    Processes,
    ReuseIdentities,
    Scale,
    Secret,
    Speed,
    Targets,
    Timeout,
    Traceparent,
    ViaProxy,
    Warmup,
    WorkerOf,
    Writes,
)
from replay.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, ReplayError

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(context_settings={"allow_extra_args": True})
    def run(
        context: typer.Context,
        plan: Annotated[str, typer.Argument(help="The plan's folder (made by 'replay plan').")] = "",
        target: Targets = [],  # noqa: B006
        output: Annotated[str, typer.Option("-o", "--output", help="The run's folder, or a name under runs/.")] = "",
        scale: Scale = 1.0,
        speed: Speed = 1.0,
        mode: Mode = "causal",
        profile: Annotated[str, typer.Option(help="Scale over time: '1x for 2m, ramp to 3x over 5m, hold 5m'.")] = "",
        duration: Duration = "",
        loops: Loops = 0,
        warmup: Warmup = "",
        processes: Processes = 0,
        ui: Annotated[bool, typer.Option("--ui", help="Serve Locust's web page on loopback while it runs.")] = False,
        baseline: Annotated[
            str, typer.Option(help="With --ui: show this baseline's latencies beside each route's.")
        ] = "",
        writes: Writes = [],  # noqa: B006
        list_created: Annotated[
            bool,
            typer.Option(
                "--list-created", help="List where what the writes created stands, in the run's created-*.jsonl."
            ),
        ] = False,
        header: Headers = [],  # noqa: B006
        auth: Auth = "",
        identities: Identities = "",
        reuse_identities: ReuseIdentities = False,
        login_password: LoginPassword = "",
        traceparent: Traceparent = False,
        timeout: Timeout = "30s",
        connect_timeout: ConnectTimeout = "10s",
        first_byte_timeout: FirstByteTimeout = "",
        max_in_flight: MaxInFlight = 10_000,
        connections: Connections = "pool",
        breaker: BreakerOption = "50%/10s",
        ca: Certificates = "",
        insecure: Insecure = False,
        cert: Certificate = "",
        key: Key = "",
        hooks: Hooks = "",
        via_proxy: ViaProxy = False,
        preflight: Preflight = True,
        master: MasterAddress = "",
        hosts: Hosts = 0,
        worker: WorkerOf = "",
        secret: Secret = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    ) -> int:
        """Replay a plan against staging with Locust, at its recorded timing, and keep a sample of every request.

        Only what --target names is contacted, only GET, HEAD and OPTIONS are sent unless --writes names the route,
        and production (the capture's origins) is refused. Anything after '--' goes to Locust's master.

        [bold]Examples[/bold]

            replay run shop.plan --target http://127.0.0.1:9000 -o today

            replay run shop.plan --target https://staging.example --scale 2.5 --header Authorization=env:TOKEN -o x2

            replay run shop.plan --target shop.example=http://10.0.0.7 --writes 'POST /cart' --dry-run

            replay run shop.plan --target https://staging.example --master 10.0.0.5:7077 --hosts 2 -o x10

            replay run --worker 10.0.0.5:7077 --target https://staging.example
        """
        if worker:
            from replay.cli.run_worker import serve, worker_options

            return serve(worker_options(context.params, typed(context)))
        if not plan:
            raise ReplayError("no plan. Name its folder, as 'replay run shop.plan --target URL'.")
        from replay.cli.run_identities import login_secret
        from replay.cli.run_order import RunOptions, prepare
        from replay.cli.run_result import perform

        options = RunOptions(
            plan=plan,
            targets=target,
            output=output,
            scale=scale,
            speed=speed,
            mode=mode,
            profile=profile,
            duration=duration,
            loops=loops,
            warmup=warmup,
            processes=processes,
            ui=ui,
            baseline=baseline,
            writes=writes,
            list_created=list_created,
            headers=header,
            auth=auth,
            identities=identities,
            reuse_identities=reuse_identities,
            login_password=login_secret(login_password),
            traceparent=traceparent,
            timeout=timeout,
            connect_timeout=connect_timeout,
            first_byte_timeout=first_byte_timeout,
            max_in_flight=max_in_flight,
            connections=connections,
            breaker=breaker,
            ca=ca,
            insecure=insecure,
            cert=cert,
            key=key,
            hooks=hooks,
            via_proxy=via_proxy,
            preflight=preflight,
            master=master,
            hosts=hosts,
            secret=secret,
            locust=context.args,
        )
        order = prepare(options)
        if dry_run:
            from replay.cli.run_dry import show_dry_run

            show_dry_run(order)
            return EXIT_OK
        done = perform(order)
        stdout.print(
            f"{done.folder}: {done.manifest.requests:,} samples of {done.manifest.planned:,} planned requests, "
            f"{done.manifest.ended}"
        )
        if done.manifest.unseen_at_proxy:
            progress(f"{done.manifest.unseen_at_proxy:,} answers have the client's times: the proxy missed them.")
        if done.manifest.creations:
            most = sorted(done.manifest.creations.items(), key=lambda each: -each[1])
            routes = ", ".join(f"{count:,} by {cell(route)}" for route, count in most[:_SHOWN])
            more = f" and {len(most) - _SHOWN} more routes (run.json)" if len(most) > _SHOWN else ""
            stdout.print(f"Created on the target: {routes}{more}.")
        for place, times in done.manifest.hook_failures.items():
            progress(f"The hooks file failed {times:,} times at {place}.")
        if done.manifest.ended == "complete":
            return EXIT_OK
        progress(f"The run did not complete: {done.manifest.ended_reason or done.manifest.ended}.")
        return EXIT_INTERRUPTED if done.manifest.ended == "interrupted" else EXIT_INCOMPLETE


def typed(context: typer.Context) -> set[str]:
    """The names of the options that a person gave."""
    return {
        name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    } | ({"-- …"} if context.args else set())
