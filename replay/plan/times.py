"""Times of a prepared request, moved from the sanitiser's fixed day to the plan's: as many characters as before.

A capture's start is written as REFERENCE; every time within 400 days of that is moved by the same whole number of
days, so that times of day, zones and distances stay as they were. docs/sanitising.md says what is not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from replay.sanitize.dates import NEAR_DAYS, REFERENCE
from replay.sanitize.vocabulary import is_time_name

_DAY_S = 86_400
_REFERENCE_S = int(REFERENCE.timestamp())
_UNITS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_YEAR = "(20[0-9]{2})"
# Behind an escape (%3A) its two digits stand where no letter or digit may.
_START = "(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"
_ISO = re.compile(rf"{_START}{_YEAR}-([0-9]{{2}})-([0-9]{{2}})(?![0-9])")
_SPACE = r"( |\+|%20|-)"
_HTTP = re.compile(
    rf"\b({'|'.join(_WEEKDAYS)})((?:,|%2C)(?: |\+|%20))"
    rf"([0-9]{{1,2}}){_SPACE}({'|'.join(_MONTHS)}){_SPACE}{_YEAR}(?![0-9])"
)
_DIGITS = "([0-9]{19}|[0-9]{16}|[0-9]{13}|[0-9]{10})"
_PAIR = re.compile(rf"((?:^|(?<=[?&;\s]))([A-Za-z0-9_.%\[\]-]{{1,64}})=){_DIGITS}(?![0-9A-Za-z.%])")
_MEMBER = re.compile(rf'(\\?"([A-Za-z0-9_.:$@-]{{1,64}})\\?"\s{{0,8}}:\s{{0,8}}(?:\\?")?){_DIGITS}(?![0-9.eE])')


@dataclass(frozen=True, slots=True)
class Shift:
    """Moves times near REFERENCE by whole days; 0 leaves every text as it is."""

    days: int = 0

    def head(self, text: str) -> str:
        """A request line, or the value of a header."""
        return self._dates(_PAIR.sub(self._epoch, text)) if self.days else text

    def body(self, text: str) -> str:
        """A text of JSON, a form, or any other."""
        if not self.days:
            return text
        return self._dates(_MEMBER.sub(self._epoch, _PAIR.sub(self._epoch, text)))

    def _dates(self, text: str) -> str:
        return _HTTP.sub(self._http, _ISO.sub(self._iso, text))

    def _iso(self, found: re.Match[str]) -> str:
        moved = self._moved(int(found[1]), int(found[2]), int(found[3]))
        return found[0] if moved is None else moved.isoformat()

    def _http(self, found: re.Match[str]) -> str:
        _, comma, day, first, month, second, year = found.groups()
        moved = self._moved(int(year), _MONTHS.index(month) + 1, int(day))
        if moved is None or len(written := f"{moved.day:0{len(day)}d}") != len(day):
            return found[0]
        name = _MONTHS[moved.month - 1]
        return f"{_WEEKDAYS[moved.weekday()]}{comma}{written}{first}{name}{second}{moved.year:04d}"

    def _epoch(self, found: re.Match[str]) -> str:
        start, name, digits = found.groups()
        unit = _UNITS[len(digits)]
        is_near = abs(int(digits) // unit - _REFERENCE_S) <= NEAR_DAYS * _DAY_S
        moved = str(int(digits) + self.days * _DAY_S * unit)
        return start + moved if is_near and is_time_name(name) and len(moved) == len(digits) else found[0]

    def _moved(self, year: int, month: int, day: int) -> date | None:
        try:
            found = date(year, month, day)
        except ValueError:
            return None
        # A day more: a zone may have written the last moment of the window with the next day's date.
        is_near = abs((found - REFERENCE.date()).days) <= NEAR_DAYS + 1
        return found + timedelta(days=self.days) if is_near else None


NO_SHIFT = Shift()


def shift_to(now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Shift:
    """The shift that writes a capture's start as the beginning of today (UTC)."""
    return Shift((now().date() - REFERENCE.date()).days)
