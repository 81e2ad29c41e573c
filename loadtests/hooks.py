"""What a hooks file (``replay run --hooks FILE``) is given: requests before they are sent, and their answers.

A hooks file is Python and defines one or more of the functions of ``Hooks``. It is loaded once in every engine and
runs in its event loop, so what it takes is the generator's lag: some microseconds a request are fine, waiting for
something is not. ``docs/hooks.md`` has examples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from replay.sanitize.codings import decoded

type Pairs = tuple[tuple[str, str], ...]


class Request:
    """A request of the plan that is about to be sent.

    ``target`` (path and query), ``body`` and the headers may be changed. Where it goes may not: Host and the mark are
    ours, Content-Length follows from the body, and what is no longer one plain request of its method is not sent. A
    request of another method than GET, HEAD and OPTIONS keeps its path, since writes are allowed by route.
    """

    __slots__ = ("_clone", "_headers", "_host", "_method", "_route", "_session", "body", "target")

    def __init__(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        host: str = "",
        route: str = "",
        session: int = 0,
        clone: int = 0,
    ) -> None:
        self._method = method
        self.target = target
        self._headers = list(headers)
        self.body = body
        self._host = host
        self._route = route
        self._session = session
        self._clone = clone

    @property
    def method(self) -> str:
        """The method."""
        return self._method

    @property
    def host(self) -> str:
        """The Host header that goes out: name and port of the target."""
        return self._host

    @property
    def route(self) -> str:
        """The route of the plan, as ``GET /items/{int}``."""
        return self._route

    @property
    def session(self) -> int:
        """Number of the plan's session; its clones have the same."""
        return self._session

    @property
    def clone(self) -> int:
        """0 for the session itself, 1 and more for its clones; session and clone together are one visitor."""
        return self._clone

    @property
    def headers(self) -> Pairs:
        """Names and values in order, without Host, Content-Length and the mark."""
        return tuple(self._headers)

    def header(self, name: str) -> str | None:
        """The first value of header ``name``, in any case; None where there is none."""
        return _first(self._headers, name)

    def set_header(self, name: str, value: str) -> None:
        """Replace header ``name``, or add it.

        Raises:
            ValueError: the value holds what no header may.
        """
        if not value.isprintable():
            raise ValueError("the value has characters that no header may hold")
        self.remove_header(name)
        self._headers.append((name, value))

    def remove_header(self, name: str) -> None:
        """Leave header ``name`` out."""
        lower = name.lower()
        self._headers = [pair for pair in self._headers if pair[0].lower() != lower]


@dataclass(slots=True)
class Response:
    """An answer, whatever its status."""

    status: int
    headers: Pairs
    raw: bytes = b""
    """The body as it came."""
    is_whole: bool = True
    """False where the answer was longer than is kept (4 MiB)."""

    def header(self, name: str) -> str | None:
        """The first value of header ``name``, in any case; None where there is none."""
        return _first(self.headers, name)

    @property
    def body(self) -> bytes:
        """The body without its content codings (gzip, deflate, br, zstd).

        Raises:
            ValueError: the coding is unknown or the body is damaged.
        """
        return decoded(self.raw, ", ".join(value for name, value in self.headers if name == "content-encoding"))

    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        return json.loads(self.body)


class Fetch(Protocol):
    """Sends one request to a target of the run and waits for its answer."""

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
        """``host`` is the host of the plan whose target is meant; '' for the only one. Redirects are not followed.

        Raises:
            OSError: there was no answer.
        """


@dataclass(frozen=True, slots=True)
class Run:
    """The run that is about to begin."""

    id: str
    targets: Mapping[str, str]
    """Host of the plan → URL that stands for it."""
    worker: int
    workers: int
    fetch: Fetch = field(repr=False)
    """Blocks: for ``start``, and for threads that it starts."""


class Hooks(Protocol):
    """The functions of a hooks file. Each may be missing; one at least must be there.

    A ``start`` that raises ends the run before its first request (exit 2). A request whose ``before`` raises is not
    sent, and its sample has the error ``hook``. An ``after`` that raises is counted in ``run.json``.
    """

    start: Callable[[Run], None]
    """Called once in every engine, and in the preflight, before the first request."""
    before: Callable[[Request], None]
    """Called for every request when its time has come, a second attempt excepted."""
    after: Callable[[Request, Response], None]
    """Called for every answer with the request that was sent, before any request that waited for it goes out."""


def _first(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    lower = name.lower()
    return next((value for key, value in headers if key.lower() == lower), None)
