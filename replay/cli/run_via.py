"""The proxies in front of the targets, and the samples moved to where they saw them (``--via-proxy``)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from replay.capture.before_target import Settings
from replay.cli.run_processes import free_port
from replay.errors import EXIT_OK, IncompleteError
from replay.runspec import RunSpec

if TYPE_CHECKING:
    from replay.proxied import ProxyTimes

_END_S = 180.0


@dataclass(slots=True)
class Via:
    """The proxies of one run; none where it goes to its targets directly."""

    ports: list[int] = field(default_factory=list)
    """Of loopback, by number of the target."""
    files: list[Path] = field(default_factory=list)
    problem: str = ""
    """Why a proxy was lost; '' where none was. Known when they have ended."""

    def times(self) -> ProxyTimes | None:
        """What they saw; their files are gone afterwards. None where there were none."""
        from replay.proxied import ProxyTimes

        if not self.files:
            return None
        found = ProxyTimes(self.files)
        for file in self.files:
            file.unlink()
        return found


@contextmanager
def proxies(spec: RunSpec, wanted: bool, folder: Path) -> Iterator[Via]:
    """A proxy in front of every target of ``spec``, if wanted; they have ended when the block has.

    Raises:
        IncompleteError: one did not start.
    """
    via = Via()
    with ExitStack() as stack:
        for number, target in enumerate(spec.targets if wanted else ()):
            settings = Settings(
                upstream=target.url,
                address=target.address,
                port=free_port(),
                run_id=spec.run_id,
                output=str((folder / f"proxy-{number}.times").resolve()),
                ca=spec.tls.ca,
                insecure=spec.tls.insecure,
            )
            stack.enter_context(_proxy(settings, via))
            via.ports.append(settings.port)
            via.files.append(Path(settings.output))
        yield via


@contextmanager
def _proxy(settings: Settings, via: Via) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "replay.capture.before_target"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(settings) + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        if not process.stdout.readline():  # type: ignore[union-attr]
            said = process.stderr.read().decode(errors="replace").strip()[-200:]  # type: ignore[union-attr]
            raise IncompleteError(f"--via-proxy: the proxy did not start ({said}).")
        yield
    finally:
        try:
            process.communicate(timeout=_END_S)  # closes its input, which ends it
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        if process.returncode != EXIT_OK:
            via.problem = via.problem or "the proxy in front of the target died"
