"""Numbers as people read them in a sentence."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """A share as '4.2 %': one decimal below 10 %, two below 1 %."""
    value = 100 * share
    size = abs(value)
    if size == 0:
        return "0 %"
    if size < 0.995:
        return f"{value:.2f} %"
    return f"{value:.1f} %" if size < 9.95 else f"{value:.0f} %"


def signed(share: float) -> str:
    """A change as '+4.2 %' or '−4.2 %'."""
    return f"{'−' if share < 0 else '+'}{percent(abs(share))}"


def points(share: float) -> str:
    """A difference of shares as '+0.5 pp' (percentage points)."""
    return signed(share).replace("%", "pp")


def milliseconds(value: float) -> str:
    """A latency in ms as '1,204 ms', '84.1 ms' or '0.42 ms'."""
    if math.isnan(value):
        return "no value"
    if value >= 1000:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def seconds(value: float) -> str:
    """A length of time in s as '1,204 s', '84 s' or '0.34 s'."""
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def quantile(p: float) -> str:
    """0.95 as 'p95', 0.999 as 'p99.9'."""
    return f"p{100 * p:.6g}"


def times(factor: float) -> str:
    """A factor as '2.3 ×', '40 ×' or '0.95 ×': below one, a tenth decides."""
    if factor < 1:
        return f"{factor:.3g} ×"
    return f"{factor:.1f} ×" if factor < 10 else f"{factor:,.0f} ×"


def between(lower: float | None, upper: float | None) -> str:
    """An interval of a change as '−1.2 % … +4.2 %'; an open end is said in words."""
    low = "no lower bound" if lower is None else signed(lower)
    high = "no upper bound" if upper is None else signed(upper)
    return f"{low} … {high}"


def listed(names: list[str], most: int = 3) -> str:
    """Names as 'a, b, c and 4 more'."""
    if len(names) <= most:
        return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
