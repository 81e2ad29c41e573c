"""What staging can be expected to know: a pseudonymised id is not in its database.

Only places that decide what is looked up count: path, query and body. A pseudonymised header or cookie changes who
asks, not what is asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from replay.exchange import Exchange
from replay.plan.store import RouteForecast

_DECISIVE = ("path/", "query/", "json/", "form/", "body")


class Forecast:
    """Counts, per route, requests that staging can answer as production did and those that it may not."""

    def __init__(self) -> None:
        self._kept: Counter[str] = Counter()
        self._unmatched: Counter[str] = Counter()
        self._linked: Counter[str] = Counter()
        self._places: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, exchange: Exchange, linked: Collection[str] = ()) -> None:
        """Count one planned request, which gets live values at the places ``linked``."""
        mapped = {place for place in exchange.mapped if place.startswith(_DECISIVE)}
        places = mapped.difference(linked)
        if not places:
            (self._linked if mapped else self._kept)[exchange.route] += 1
            return
        self._unmatched[exchange.route] += 1
        self._places[exchange.route].update(places)

    def routes(self) -> dict[str, RouteForecast]:
        """The forecast per route, the most requested first."""
        total = self._kept + self._unmatched + self._linked
        return {
            route: RouteForecast(
                kept=self._kept[route],
                unmatched=self._unmatched[route],
                linked=self._linked[route],
                places=dict(self._places[route].most_common(8)),
            )
            for route, _ in total.most_common()
        }
