"""Locust's processes as children of ``replay run``: a master, workers, or both, on loopback; none stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replay.errors import ReplayError
from replay.private_files import create_private

_LOCUSTFILE = Path(__file__).resolve().parents[2] / "loadtests" / "locustfile.py"
_LOOPBACK = "127.0.0.1"
_PROGRAM = (sys.executable, "-m", "loadtests", "--loglevel", "INFO")
_POLITE_S = 4.0
_PROXIES = frozenset(f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "ws", "wss", "socks", "all", "no"))
"""Variables, in either case, that clients of HTTP read of themselves."""
_OF_LOCUST = "LOCUST_"
"""Variables that Locust takes for options, or that change what it is."""
_OURS = (
    *("-f", "--locustfile", "-H", "--host", "-u", "--users", "-r", "--spawn-rate", "--headless", "--autostart"),
    *("--master", "--worker", "--processes", "--master-host", "--master-port", "--master-bind-host"),
    *("--master-bind-port", "--expect-workers", "--web-host", "-P", "--web-port", "-t", "--run-time", "--config"),
)


@dataclass(slots=True)
class Child:
    """One of Locust's processes, leader of a session of its own; its engine is in the same group."""

    name: str
    process: subprocess.Popen[bytes]


@dataclass(slots=True)
class Locust:
    """A master, workers, or both."""

    children: list[Child] = field(default_factory=list)
    web_url: str = ""
    port: int = 0
    """Of loopback, where the master listens."""

    @property
    def problem(self) -> str:
        """Why processes on other hosts were lost; '' where there are none."""
        return ""

    def ended(self) -> list[Child]:
        """The children that have ended."""
        return [child for child in self.children if child.process.poll() is not None]

    def begin(self) -> None:
        """Have them read their orders, which are written by now, and begin."""
        for child in self.children:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and whoever watches it will say so
                child.process.stdin.write(b"\n")  # type: ignore[union-attr]
                child.process.stdin.flush()  # type: ignore[union-attr]

    def wait(self, seconds: float) -> bool:
        """Wait until all have ended, with their engines; False where some have not in time."""
        deadline = time.monotonic() + seconds
        while any(child.process.poll() is None or _group_lives(child) for child in self.children):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def end(self) -> None:
        """End all of them, politely first: a worker has its engine record what is open, and write its samples."""
        for child in self.children:
            if child.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.send_signal(signal.SIGTERM)
        self.wait(_POLITE_S)
        for child in self.children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            if child.process.stdin is not None:
                child.process.stdin.close()


def check_extra(arguments: Sequence[str]) -> None:
    """Check the options that a person has for Locust's master.

    Raises:
        ReplayError: one is ours to set, or may be taken for one.
    """
    if arguments and not arguments[0].startswith("-"):
        raise ReplayError(f"'{arguments[0][:60]}': one plan at a time. Options for Locust stand behind '--'.")
    for argument in arguments:
        if _is_ours(argument):
            raise ReplayError(f"{argument[:40]}: is set by 'replay run' itself. Leave it out behind '--'.")
        if argument[:1] == "-" and argument[:2] != "--" and len(argument) > 2:
            raise ReplayError(f"{argument[:40]}: write one-letter options of Locust apart, as '-L DEBUG'.")


def _is_ours(argument: str) -> bool:
    """Whether Locust may take ``argument`` for an option of ours: it completes abbreviations, joins short ones."""
    name = argument.partition("=")[0]
    if name.startswith("--"):
        return any(ours.startswith(name) for ours in _OURS)
    return argument[:2] in _OURS


def start_locust(
    users: int, workers: int, host: str, ui: bool, extra: Sequence[str], environment: Mapping[str, str], logs: Path
) -> Locust:
    """Start a master and ``workers`` workers for ``users`` users; ``logs`` takes what they say.

    They load, which takes seconds, and wait for ``begin`` before they look at their orders.
    """
    found = start_master(users, workers, host, ui, extra, environment, logs)
    try:
        found.children += start_workers(workers, found.port, environment, logs).children
    except BaseException:
        found.end()
        raise
    return found


def start_master(
    users: int, workers: int, host: str, ui: bool, extra: Sequence[str], environment: Mapping[str, str], logs: Path
) -> Locust:
    """As ``start_locust``, without the workers: they are elsewhere."""
    port, web_port = free_port(), free_port() if ui else 0
    command = [
        *_PROGRAM,
        *extra,  # first: of two of a kind Locust takes the last, and ours are to win
        *("-f", str(_LOCUSTFILE)),
        *("--master", "--master-bind-host", _LOOPBACK, "--master-bind-port", str(port)),
        *("--expect-workers", str(workers), "--host", host, "-u", str(users), "-r", str(max(users, 1))),
        *("--exit-code-on-error", "0", "--only-summary"),
        *(("--web-host", _LOOPBACK, "--web-port", str(web_port), "--autostart") if ui else ("--headless",)),
    ]
    master = _start("master", command, environment, logs)
    return Locust([master], f"http://{_LOOPBACK}:{web_port}" if ui else "", port)


def start_workers(workers: int, port: int, environment: Mapping[str, str], logs: Path) -> Locust:
    """As ``start_locust``, without the master, which is reached at ``port`` of loopback."""
    address = ("--master-host", _LOOPBACK, "--master-port", str(port))
    found = Locust(port=port)
    try:
        for number in range(workers):
            command = [*_PROGRAM, "-f", str(_LOCUSTFILE), "--worker", *address]
            found.children.append(_start(f"worker-{number}", command, environment, logs))
    except BaseException:
        found.end()
        raise
    return found


def _start(name: str, command: list[str], environment: Mapping[str, str], logs: Path) -> Child:
    log = create_private(logs / f"{name}.log")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # a line lets the child begin; its end tells the child that we are gone
            stdout=log,
            stderr=log,
            env={name: value for name, value in direct(environment).items() if not name.startswith(_OF_LOCUST)},
            start_new_session=True,
        )
    finally:
        os.close(log)
    return Child(name, process)


def direct(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for processes that send: no library in them finds a proxy in it that nobody has checked."""
    kept = {name: value for name, value in environment.items() if name.lower() not in _PROXIES}
    return kept | {"no_proxy": "*", "NO_PROXY": "*"}


def import_path() -> str:
    """``PYTHONPATH`` for Locust's processes, which import our packages from where this program did."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH", "")])]) if here in sys.path else here


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _group_lives(child: Child) -> bool:
    try:
        os.killpg(child.process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return True
