"""``replay run``: a plan against a target, samples out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from replay.cli.output import cell, print_json, progress, stdout
from replay.cli.run_options import RunOptions, WorkerOf, takes_run_options
from replay.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, ReplayError

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(context_settings={"allow_extra_args": True})
    @takes_run_options()
    def run(
        context: typer.Context,
        plan: Annotated[str, typer.Argument(help="The plan's folder (made by 'replay plan').")] = "",
        *,
        output: Annotated[str, typer.Option("-o", "--output", help="The run's folder, or a name under runs/.")] = "",
        options: RunOptions,
        worker: WorkerOf = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
        json: Annotated[bool, typer.Option("--json", help="With --dry-run: say it as JSON.")] = False,
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
            from replay.cli.run_consent import worker_options
            from replay.cli.run_worker import serve

            return serve(worker_options(context.params, typed(context)))
        if json and not dry_run:
            raise ReplayError(
                "--json: is for --dry-run. What a run did is in its run.json ('replay inspect RUN --json')."
            )
        if not plan:
            raise ReplayError("no plan. Name its folder, as 'replay run shop.plan --target URL'.")
        from replay.cli.run_order import prepare
        from replay.cli.run_result import perform

        order = prepare(replace(options, plan=plan, output=output, locust=context.args))
        if dry_run:
            from replay.cli.run_dry import dry_run_of, show_dry_run

            found = dry_run_of(order)
            if json:
                print_json(found)
            else:
                show_dry_run(found)
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
