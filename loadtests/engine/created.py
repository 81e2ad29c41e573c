"""What a run leaves behind on its target: the creations of each route, and where they stand if that is asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from loadtests.engine.calls import Call
from replay.plan.bindings import Take
from replay.plan.links.places import last_name
from replay.routes import word_set

MAX_LISTED = 100_000
"""Lines of one engine's list; what is created beyond them is counted only."""
_LONGEST_PLACE = 1024
_CREATED = 201
_METHODS = frozenset({"POST", "PUT"})
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([^\r\n]*)", re.IGNORECASE)
_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_IDS = word_set("id uuid guid number no nr")


class Creation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the list."""

    route: str
    location: str = ""
    """Path of the answer's ``Location``, without query and fragment, which may hold secrets."""
    ids: dict[str, str] = {}
    """Values that later requests of the session need, by their place, where that is an id's by its name."""


class Created:
    """Counts creations: a POST or PUT that was answered 201, or 2xx or 3xx with a ``Location`` or with a value that
    later requests of its session need.

    Args:
        listed: takes lines of the list; None: only counted.
    """

    def __init__(
        self,
        routes: Sequence[str],
        methods: Sequence[str],
        listed: Callable[[bytes], None] | None,
    ) -> None:
        self._routes = routes
        self._methods = methods
        self._list = listed
        self._counts: Counter[int] = Counter()
        self._lines: list[bytes] = []
        self._listed = 0

    @property
    def counts(self) -> dict[str, int]:
        """Route → creations, the most first."""
        return {self._routes[route]: count for route, count in self._counts.most_common()}

    def answered(self, call: Call, status: int, values: dict[int, str] | None) -> None:
        """``call`` was answered with ``status``; ``values`` are those of its session and clone, by key."""
        if not 200 <= status < 400 or self._methods[call.row.method] not in _METHODS:
            return
        taken = [take for take in _takes(call) if values is not None and take.key in values]
        location = _LOCATION.search(call.head.partition(b"\r\n\r\n")[0])
        if status != _CREATED and not location and not taken:
            return
        self._counts[call.row.route] += 1
        if self._list is not None and self._listed < MAX_LISTED:
            self._listed += 1
            ids = {take.place: values[take.key] for take in taken if values and last_name(take.place) in _IDS}
            creation = Creation(self._routes[call.row.route], _path(location[1]) if location else "", ids)
            self._lines.append(msgspec.json.encode(creation) + b"\n")

    def flush(self) -> None:
        """Hand over what was to be listed since."""
        if self._lines and self._list is not None:
            self._list(b"".join(self._lines))
            self._lines.clear()


def _takes(call: Call) -> Iterable[Take]:
    return call.row.bindings.take if call.row.bindings is not None else ()


def _path(location: bytes) -> str:
    text = _ORIGIN.sub("", location.decode("latin-1").strip(), count=1)
    return text.partition("#")[0].partition("?")[0][:_LONGEST_PLACE]
