"""``replay metrics``: a capture or a run under way, for Prometheus or by OTLP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from replay.cli.output import progress
from replay.errors import EXIT_OK, IncompleteError, ReplayError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

HELP = """Serve a capture's or a run's metrics for Prometheus while it is under way, or push them by OTLP.

A process of its own that reads what the capture or run writes about itself, so it can slow neither down. It ends when
they do, after --linger, so that the last figures are fetched too.

Examples:

  replay metrics captures/friday

  replay metrics runs/candidate --listen 0.0.0.0:9464

  replay metrics runs/candidate --once

  replay metrics runs/candidate --otlp http://collector:4318
"""
POLL_S = 0.5


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""

    @app.command(help=HELP)
    def metrics(
        path: Annotated[str, typer.Argument(help="A capture, or the -o of a run.")],
        listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to serve /metrics.")] = "127.0.0.1:9464",
        linger: Annotated[str, typer.Option(help="How long to go on when it has ended.")] = "30s",
        otlp: Annotated[
            str,
            typer.Option(metavar="URL", help="Push to this OpenTelemetry endpoint (OTLP/HTTP), and serve nothing."),
        ] = "",
        every: Annotated[str, typer.Option(help="With --otlp: how often.")] = "5s",
        once: Annotated[bool, typer.Option("--once", help="Print the present figures and end.")] = False,
    ) -> int:
        from prometheus_client import CollectorRegistry, generate_latest, start_http_server

        from replay.capture.live import bindable, parse_listen
        from replay.cli.values import duration_s

        source = _source(path)
        registry = CollectorRegistry()
        list(source.ask())  # a name that means nothing is said now, not at the first question
        registry.register(source)
        if otlp:
            _push(source, otlp, path, 0 if once else duration_s(every))
            return EXIT_OK
        if once:
            typer.echo(generate_latest(registry).decode(), nl=False)
            return EXIT_OK
        place, linger_s = bindable(parse_listen(listen)), duration_s(linger)
        try:
            server, thread = start_http_server(place.port, place.host, registry)
        except OSError as error:
            raise IncompleteError(f"--listen {listen}: cannot be listened on ({error.strerror}).") from None
        host = f"[{place.host}]" if ":" in place.host else place.host
        progress(f"metrics: http://{host}:{place.port}/metrics")
        try:
            _wait(source, linger_s)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
        return EXIT_OK


class _Source:
    """What a registry collects; a question that cannot be answered any more is answered with nothing.

    One question at a time: a server asks in a thread for each client, and what was read is counted as it is read.
    """

    def __init__(self, ask: Callable[[], Iterable[Metric]], is_over: Callable[[], bool]) -> None:
        self.ask = ask
        self.is_over = is_over
        self._asking = Lock()

    def collect(self) -> list[Metric]:
        with self._asking:
            try:
                return list(self.ask())
            except ReplayError:
                return []  # it was removed meanwhile


def _source(path: str) -> _Source:
    from replay.artefacts import named
    from replay.capture.manifest import MANIFEST_NAME, read_capture_manifest
    from replay.storage import refuse_address
    from replay.telemetry.capture import capture_metrics
    from replay.telemetry.run import RunFollower

    refuse_address(path, "what is followed is what a capture or a run writes on this host")
    capture = next((each for each in (Path(path), named(path, "captures")) if (each / MANIFEST_NAME).exists()), None)
    if capture:
        return _Source(lambda: capture_metrics(capture), lambda: read_capture_manifest(capture).complete)
    run = RunFollower(named(path, "runs"))
    return _Source(run.metrics, lambda: run.is_over)


def _push(source: _Source, url: str, path: str, every_s: float) -> None:
    """Push until it is over, and once more then; ``every_s`` 0: once."""
    try:
        from replay.telemetry.otlp import OtlpPusher
    except ImportError:
        raise ReplayError("--otlp: needs further packages. Install dress-rehearsal[otel].") from None
    pusher = OtlpPusher(url, Path(path).name)
    try:
        while True:
            is_last = not every_s or _is_over(source)  # asked first, so that the last figures are those of the end
            is_taken = pusher.push(source.collect(), time.time_ns())
            if is_last:
                break
            time.sleep(every_s)
    finally:
        pusher.close()
    if not is_taken:
        raise IncompleteError(f"--otlp {url}: did not take the last figures. Check the endpoint.")


def _wait(source: _Source, linger_s: float) -> None:
    """Until it is over, and ``linger_s`` more."""
    end_s: float | None = None
    while end_s is None or time.monotonic() < end_s:
        time.sleep(POLL_S)
        if end_s is None and _is_over(source):
            end_s = time.monotonic() + linger_s


def _is_over(source: _Source) -> bool:
    try:
        return source.is_over()
    except ReplayError:
        return True  # it was removed meanwhile
