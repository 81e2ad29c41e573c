"""A hooks file: loaded once in every engine, kept away from production, and begun before the first request."""

from __future__ import annotations

import http.client
import ssl
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from loadtests.hooks import Request, Response, Run
from replay.errors import RefusedError, ReplayError
from replay.exchange import MARK_HEADER
from replay.places import literal
from replay.runs import Target
from replay.runspec import HooksFile, RunSpec
from replay.safety import Interlock, TargetURL
from replay.tls import tls_context

_FUNCTIONS = ("start", "before", "after")
_OURS = frozenset({"host", MARK_HEADER.lower()})


@dataclass(frozen=True, slots=True)
class HooksFunctions:
    """The functions that a hooks file defines; None where it does not."""

    path: Path
    start: Callable[[Run], None] | None = None
    before: Callable[[Request], None] | None = None
    after: Callable[[Request, Response], None] | None = None

    def begin(self, run: Run) -> None:
        """Call ``start``; raises ReplayError where it fails."""
        if self.start is not None:
            _tried(partial(self.start, run), self.path, "start() failed")


def load(file: HooksFile) -> HooksFunctions:
    """The functions in ``file``.

    Raises:
        ReplayError: it cannot be read, is not the file that the run was started with, raises, or defines nothing.
    """
    path = Path(file.path)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ReplayError(f"--hooks {path}: cannot be read ({error.strerror}).") from None
    if sha256(source).hexdigest() != file.sha256:
        raise ReplayError(f"--hooks {path}: was changed since the run was started. Start it again.")
    module = types.ModuleType("dress_rehearsal_hooks")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.append(str(path.parent))  # behind everything else: a neighbour must not stand in for a library
    _tried(lambda: exec(compile(source, str(path), "exec"), module.__dict__), path, "cannot be loaded")  # noqa: S102
    found = {name: getattr(module, name) for name in _FUNCTIONS if callable(getattr(module, name, None))}
    if not found:
        raise ReplayError(f"--hooks {path}: defines none of {', '.join(_FUNCTIONS)}. See docs/hooks.md.")
    return HooksFunctions(path, **found)


def begun(spec: RunSpec, interlock: Interlock, targets: Sequence[TargetURL], worker: int) -> HooksFunctions | None:
    """The functions of the run's hooks file, after its ``start``; None where the run has none.

    From here on Python's sockets lead only where the interlock lets targets be.
    """
    if spec.hooks is None:
        return None
    sys.addaudithook(Guard(interlock))
    functions = load(spec.hooks)
    pinned = {url.host: (url, target.address) for url, target in zip(targets, spec.targets, strict=True)}
    fetcher = Fetcher(pinned, tls_context(spec.tls), f"{spec.run_id}-hook")
    urls = {url.host: url.url for url in targets}
    functions.begin(Run(spec.run_id, urls, worker, spec.workers, fetcher))
    return functions


def place(error: BaseException, path: Path) -> str:
    """Where in the hooks file ``error`` was raised: ``sign.py:12``, the innermost of its lines."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path.name}:{line}" if line else path.name


def _tried(action: Callable[[], object], path: Path, what: str) -> None:
    try:
        action()
    except ReplayError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's code
        where = place(error, path)
        raise ReplayError(f"--hooks {path}: {what} at {where} ({type(error).__name__}). Correct it.") from None


@dataclass(frozen=True, slots=True)
class Guard:
    """Python's audit hook that keeps the sockets of a hooks file away from production (PEP 578).

    It sees what goes through Python's own sockets. It is no sandbox: code that means to can get around it.
    """

    interlock: Interlock

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Raise RefusedError where a socket is about to send to a place that no target may be."""
        if event not in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            return
        match arguments[-1]:
            case (str(host), int(port), *_) if port:
                if literal(host) is None:
                    raise RefusedError(
                        "a hooks file connects to addresses; socket.create_connection() looks names up."
                    )
                url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
                self.interlock.confirm(Target("", url, host))
            case (_, 0, *_) | str() | bytes() | None:
                return  # nowhere, a socket in the file system, or one that is connected already
            case _:
                raise RefusedError("a hooks file connects to addresses that are written as a text and a number.")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Sends single requests of a hooks file to the run's pinned targets (``loadtests.hooks.Fetch``)."""

    targets: Mapping[str, tuple[TargetURL, str]]
    """Host of the plan → URL and pinned address."""
    tls: ssl.SSLContext
    mark: str

    def __call__(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        host: str = "",
        timeout_s: float = 10.0,
    ) -> Response:
        """Send, and wait for the answer; raises OSError where there is none."""
        if not target.startswith("/"):
            raise RefusedError("a hooks file may fetch paths of the run's targets only, as '/token'.")
        url, address = self._target(host)
        connection = http.client.HTTPConnection(address, url.port, timeout=timeout_s)
        try:
            connection.connect()
            if url.scheme == "https":
                connection.sock = self.tls.wrap_socket(connection.sock, server_hostname=url.name)
            kept = {name: value for name, value in headers.items() if name.lower() not in _OURS}
            sent = {**kept, "Host": url.authority, MARK_HEADER: self.mark}
            connection.request(method, target, body or None, sent)
            answer = connection.getresponse()
            pairs = tuple((name.lower(), value) for name, value in answer.getheaders())
            return Response(answer.status, pairs, answer.read())
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer ({type(error).__name__})") from None
        finally:
            connection.close()

    def _target(self, host: str) -> tuple[TargetURL, str]:
        if not host and len(self.targets) == 1:
            return next(iter(self.targets.values()))
        if host not in self.targets:
            known = ", ".join(self.targets)
            raise ReplayError(f"a hooks file fetches from '{host[:80]}', which has no target. Targets: {known}.")
        return self.targets[host]
