"""``python -m replay.capture.before_target``: the proxy of a capture in front of a rehearsal's target, for its times.

Started by ``replay run --via-proxy`` with its settings in the first line of standard input. The first line that it
prints says that the port is open; it ends in order when standard input ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from replay.capture import stopwatch
from replay.capture.launch import Launch, Worker
from replay.capture.proxy import ProxySettings
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, ReplayError


class Settings(msgspec.Struct, frozen=True):
    """What ``replay run`` asks for."""

    upstream: str
    """Origin of the target."""
    address: str
    """Where it is pinned to."""
    port: int
    """Of loopback, to listen on."""
    run_id: str
    output: str
    ca: str = ""
    insecure: bool = False


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run the proxy to its end and return the exit code."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    proxy = ProxySettings(
        settings.upstream,
        "127.0.0.1",
        settings.port,
        upstream_ca=Path(settings.ca) if settings.ca else None,
        run_id=settings.run_id,
        pin=settings.address,
        insecure=settings.insecure,
    )
    watch = stopwatch.Settings(settings.output, settings.run_id)
    threading.Thread(target=_end_with_input, daemon=True).start()

    def tell(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    try:
        ending = Launch(proxy, Worker("replay.capture.stopwatch", watch, "stopwatch", "timing"), tell).run(None)
    except ReplayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return EXIT_INCOMPLETE if ending.worker_died or ending.proxy_died else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
