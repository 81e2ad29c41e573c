"""What a person types as a value on the command line: durations, days and shares."""

from __future__ import annotations

import math
import re

from replay.errors import ReplayError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def duration_s(text: str) -> float:
    """The seconds that ``90s``, ``10m``, ``1h30m``, ``250ms`` or a plain number of seconds stand for.

    Raises:
        ReplayError: the text is no duration, or one of zero length.
    """
    found = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", found):
        seconds = float(found)
    elif re.fullmatch(f"(?:{_PART.pattern})+", found):
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(found))
    else:
        raise ReplayError(f"'{text[:40]}' is no duration. Write it as 90s, 10m or 1h30m.")
    if not 0 < seconds < math.inf:
        raise ReplayError(f"'{text[:40]}' is no duration to work with. Write one longer than zero, as 90s or 10m.")
    return seconds


def days(text: str) -> int:
    """The whole days that ``30d``, ``2w`` or a plain number of days stand for; at least one.

    Raises:
        ReplayError: the text is no number of days, or one of none.
    """
    match = re.fullmatch(r"(\d{1,5})([dw]?)", text.strip().lower(), re.ASCII)
    number = int(match[1]) * (7 if match[2] == "w" else 1) if match else 0
    if not number:
        raise ReplayError(f"'{text[:40]}' is no number of days. Write it as 30d or 2w.")
    return number


def share(text: str) -> float:
    """The share in (0, 1] that ``10%`` or ``0.1`` stands for.

    Raises:
        ReplayError: the text is no share, or one outside (0, 1].
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else math.nan
    if not 0 < value <= 1:
        raise ReplayError(f"'{text[:40]}' is no share. Write it as 10% or 0.1, more than 0 and at most 100%.")
    return value
