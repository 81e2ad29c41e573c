"""How far two hosts' clocks are apart, by exchanges of their times (as NTP, RFC 5905, section 8).

Of many exchanges the one with the shortest round trip counts: half of that round trip bounds its error, whichever way
the delay fell. The clock is the monotonic one, which the run clock hangs on; it is not set, and runs on at a rate of
its own, so that an offset is good for now and its change is stated at the run's end.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec

from replay.private_files import write_whole

CLOCK_NAME = "clock.json"
_KEPT = 64


class Offset(msgspec.Struct, frozen=True):
    """How far the master's clock is before ours, and how wrong that may be."""

    offset_ns: int = 0
    error_ns: int = 0
    """Half of the shortest round trip: the offset is within ± this."""
    wall_ns: int = 0
    """The same of the two clocks on the wall, which logs go by."""


class Clock:
    """The offset to a master's clock, from the last 64 exchanges."""

    def __init__(self) -> None:
        self._readings: deque[Offset] = deque(maxlen=_KEPT)

    def add(
        self, sent_ns: int, received_ns: int, answered_ns: int, back_ns: int, wall_ns: int = 0, our_wall_ns: int = 0
    ) -> None:
        """Take one exchange: sent and back by our clock, received and answered by the master's.

        ``wall_ns`` is the master's time of day when it answered, ``our_wall_ns`` ours when that was back.
        """
        round_trip_ns = max(0, (back_ns - sent_ns) - (answered_ns - received_ns))
        offset_ns = ((received_ns - sent_ns) + (answered_ns - back_ns)) // 2
        wall = wall_ns + round_trip_ns // 2 - our_wall_ns
        self._readings.append(Offset(offset_ns, (round_trip_ns + 1) // 2, wall))

    def __len__(self) -> int:
        return len(self._readings)

    @property
    def offset(self) -> Offset:
        """The best of what was measured; zero before the first exchange."""
        return min(self._readings, key=lambda one: one.error_ns, default=Offset())


def write_offset(folder: Path, offset: Offset) -> None:
    """Leave ``offset`` in ``folder``, where the host's Locust workers look when the run starts."""
    write_whole(folder / CLOCK_NAME, msgspec.json.encode(offset))


def local_ns(folder: Path, master_ns: int) -> int:
    """The time of our clock at ``master_ns`` of the master's; the same where the master is on this host."""
    try:
        content = (folder / CLOCK_NAME).read_bytes()
    except FileNotFoundError:
        return master_ns
    return master_ns - msgspec.json.decode(content, type=Offset).offset_ns
