"""``replay run``: a plan against a target, samples out."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.cli.output import progress, stdout
from replay.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(context_settings={"allow_extra_args": True})
    def run(
        context: typer.Context,
        plan: Annotated[str, typer.Argument(help="The plan's folder (made by 'replay plan').")],
        target: Annotated[
            list[str], typer.Option(help="[HOST=]URL of staging; repeatable, one for each host of the plan.")
        ] = [],  # noqa: B006
        output: Annotated[str, typer.Option("-o", "--output", help="The run's folder, or a name under runs/.")] = "",
        scale: Annotated[float, typer.Option(min=0.001, help="Load as a multiple of production's.")] = 1.0,
        speed: Annotated[
            float, typer.Option(min=0.001, help="Compress time; think times shrink too, server time-outs do not.")
        ] = 1.0,
        mode: Annotated[
            str,
            typer.Option(help="causal: wait for the answers that were waited for; open: due as recorded; closed."),
        ] = "causal",
        profile: Annotated[str, typer.Option(help="Scale over time: '1x for 2m, ramp to 3x over 5m, hold 5m'.")] = "",
        duration: Annotated[str, typer.Option(help="End the schedule after this long, as 10m.")] = "",
        warmup: Annotated[str, typer.Option(help="Leave the first part out of what is judged, as 30s.")] = "",
        processes: Annotated[int, typer.Option(min=0, help="Generator processes; 0: by rate and cores.")] = 0,
        ui: Annotated[bool, typer.Option("--ui", help="Serve Locust's web page on loopback while it runs.")] = False,
        writes: Annotated[
            list[str], typer.Option(help="Send this route although it changes data, as 'POST /cart'; repeatable.")
        ] = [],  # noqa: B006
        header: Annotated[
            list[str], typer.Option(help="NAME=env:VARIABLE, a header whose value the variable holds; repeatable.")
        ] = [],  # noqa: B006
        timeout: Annotated[str, typer.Option(help="Give an answer up after this long.")] = "30s",
        max_in_flight: Annotated[int, typer.Option(min=1, help="Ceiling of open requests, a process.")] = 10_000,
        connections: Annotated[
            int, typer.Option(min=0, help="Ceiling of connections to a target, a process; requests above it wait.")
        ] = 0,
        breaker: Annotated[
            str, typer.Option(help="Stop when more than SHARE of the answers fail for SECONDS on end, or 'off'.")
        ] = "50%/10s",
        ca: Annotated[str, typer.Option(help="Certificates to trust beside none else (PEM file).")] = "",
        insecure: Annotated[bool, typer.Option("--insecure", help="Accept any certificate.")] = False,
        preflight: Annotated[
            bool, typer.Option("--preflight/--no-preflight", help="First try three safe requests a route.")
        ] = True,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    ) -> int:
        """Replay a plan against staging with Locust, at its recorded timing, and keep a sample of every request.

        Only what --target names is contacted, only GET, HEAD and OPTIONS are sent unless --writes names the route,
        and production (the capture's origins) is refused. Anything after '--' goes to Locust's master.

        [bold]Examples[/bold]

            replay run shop.plan --target http://127.0.0.1:9000 -o today

            replay run shop.plan --target https://staging.example --scale 2.5 --header Authorization=env:TOKEN -o x2

            replay run shop.plan --target shop.example=http://10.0.0.7 --writes 'POST /cart' --dry-run
        """
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
            warmup=warmup,
            processes=processes,
            ui=ui,
            writes=writes,
            headers=header,
            timeout=timeout,
            max_in_flight=max_in_flight,
            connections=connections,
            breaker=breaker,
            ca=ca,
            insecure=insecure,
            preflight=preflight,
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
        if done.manifest.ended == "complete":
            return EXIT_OK
        progress(f"The run did not complete: {done.manifest.ended_reason or done.manifest.ended}.")
        return EXIT_INTERRUPTED if done.manifest.ended == "interrupted" else EXIT_INCOMPLETE
