"""Live values: what the answers of a session and clone gave is put into its later requests.

A session and clone has a map of its own from the plan's keys to live values, and a jar of cookies; both go when the
last of its living requests is over. Values are data of staging: they are in memory alone, and no error names one.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from loadtests.engine.answers import kept_answer
from loadtests.engine.calls import Call
from loadtests.engine.fresh import made
from loadtests.engine.jar import Jar, Site
from loadtests.engine.requests import Stamp
from replay.identities import Account
from replay.plan.bindings import FRESH, IDENTITY, LINK, POOL, SAME, Bindings, Fill, needed, read_back, written
from replay.plan.links.answered import Answer as Places
from replay.plan.spans import Patch, patched
from replay.sanitize.codings import UndecodableError, decoded, text_of
from replay.statuses import status_class

WAITS = "waits"
"""Not an error: the request waits for an answer that is still to come."""
UNRESOLVED = "unresolved"
LONGEST_VALUE = 1 << 18
_SLACK_NS = 1_000_000_000
_STEPS = frozenset({".", ".."})
_UTF_8 = frozenset({"", "utf-8", "utf8"})


@dataclass(slots=True)
class State:
    """What lives of one session and clone."""

    values: dict[int, str] = field(default_factory=dict)
    fresh: dict[int, str] = field(default_factory=dict)
    """What was made anew, by key."""
    jar: Jar = field(default_factory=Jar)
    open: int = 0
    """Its living requests that are on the agenda or on their way."""


class Living:
    """The states of one engine; nothing here touches a request without bindings.

    Args:
        stamps, sites: by number of the target.
        slack_ns: how much later than planned a clone's request may be put on the agenda.
        account: what a clone of a recorded person says of itself.
        is_closed: sessions follow each other on a lane, at no planned time.
    """

    def __init__(
        self,
        stamps: Sequence[Stamp],
        sites: Sequence[Site],
        methods: Sequence[str],
        slack_ns: int,
        account: Account = lambda _person, _clone, _columns: None,
        *,
        is_closed: bool = False,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._stamps = stamps
        self._sites = sites
        self._methods = methods
        self._slack_ns = slack_ns + _SLACK_NS
        self._account = account
        self._is_closed = is_closed
        self._now_s = now_s
        self._dice = random.Random()  # noqa: S311 - unlike those of other clones and runs, no secrets
        self._states: dict[int, State] = {}
        self._ends: list[tuple[int, int]] = []
        self._on_lane: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._states)

    def begin(self, call: Call) -> None:
        """``call``, which has bindings, is on the agenda."""
        key = call.row.session << 20 | call.lane.clone
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State()
            self._remember_end(key, call)
        state.open += 1
        call.living = state

    def fill(self, call: Call, open_calls: Mapping[int, Call]) -> str:
        """Put live values into ``call``; '' or why it is not sent: ``unresolved``, or ``waits`` for another call."""
        bindings, state = call.row.bindings, call.living
        if bindings is None or state is None:
            return ""
        if bindings.fill or bindings.cookies is not None:
            before = self._awaited(call, bindings, open_calls)
            if before is not None:
                if before.waiters is None:
                    before.waiters = []
                before.waiters.append(call)
                return WAITS
            wire = self._filled(call, bindings, state)
            method = self._methods[call.row.method]
            call.wire = self._stamps[call.row.target].wire(wire, method, call.trace) if wire else b""
            if not call.wire:
                return UNRESOLVED
        if bindings.take or bindings.sets_cookies:
            call.kept = bytearray()
        return ""

    def ended(self, call: Call, *, is_whole: bool) -> dict[int, str] | None:
        """Take what the answer to ``call`` gives, if one came; to be told before those that wait for it are.

        One that is not whole, since it broke off, gives what its head holds. Returns the live values of its session
        and clone.
        """
        state, bindings = call.living, call.row.bindings
        if state is None or bindings is None:
            return None
        call.living = None
        state.open -= 1
        if call.kept:
            self._take(call, bindings, state, is_whole)
        call.kept = None
        return state.values

    def sweep(self, put_until: int) -> None:
        """Forget the states that are over, now that every row up to ``put_until`` was put on the agenda.

        An engine that is behind has not read the last rows of a session when the clock says that they are over.
        """
        while self._ends and self._ends[0][0] <= put_until:
            _, key = heapq.heappop(self._ends)
            state = self._states.get(key)
            if state is not None and state.open:
                heapq.heappush(self._ends, (put_until + _SLACK_NS, key))
            else:
                self._states.pop(key, None)

    def _remember_end(self, key: int, call: Call) -> None:
        if self._is_closed:
            before = self._on_lane.get(call.lane.number)
            if before is not None and before != key:
                self._states.pop(before, None)
            self._on_lane[call.lane.number] = key
            return
        until = call.row.bindings.until if call.row.bindings is not None else 0
        heapq.heappush(self._ends, (until + self._slack_ns, key))

    def _awaited(self, call: Call, bindings: Bindings, open_calls: Mapping[int, Call]) -> Call | None:
        """A call that is still to give a value that ``call`` needs."""
        clone = call.lane.clone
        for request in needed(bindings):
            found = open_calls.get(request << 20 | clone)
            if found is not None and found is not call:
                return found
        return None

    def _filled(self, call: Call, bindings: Bindings, state: State) -> bytes:
        """The planned bytes with live values; b"" where one is missing, or is none that may stand there."""
        patches = []
        for fill in bindings.fill:
            content = self._content(fill, call, state)
            if content is None:
                return b""
            patches.append(Patch(fill.at, fill.size, content))
        cookies = bindings.cookies
        if cookies is not None:
            if not state.jar.seen.issuperset(cookies.names):
                return b""
            text = state.jar.sent(self._sites[call.row.target], _path(call.row.wire), self._now_s())
            if text:
                line = f"Cookie: {text}\r\n" if cookies.is_line else f"; {text}"
                patches.append(Patch(cookies.at, 0, line.encode("latin-1", "replace")))
            patches.sort(key=lambda patch: patch.at)
        return patched(call.row.wire, patches)

    def _content(self, fill: Fill, call: Call, state: State) -> bytes | None:
        if fill.source == POOL:
            clone = call.lane.clone
            if clone == 0:
                return call.row.wire[fill.at : fill.at + fill.size]
            return fill.values[clone - 1].encode("utf-8", "surrogateescape") if clone <= len(fill.values) else None
        if fill.source == FRESH:
            return self._made(fill, call.row.wire[fill.at : fill.at + fill.size], state)
        if fill.source == IDENTITY:
            value = self._account(fill.key, call.lane.clone, fill.name)
        else:
            value = state.values.get(fill.key) if fill.source == LINK else None
        if value is None:
            return None
        try:
            text = written(value, fill.layers)
            content = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None  # half of a character
        outer = fill.layers[-1].encoding if fill.layers else "raw"
        if outer in {"raw", "cookie"} and any(ord(c) < 32 or ord(c) == 127 for c in text):
            return None  # a line's end in a header would be another header
        if outer == "path" and (not text or not _STEPS.isdisjoint(unquote(text).replace("\\", "/").split("/"))):
            return None  # it would be another path, where a server decodes before it routes
        return content

    def _made(self, fill: Fill, recorded: bytes, state: State) -> bytes:
        value = state.fresh.get(fill.key)
        if value is None:
            if fill.name == SAME:
                return recorded
            text = read_back(recorded, fill.layers[-1].encoding if fill.layers else "raw")
            value = state.fresh[fill.key] = made(fill.name, text, self._dice, self._now_s())
        return written(value, fill.layers).encode("utf-8", "surrogateescape")

    def _take(self, call: Call, bindings: Bindings, state: State, is_whole: bool) -> None:
        answer = kept_answer(bytes(call.kept or b""))
        if answer is None:
            return
        pairs = answer.headers
        if bindings.sets_cookies:
            lines = [value for name, value in pairs if name == "set-cookie"]
            state.jar.take(lines, self._sites[call.row.target], _path(call.row.wire), self._now_s())
        if bindings.take and _is_as_recorded(answer.status, call.row.expected):
            places = Places(list(pairs), text_of_answer(pairs, answer.body) if is_whole and answer.is_whole else None)
            for take in bindings.take:
                value = places.at(take.place)
                if value is not None and len(value) <= LONGEST_VALUE:
                    state.values[take.key] = value


def _is_as_recorded(status: int, expected: int) -> bool:
    """Whether an answer may give values: an error's ``id`` is not that of the order that was to be made."""
    return status_class(status) == status_class(expected) if expected > 0 else status < 400


def _path(wire: bytes) -> str:
    return wire[wire.index(b" ") + 1 : wire.index(b"\r\n")].split(b" ")[0].partition(b"?")[0].decode("latin-1")


def text_of_answer(pairs: Sequence[tuple[str, str]], body: bytes) -> str | None:
    """The body as text, by what its headers (in lower case) say of it; None where it is none."""
    codings = charset = ""
    for name, value in pairs:
        if name == "content-encoding":
            codings = f"{codings},{value}"
        elif name == "content-type":
            charset = value.lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    if not codings and charset in _UTF_8 and body.isascii():
        return None if b"\x00" in body else body.decode("ascii")
    try:
        return text_of(decoded(body, codings), charset)
    except UndecodableError:
        return None
