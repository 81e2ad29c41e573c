"""Runs a hooks file's functions on requests and answers, and checks what they made of a request.

They are somebody's code, so any exception of theirs is caught here and counted by its place in the file; its text is
shown nowhere, for it may hold a token. What ``before`` changed passes the same check as a planned request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtests.engine.answers import kept_answer
from loadtests.engine.calls import Call
from loadtests.engine.hooks_file import HooksFunctions, place
from loadtests.engine.requests import Stamp
from loadtests.hooks import Request, Response
from replay.exchange import MARK_HEADER
from replay.plan.wire import BODY_EXPECTED
from replay.safety import SAFE_METHODS

_OURS = frozenset({"host", "content-length", MARK_HEADER.lower()})
_MOST_PLACES = 50


@dataclass(slots=True)
class Hooked:
    """The functions of one hooks file, at work in one engine."""

    functions: HooksFunctions
    stamps: Sequence[Stamp]
    """By number of the target."""
    methods: Sequence[str]
    routes: Sequence[str]
    failures: dict[str, int] = field(default_factory=dict)
    """How often a function failed, by place: ``sign.py:12 KeyError``."""

    def outgoing(self, call: Call) -> str:
        """Let ``before`` change the bytes of ``call``; the error of its sample where it must not be sent, else ''."""
        request = self._request(call)
        if self.functions.after is not None:
            call.request, call.kept = request, bytearray()
        if self.functions.before is None:
            return ""
        path = request.target.partition("?")[0]
        try:
            self.functions.before(request)
            planned = planned_bytes(request)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's code
            self._failed(error)
            return "hook"
        method = self.methods[call.row.method]
        if method not in SAFE_METHODS and request.target.partition("?")[0] != path:
            return "refused"
        call.wire = self.stamps[call.row.target].sealed(planned, method, call.trace)
        return "" if call.wire else "refused"

    def answered(self, call: Call) -> None:
        """Show ``after`` the answer that came to ``call``, from what was kept of it."""
        if self.functions.after is None or call.request is None:
            return
        answer = kept_answer(bytes(call.kept or b""))
        if answer is None:
            return
        try:
            response = Response(answer.status, answer.headers, answer.body, answer.is_whole)
            self.functions.after(call.request, response)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's code
            self._failed(error)

    def _request(self, call: Call) -> Request:
        head, _, body = call.wire.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return Request(
            self.methods[call.row.method],
            first.split(" ", 2)[1],
            [pair for pair in pairs if pair[0].lower() not in _OURS],
            body,
            host=self.stamps[call.row.target].authority,
            route=self.routes[call.row.route],
            session=call.row.session,
            clone=call.lane.clone,
        )

    def _failed(self, error: BaseException) -> None:
        where = f"{place(error, self.functions.path)} {type(error).__name__}"
        if where in self.failures or len(self.failures) < _MOST_PLACES:
            self.failures[where] = self.failures.get(where, 0) + 1


def planned_bytes(request: Request) -> bytes:
    """``request`` as a plan would hold it: without Host and mark, with the length of its body.

    Raises:
        ValueError: a header or the target has characters beyond latin-1.
    """
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers if name.lower() not in _OURS]
    if request.body or request.method in BODY_EXPECTED:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body
