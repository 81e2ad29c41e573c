"""Dates and times: offsets from the capture's start, written from a fixed day so that they still parse.

A time *t* within 400 days of the capture's start is stored as ``REFERENCE + (t - start)``, in the layout and zone
that it had; ``replay plan`` moves every time it finds near REFERENCE to its own day. So intervals and order
survive and no absolute time is stored. Times farther off are moved by a keyed whole number of weeks, up to two years
either way and the same for all times of one day; they never come to lie near REFERENCE. The first and last two days
of the calendar stay (0001-01-01, 9999-12-31, whatever the zone): they say "always" and "never", and nobody's day.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

REFERENCE = datetime(2036, 1, 1, tzinfo=UTC)
"""The day that a capture's start is written as: far from real data, and before 2038."""
NEAR_DAYS = 400
_LIKELY_DAYS = 3653
_EARLY_END, _LATE_END = date.min.toordinal() + 1, date.max.toordinal() - 1
"""The calendar's ends, two days each, since a zone may shift them by one: up to the first, and from the second on."""
_DAY_NS = 86_400 * 10**9
_REFERENCE_DAY = REFERENCE.date().toordinal()
UNIX_DAY = date(1970, 1, 1).toordinal()
"""1970-01-01, counted as ``date.toordinal`` does."""
_REFERENCE_NS = (_REFERENCE_DAY - UNIX_DAY) * _DAY_NS
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9}+)?+)?+"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?+(?![0-9A-Za-z]))?+)?+"
)
HTTP = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{1,2}+[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ -]"
    r"[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (?:GMT|UTC|[+-][0-9]{4})"
)
SLASHED = r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:([Tt ])(\d{2}):(\d{2})(?::(\d{2})(?:([.,])(\d{1,9}))?)?"
    r"([Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
)
_HTTP = re.compile(r"(\w{3}), (\d{1,2})([ -])(\w{3})[ -](\d{4}) (\d{2}):(\d{2}):(\d{2}) (\S+)")
_EPOCH_UNIT_NS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}


class Clock:
    """Moves times from the capture's epoch to REFERENCE.

    Args:
        epoch_ns: the capture's start, nanoseconds since 1970.
        draw: a keyed 64-bit number for a label and a value.
    """

    def __init__(self, epoch_ns: int, draw: Callable[[str, str], int]) -> None:
        self._epoch_ns = epoch_ns
        self._epoch_day = epoch_ns // _DAY_NS + UNIX_DAY
        self._draw = draw
        # Far times keep no time of day either: one keyed offset under half a day for all of them.
        self._far_ns = draw("far-time", "") % (_DAY_NS // 2)

    def is_likely(self, time_ns: int) -> bool:
        """Whether a number that may be a time is one: it lies within ten years of the capture's start."""
        return abs(time_ns - self._epoch_ns) <= _LIKELY_DAYS * _DAY_NS

    def moved_ns(self, time_ns: int) -> int:
        """Where a time since 1970 in nanoseconds is moved to."""
        offset = time_ns - self._epoch_ns
        if abs(offset) <= NEAR_DAYS * _DAY_NS:
            return _REFERENCE_NS + offset
        day = time_ns // _DAY_NS + UNIX_DAY
        return time_ns if is_end(day) else time_ns + (self._far_day(day) - day) * _DAY_NS + self._far_ns

    def moved_day(self, day: int) -> int:
        """Where a day (proleptic ordinal) is moved to."""
        offset = day - self._epoch_day
        if abs(offset) <= NEAR_DAYS:
            return _REFERENCE_DAY + offset
        return day if is_end(day) else self._far_day(day)

    def _far_day(self, day: int) -> int:
        weeks = self._draw("far-day", str(day)) % 208 + 1
        days = 7 * (weeks - 104 if weeks > 104 else -weeks)
        if not _EARLY_END + 2 <= day + days <= _LATE_END - 2:  # the calendar ends there: the other way
            days = -days
        moved = day + days
        return moved - 7 * 320 if abs(moved - _REFERENCE_DAY) <= NEAR_DAYS + 2 else moved

    def iso(self, text: str) -> str | None:
        """An ISO 8601 date or time in its own layout; None where it is none."""
        found = _ISO.fullmatch(text)
        if found is None:
            return None
        year, month, day, sep, hour, minute, second, point, fraction, zone = found.groups()
        try:
            if sep is None:
                return date.fromordinal(self.moved_day(date(int(year), int(month), int(day)).toordinal())).isoformat()
            local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
            zone_s = _zone_s(zone)
            time_ns = (timegm(local.timetuple()) - zone_s) * 10**9 + int((fraction or "0").ljust(9, "0"))
            seconds, rest = divmod(self.moved_ns(time_ns), 10**9)
            moved = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds + zone_s)
        except (ValueError, OverflowError):
            return None
        written = f"{moved.date().isoformat()}{sep}{moved:%H:%M}"
        if second is not None:
            written += f":{moved:%S}"
        if fraction is not None:
            written += point + f"{rest:09d}"[: len(fraction)]
        return written + (zone or "")

    def http(self, text: str) -> str | None:
        """An HTTP or mail date (RFC 9110 §5.6.7, RFC 5322) in its own layout; None where it is none."""
        found = _HTTP.fullmatch(text)
        if found is None:
            return None
        _, day, sep, month, year, hour, minute, second, zone = found.groups()
        try:
            zone_s = 0 if zone.isalpha() else _zone_s(zone)
            local = datetime(
                int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
            seconds = self.moved_ns((timegm(local.timetuple()) - zone_s) * 10**9) // 10**9
            moved = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds + zone_s)
        except (ValueError, OverflowError):
            return None
        written = f"{_WEEKDAYS[moved.weekday()]}, {moved.day:0{len(day)}d}{sep}{_MONTHS[moved.month - 1]}{sep}"
        return f"{written}{moved.year:04d} {moved:%H:%M:%S} {zone}"

    def slashed(self, text: str) -> str | None:
        """A ``d/m/Y`` or ``m/d/Y`` date in its own layout; None where it is none."""
        first, second, year = text.split("/")
        day_first = int(second) <= 12
        try:
            day, month = (int(first), int(second)) if day_first else (int(second), int(first))
            moved = date.fromordinal(self.moved_day(date(int(year), month, day).toordinal()))
        except (ValueError, OverflowError):
            return None
        wide = 2 if len(first) == 2 else 1
        pair = (moved.day, moved.month) if day_first else (moved.month, moved.day)
        return f"{pair[0]:0{wide}d}/{pair[1]:0{wide}d}/{moved.year:04d}"

    def epoch(self, digits: str) -> str | None:
        """A Unix time in s, ms, µs or ns within ten years of the capture's start; None where it is none.

        A cursor or a size of as many digits is no time because its name may be one's.
        """
        unit_ns = _EPOCH_UNIT_NS.get(len(digits))
        if unit_ns is None or not "1" <= digits[0] <= "4":
            return None
        time_ns = int(digits) * unit_ns
        if not self.is_likely(time_ns):
            return None
        moved = self.moved_ns(time_ns) // unit_ns
        return str(moved) if len(str(moved)) == len(digits) else None


def is_end(day: int) -> bool:
    """Whether a day (proleptic ordinal) is at an end of the calendar, or beyond."""
    return day <= _EARLY_END or day >= _LATE_END


def _zone_s(zone: str | None) -> int:
    if zone is None or zone in {"Z", "z"}:
        return 0
    minutes = int(zone[-2:]) if len(zone) > 3 else 0
    seconds = int(zone[1:3]) * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds
