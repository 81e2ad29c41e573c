"""The launcher: starts a process that takes what passes (the sanitiser, or the learner), then the proxy; ends both.

The sanitiser is up and has passed its self-test before the port opens. Both run in sessions of their own, so that a
terminal's interrupt reaches the launcher alone, and both end by themselves when it is gone: the addon sees the end of
its control socket, the sanitiser that of its pipe. While the sanitiser is dead the proxy goes on.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from replay.capture.private_folder import private_folder
from replay.capture.proxy import ProxySettings, command, environment
from replay.capture.wire import Counters, Done, Failed, Fault, Opened, Ready, Stopped, Word, words
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, IncompleteError, InputError, RefusedError, ReplayError

START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 20.0
DRAIN_PATIENCE_S = 120.0
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Worker:
    """The process behind the proxy."""

    module: str
    settings: msgspec.Struct
    name: str = "sanitiser"
    doing: str = "capturing"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a capture ended."""

    counters: Counters
    """The addon's last word."""
    worker_died: str
    """'' or the reason."""
    proxy_died: bool
    gate_stopped: bool
    """The write gate withheld too many exchanges, and the rest was not captured."""
    counts: dict[str, int]
    """What the worker said that it made."""


class Launch:
    """One capture under way. Use ``run``."""

    def __init__(
        self, proxy: ProxySettings, worker: Worker, tell: Callable[[str], None], key_fd: int | None = None
    ) -> None:
        self._proxy_settings = proxy
        self._worker = worker
        self._say = tell
        self._key_fd = key_fd
        self._selector = selectors.DefaultSelector()
        self._held = {"control": b"", "worker": b""}
        self._tail = b""
        self._counters = Counters(0, {}, {}, 0)
        self._ready = False
        self._port = 0
        self._failed = ""
        self._gate_stopped = False
        self._counts: dict[str, int] = {}
        self._exit_code = 0
        self._stops = 0

    def run(self, duration_s: float | None) -> Ending:
        """Capture until a signal, the end of ``duration_s`` or the end of the proxy.

        Raises:
            ReplayError: it could not start; with the exit code that fits.
        """
        with ExitStack() as stack:
            stack.enter_context(self._selector)
            stack.enter_context(self._signals())
            confdir = stack.enter_context(private_folder())
            reading, writing = os.pipe()
            try:
                worker = stack.enter_context(self._start_worker(reading, confdir))
                self._await_ready(worker)
                control, proxy = self._start_proxy(confdir, writing)
            finally:
                os.close(reading)
                os.close(writing)
            stack.callback(_end, proxy)
            stack.callback(control.close)
            self._await_opened(proxy)
            self._watch(worker, proxy, time.monotonic() + duration_s if duration_s else None)
            self._stop_proxy(control, proxy)
            self._await_worker(worker)
        return Ending(
            self._counters,
            self._failed,
            proxy_died=not self._counters.final,
            gate_stopped=self._gate_stopped,
            counts=self._counts,
        )

    # -- starting --------------------------------------------------------------------------------------------------

    @contextmanager
    def _start_worker(self, reading: int, confdir: Path) -> Iterator[subprocess.Popen[bytes]]:
        fds = [reading] if self._key_fd is None else [reading, self._key_fd]
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", self._worker.module, str(reading), str(confdir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=fds,
            start_new_session=True,
            env=environment(),
        )
        try:
            if not worker.stdin or not worker.stdout:
                raise AssertionError
            with suppress(BrokenPipeError):
                worker.stdin.write(msgspec.json.encode(self._worker.settings))
                worker.stdin.close()
            self._selector.register(worker.stdout, selectors.EVENT_READ, "worker")
            yield worker
        finally:
            _end(worker)

    def _await_ready(self, worker: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_PATIENCE_S
        while not self._ready:
            self._turn(0.2)
            self._check_stop()
            if self._failed or worker.poll() is not None or time.monotonic() > until:
                self._turn(0)
                raise _error(self._exit_code)(self._failed or f"the {self._worker.name} did not start. Try again.")

    def _start_proxy(self, confdir: Path, writing: int) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        with theirs:
            proxy = subprocess.Popen(
                command(self._proxy_settings, confdir, writing, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[writing, theirs.fileno()],
                start_new_session=True,
                env=environment(),
                cwd=confdir,
            )
        self._selector.register(ours, selectors.EVENT_READ, "control")
        if proxy.stdout:
            self._selector.register(proxy.stdout, selectors.EVENT_READ, "proxy")
        return ours, proxy

    def _await_opened(self, proxy: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_PATIENCE_S
        while not self._port:
            self._turn(0.2)
            self._check_stop()
            if proxy.poll() is not None or time.monotonic() > until:
                self._turn(0.2)
                said = self._tail.decode(errors="replace").strip().splitlines()
                why = said[0].strip().removeprefix("-c: ") if said else "it said nothing"
                raise IncompleteError(
                    f"the proxy did not start ({why[:200]}). Check --listen, --upstream and --tls-cert."
                )
        self._tell(f"{self._worker.doing}: {self._proxy_settings.url(self._port)} → {self._proxy_settings.upstream}")

    def _tell(self, text: str) -> None:
        with suppress(OSError):  # a terminal that went away must not end the capture
            self._say(text)

    def _check_stop(self) -> None:
        if self._stops:
            raise KeyboardInterrupt

    # -- watching --------------------------------------------------------------------------------------------------

    def _watch(self, worker: subprocess.Popen[bytes], proxy: subprocess.Popen[bytes], until: float | None) -> None:
        warned = False
        while not self._stops and proxy.poll() is None:
            left = until - time.monotonic() if until else 1.0
            if left <= 0:
                return
            self._turn(min(left, 1.0))
            if not warned and self._has_died(worker):
                warned = True
                self._tell(f"the {self._worker.name} died ({self._failed}): traffic goes on, nothing more is taken.")

    def _stop_proxy(self, control: socket.socket, proxy: subprocess.Popen[bytes]) -> None:
        """Hang up, which ends the addon in order; insist where it does not, or where it is asked for again."""
        with suppress(OSError):
            control.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        while proxy.poll() is None:
            self._turn(0.1)
            waited_s = time.monotonic() - began
            if waited_s > STOP_PATIENCE_S + DRAIN_PATIENCE_S or self._stops > 2:
                proxy.kill()
            elif waited_s > STOP_PATIENCE_S or self._stops > 1:
                proxy.terminate()
        self._turn(0)

    def _await_worker(self, worker: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + DRAIN_PATIENCE_S
        while worker.poll() is None:
            self._turn(0.1)
            if time.monotonic() > until:
                self._failed = f"did not finish within {DRAIN_PATIENCE_S:.0f} s"
                return
        self._turn(0)
        self._has_died(worker)

    def _has_died(self, worker: subprocess.Popen[bytes]) -> bool:
        """Whether the sanitiser is gone for another reason than the end of its pipe."""
        if worker.poll() not in {None, EXIT_OK, EXIT_INCOMPLETE}:
            self._failed = self._failed or f"ended by {worker.returncode}"
        return bool(self._failed)

    def _turn(self, timeout_s: float) -> None:
        """Listen to both children once; what the proxy prints is thrown away as soon as its port is open."""
        for key, _ in self._selector.select(timeout_s):
            source = str(key.data)
            try:
                content = os.read(key.fd, 65536)
            except OSError:
                content = b""
            if not content:
                self._selector.unregister(key.fileobj)
            elif source == "proxy":
                self._tail = b"" if self._port else (self._tail + content)[-_TAIL_BYTES:]
            elif source in self._held:
                whole, _, self._held[source] = (self._held[source] + content).rpartition(b"\n")
                with suppress(msgspec.DecodeError):  # whatever a library of theirs prints must not end the capture
                    for word in words(whole):
                        self._hear(word)

    def _hear(self, word: Word) -> None:
        match word:
            case Ready():
                self._ready = True
            case Opened(port):
                self._port = port
            case Counters():
                self._counters = word
            case Fault(where):
                self._tell(f"a bug in the addon was caught and counted ({where}); traffic goes on.")
            case Stopped(withheld):
                self._gate_stopped = True
                self._tell(
                    f"the write gate withheld {withheld} exchanges within a minute: traffic goes on, nothing more is "
                    "captured. Look at them with another policy, and report this."
                )
            case Done(counts):
                self._counts = counts
            case Failed(message, exit_code):
                self._failed, self._exit_code = message, exit_code

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the capture in order, and wake the selector up."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, "signal")

        def stop(*_: object) -> None:
            self._stops += 1

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            ours.close()
            theirs.close()


def _error(exit_code: int) -> type[ReplayError]:
    kinds: dict[int, type[ReplayError]] = {kind.exit_code: kind for kind in (ReplayError, InputError, RefusedError)}
    return kinds.get(exit_code, IncompleteError)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that a child of ours is gone."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
