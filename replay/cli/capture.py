"""``replay capture``: live traffic → a sanitised capture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command()
    def capture(
        name: Annotated[str, typer.Argument(help="Name under captures/, or a path.")],
        upstream: Annotated[str, typer.Option(help="The service: an origin, as https://shop.internal:8443.")],
        listen: Annotated[str, typer.Option(help="HOST:PORT to take its traffic on.")] = "127.0.0.1:8080",
        policy: Annotated[str, typer.Option(help="Policy file, or builtin:NAME.")] = "builtin:strict",
        key_file: Annotated[
            str, typer.Option(help="File of mode 0600 with the key. Default: a key that is gone at the end.")
        ] = "",
        key_fd: Annotated[int, typer.Option(help="Open file descriptor to read the key from.")] = -1,
        key_command: Annotated[str, typer.Option(help="Command that prints the key.")] = "",
        session_by: Annotated[
            str, typer.Option(help="What makes a session: auto, cookie:NAME, authorization or connection.")
        ] = "auto",
        sample: Annotated[str, typer.Option(help="Share of the sessions to keep, whole ones.")] = "100%",
        duration: Annotated[str, typer.Option(help="Stop after this time, as 10m. Default: until Ctrl-C.")] = "",
        tls_cert: Annotated[Path | None, typer.Option(help="PEM with key and certificate shown to clients.")] = None,
        upstream_ca: Annotated[
            Path | None, typer.Option(help="PEM to verify the service's certificate against.")
        ] = None,
        recipient: Annotated[
            str, typer.Option(help="age recipient (age1…) to encrypt for; who captures cannot read it then.")
        ] = "",
        retain: Annotated[
            str, typer.Option(help="How long it may be kept, as 30d or 2w; 'replay purge' removes it then.")
        ] = "30d",
    ) -> None:
        """Take live traffic through a proxy, pseudonymise it in memory, write captures/NAME.

        Everything is pseudonymised unless the policy keeps it. Ctrl-C or SIGTERM end the capture in order. The
        traffic never waits for it: what does not fit is dropped and counted in the manifest.

        [bold]Examples[/bold]

          replay capture friday --upstream http://127.0.0.1:8000 --listen 127.0.0.1:8080 --duration 10m

          replay capture friday --upstream https://shop.internal --listen 0.0.0.0:443 --tls-cert shop.pem
            --policy shop.toml --session-by cookie:sid --sample 10%
        """
        from replay.artefacts import named
        from replay.capture.live import Order
        from replay.capture.live import capture as run
        from replay.cli.keys import key_source
        from replay.cli.output import progress, stdout
        from replay.cli.values import days, duration_s, share
        from replay.storage import refuse_address

        refuse_address(name, "a live capture is written on this host; copy it when it has ended, its manifest last")
        order = Order(
            folder=named(name, "captures"),
            upstream=upstream.rstrip("/"),
            listen=listen,
            policy=policy,
            key=key_source(key_file, key_fd, key_command),
            session_by=session_by,
            share=share(sample),
            duration_s=duration_s(duration) if duration else None,
            tls_cert=tls_cert,
            upstream_ca=upstream_ca,
            retention_days=days(retain),
            recipient=recipient,
        )
        manifest = run(order, progress)
        lost = sum(number for reason, number in manifest.dropped.items() if reason != "sampled-out")
        stdout.print(f"{order.folder}: {manifest.written:,} exchanges in {manifest.duration_ns / 1e9:,.1f} s.")
        if manifest.dropped:
            reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(manifest.dropped.items()))
            stdout.print(f"Not in it: {reasons}; lost {lost / max(1, manifest.seen):.2%} of {manifest.seen:,}.")
