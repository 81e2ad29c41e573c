"""How long a request took, from the timers that a log has."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from replay.formats.log_time import SECOND_NS, Clock, duration_ns, is_coarse

_UNITS_NS = {"duration_s": SECOND_NS, "duration_ms": 10**6, "duration_us": 10**3, "duration_ns": 1}
_STAGES = ("receive_ms", "queue_ms", "connect_ms", "respond_ms", "duration_ms")

TIMED = frozenset({*_UNITS_NS, *_STAGES, "upstream_s", "part_s"})
"""The roles that tell of a duration; a log with a start and an end tells of one too."""


class Took(msgspec.Struct, frozen=True, gc=False):
    """Durations in nanoseconds, −1 where the log does not tell."""

    took_ns: int = -1
    """From the complete request to the complete response."""
    upload_ns: int = 0
    """From the request's start until it was complete."""
    opening_ns: int = 0
    """Of ``took_ns``, what opening the upstream connection took."""
    waited_ns: int = 0
    """Of ``took_ns``, until the opening began."""
    head_ns: int = -1
    """Of ``took_ns``, until the response's head was there."""


UNTIMED = Took()


class Timers:
    """Reads the durations of one format's lines.

    Where the log knows how long the upstream took, that is the latency, and the rest belongs to the client: to its
    sending of the request. Several timers of one request (a load balancer's three, or those of several upstreams) are
    added up.
    """

    def __init__(self, roles: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        at = {role: index for index, role in enumerate(roles)}
        self._duration = next(((at[role], unit_ns) for role, unit_ns in _UNITS_NS.items() if role in at), None)
        self._upstream = at.get("upstream_s")
        self._parts = [index for index, role in enumerate(roles) if role == "part_s"]
        self._start = at["start"] if {"time", "start"} <= at.keys() else None
        self._stages = [at[name] for name in _STAGES] if "receive_ms" in at else None

    def __call__(self, values: Sequence[bytes], stamp_ns: int) -> Took:
        """The durations of a line, whose time is ``stamp_ns``; raises ValueError where one is none."""
        if self._stages:
            return _staged(*(duration_ns(values[index].removeprefix(b"+"), 10**6) for index in self._stages))
        total = self._total(values, stamp_ns)
        took = total
        if self._parts:
            parts = [duration_ns(values[index], SECOND_NS) for index in self._parts]
            took = total if min(parts) < 0 else sum(parts)
        elif self._upstream is not None:
            upstream = duration_ns(values[self._upstream], SECOND_NS)
            took = total if upstream < 0 else upstream
        return UNTIMED if took < 0 else Took(took, max(0, total - took))

    def _total(self, values: Sequence[bytes], stamp_ns: int) -> int:
        if self._duration:
            index, unit_ns = self._duration
            # Apache's %D is a whole number; a fraction there is another format's seconds.
            return duration_ns(values[index], unit_ns) if unit_ns != 10**3 else int(values[index]) * unit_ns
        if self._start is not None and not is_coarse(values[self._start]):
            return stamp_ns - self._clock.read(values[self._start])
        return -1


def _staged(receive: int, queue: int, connect: int, respond: int, active: int) -> Took:
    """HAProxy's timers (configuration manual 8.4); −1 where a phase was not reached."""
    if active < 0:
        return UNTIMED
    upload, waited, opening = max(0, receive), max(0, queue), max(0, connect)
    took = max(0, active - upload)
    head = min(took, waited + opening + respond) if respond >= 0 else -1
    return Took(took, upload, opening, waited, head)
