"""The times and durations that access logs write, as nanoseconds.

Times without a zone count as UTC: a capture keeps only the distances between them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

SECOND_NS = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
# 'micros' is uWSGI's word; 'm' and 'h' are no units of a request's duration.
_UNITS_NS = {
    "": SECOND_NS, "s": SECOND_NS, "secs": SECOND_NS, "ms": 10**6, "msecs": 10**6, "us": 10**3, "µs": 10**3,
    "micros": 10**3, "ns": 1,
}  # fmt: skip


class Clock:
    """Reads the times of one log. The day of the last line is remembered, as most lines share it."""

    def __init__(self) -> None:
        self._day = b""
        self._zone = b""
        self._midnight_ns = 0

    def read(self, text: bytes) -> int:
        """Nanoseconds since the epoch.

        Understood are ``17/May/2015:10:05:03 +0000`` (also with a fraction or without a zone), ISO 8601, seconds,
        milliseconds, microseconds or nanoseconds since the epoch, and ``Sun Mar 13 22:49:12 2016``.

        Raises:
            ValueError: it is no such time.
        """
        if text[2:3] == b"/":
            return self._clf(text)
        if text[4:5] == b"-":
            return _ns_of(datetime.fromisoformat(text.decode("ascii")))
        if text[:1].isdigit():
            return _epoch(text)
        return _ns_of(datetime.strptime(text.decode("ascii"), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC))

    def _clf(self, text: bytes) -> int:
        # 17/May/2015:10:05:03.250 +0000
        moment, _, zone = text.partition(b" ")
        if moment[:11] != self._day or zone != self._zone:
            self._midnight_ns = _midnight_ns(moment[:11], zone)
            self._day, self._zone = moment[:11], zone
        if moment[11:12] != b":" or moment[14:15] != b":" or moment[17:18] != b":":
            raise ValueError("no time")
        seconds = int(moment[12:14]) * 3600 + int(moment[15:17]) * 60 + int(moment[18:20])
        return self._midnight_ns + seconds * SECOND_NS + _fraction_ns(moment[20:])


def is_coarse(text: bytes) -> bool:
    """Whether a time is written in whole seconds."""
    if text[2:3] == b"/":
        return text[20:21] not in (b".", b",")
    if text[:1].isdigit() and text[4:5] != b"-":
        return len(text) <= 11 and b"." not in text
    return b"." not in text and b"," not in text


def duration_ns(text: bytes, unit_ns: int) -> int:
    """The nanoseconds of ``0.123``, ``129 msecs`` or ``0.100, 0.004`` (added up); −1 where it was not measured.

    Raises:
        ValueError: it is no duration.
    """
    try:
        value = float(text)
    except ValueError:
        return _listed_ns(text, unit_ns)
    return _nanoseconds(value, unit_ns)


def _listed_ns(text: bytes, unit_ns: int) -> int:
    """nginx lists one time for each upstream that it tried, '-' for those that it did not reach."""
    total = -1
    for part in text.replace(b" : ", b", ").split(b", "):
        word = part.strip()
        if word and word != b"-":
            each = _with_unit_ns(word.decode("utf-8"), unit_ns)
            total = each if total < 0 else total + max(0, each)
    return total


def _with_unit_ns(text: str, unit_ns: int) -> int:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzµ ")
    suffix = text[len(number) :].strip()
    if suffix and suffix not in _UNITS_NS:
        raise ValueError("no duration")
    return _nanoseconds(float(number), _UNITS_NS[suffix] if suffix else unit_ns)


def _nanoseconds(value: float, unit_ns: int) -> int:
    if not value < 1e15:  # also where it is no number
        raise ValueError("no duration")
    return round(value * unit_ns) if value >= 0 else -1


def _midnight_ns(day: bytes, zone: bytes) -> int:
    number, month, year = day.split(b"/")
    offset = UTC
    if zone:
        sign = -1 if zone[:1] == b"-" else 1
        offset = timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5])))
    if month not in _MONTHS:
        raise ValueError("no month")
    return _ns_of(datetime(int(year), _MONTHS[month], int(number), tzinfo=offset))


def _fraction_ns(text: bytes) -> int:
    if not text:
        return 0
    if text[:1] not in b".," or not text[1:].isdigit():
        raise ValueError("no fraction")
    return int(text[1:10].ljust(9, b"0"))


def _epoch(text: bytes) -> int:
    whole, _, fraction = text.partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()):
        raise ValueError("no time")
    size = len(whole)
    unit_ns = SECOND_NS if size <= 11 else 10**6 if size <= 14 else 10**3 if size <= 17 else 1
    return int(whole) * unit_ns + int(fraction[:9].ljust(9, b"0")) * unit_ns // SECOND_NS


def _ns_of(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
