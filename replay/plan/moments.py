"""Points in time as clients write them: read, and written anew in the same layout."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_EPOCH = re.compile(r"([0-9]{10})(?:\.([0-9]{1,9})|([0-9]{3}|[0-9]{6}|[0-9]{9}))?")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ])([0-9]{2}:[0-9]{2}:[0-9]{2})(?:([.,])([0-9]{1,9}))?"
    r"(Z|z|[+-][0-9]{2}:?[0-9]{2})?"
)


def moment_s(text: str) -> float | None:
    """The seconds since 1970 that ``text`` spells: an epoch of ten digits, with a fraction or in ms, µs or ns, or
    ISO 8601 with seconds (UTC where it names no zone); None where it spells none."""
    if _EPOCH.fullmatch(text):
        digits = text.replace(".", "")
        return float(f"{digits[:10]}.{digits[10:] or 0}")
    found = _ISO.fullmatch(text)
    if not found:
        return None
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[3]}").replace(tzinfo=_zone(found[6]))
    except ValueError:
        return None
    return moment.timestamp()


def written_like(text: str, now_s: float) -> str:
    """``now_s`` in the layout of ``text``; ISO 8601 with seconds, in UTC, where that spells no moment."""
    nanoseconds = f"{round(now_s % 1 * 1e9):09d}"[:9]
    if epoch := _EPOCH.fullmatch(text):
        point = "." if epoch[2] else ""
        return f"{int(now_s)}{point}{nanoseconds[: len(epoch[2] or epoch[3] or '')]}"
    found = _ISO.fullmatch(text)
    now = datetime.fromtimestamp(int(now_s), _zone(found[6]) if found else UTC)
    if not found:
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")
    fraction = f"{found[4]}{nanoseconds[: len(found[5])]}" if found[5] else ""
    return now.strftime(f"%Y-%m-%d{found[2]}%H:%M:%S") + fraction + (found[6] or "")


def _zone(text: str | None) -> timezone:
    if not text or text in {"Z", "z"}:
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
