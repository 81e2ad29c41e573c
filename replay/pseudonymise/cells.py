"""The map of a table's cells: what the capture's sanitiser makes of the same value under the same name.

A cell goes by the name of its column, as a JSON member, a form field or a cookie goes by its own: the name says
whether it is a secret, a time or a place, and which domain of the policy keeps it. All else the value decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from replay.sanitize.mapping import Map
from replay.sanitize.policy import Domain, Policy
from replay.sanitize.veto import vetoed
from replay.sanitize.walkers.json_text import Real

type TextMap = Callable[[str], str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,63}+)[\"'\\]{0,4}+\s{0,4}+[:=]")
_ENDLESS = frozenset({"infinity", "-infinity"})
"""PostgreSQL's first and last time: as the calendar's ends they are no person's, and a column of times needs them."""


class Cells:
    """Maps cells by the name of their column."""

    def __init__(self, joined: Map, policy: Policy, counts: Counter[str]) -> None:
        self._map = joined
        self._walk = joined.walk
        self._policy = policy
        self._counts = counts

    def domain(self, name: str) -> Domain | None:
        """The policy's domain that a column of this name belongs to; None where no rule of every route names it."""
        found = self._policy.domains.get(name) or self._policy.parameters.get(name)
        if found is not None:
            return found
        named = {
            place.domain.name: place.domain
            for place in self._policy.places
            if place.domain is not None and place.name == name and not place.route
        }
        return next(iter(named.values())) if len(named) == 1 else None

    def begin(self) -> None:
        """Start with another row."""
        self._walk.begin("")

    @property
    def kept(self) -> set[str]:
        """The values of the row at hand that a rule or a person let pass."""
        return self._walk.kept

    def text(self, name: str) -> TextMap:
        """The map of a column of texts."""
        walk, known, domain = self._walk, self._walk.name(name), self.domain(name)
        image = walk.text_map(known)
        if known.is_time and not known.is_secret:
            image = self._times(image)
        if domain is None or known.is_secret:
            return image
        return lambda value: value if walk.keeps(domain, value) else image(value)

    def _times(self, image: TextMap) -> TextMap:
        def moved(value: str) -> str:
            if value not in _ENDLESS:
                return image(value)
            self._walk.kept.add(value)
            return value

        return moved

    def kept_text(self, name: str) -> TextMap:
        """The map of a column that a person said to keep: itself, unless it looks like a secret or a person's.

        A text that names a secret within itself, as a JSON document with a member ``password``, is mapped as a whole.
        """
        image = self.text(name)

        def kept(value: str) -> str:
            if vetoed(value) or self._names_a_secret(value):
                self._counts["veto"] += 1
                return image(value)
            self._walk.kept.add(value)
            return value

        return kept

    def _names_a_secret(self, text: str) -> bool:
        """Whether a text has a secret's name, as a member at any depth in JSON, else before ``:`` or ``=``."""
        if text.lstrip().startswith(("{", "[", '"')):
            try:
                return self._has_secret(self.parsed(text))
            except RecursionError:
                return True
            except ValueError:
                pass
        return any(map(self._policy.is_secret, _NAMED.findall(text)))

    def _has_secret(self, node: Any) -> bool:
        match node:
            case dict():
                return any(self._policy.is_secret(name) or self._has_secret(child) for name, child in node.items())
            case list():
                return any(map(self._has_secret, node))
            case str():
                return self._names_a_secret(node)
        return False

    def node(self, name: str, value: Any) -> Any:
        """The image of a typed value that is no list and no object. None and booleans pass."""
        match value:
            case None | bool():
                return value
            case str():
                return self.text(name)(value)
            case int():
                return self._integer(name, value)
            case float():
                return self._float(name, value)
            case Decimal():
                return Decimal(self._number(name, format(value, "f")))
            case datetime():
                return self._moment(value)
            case date():
                return date.fromordinal(self.moved_day(value.toordinal()))
            case time():
                return time.fromisoformat(self._map.leaves.shapes.time_of_day(value.isoformat()))
            case bytes():
                return self._map.pseudonyms.stream("bytes", value.hex(), len(value))
        raise TypeError(type(value).__name__)

    def moment_ns(self, time_ns: int) -> int:
        """Where a time, nanoseconds since 1970, is moved to."""
        return self._map.clock.moved_ns(time_ns)

    def moved_day(self, day: int) -> int:
        """Where a day, counted from the first of the calendar, is moved to."""
        return self._map.clock.moved_day(day)

    def member(self, name: str, value: Any) -> Any:
        """The image of a JSON value that stands under a name; the rules of the policy speak inside it too."""
        if isinstance(value, str) and not isinstance(value, Real):
            return self.text(name)(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._integer(name, value)
        return self._map.documents.member(name, value)

    def parsed(self, text: str) -> Any:
        """What a JSON document holds; raises ValueError where it is none."""
        return self._map.documents.parsed(text)

    def document(self, node: Any, like: str) -> str:
        """A document in the layout of ``like``."""
        return self._map.documents.written(node, like)

    def _integer(self, name: str, value: int) -> int:
        domain = self.domain(name)
        known = self._walk.name(name)
        if domain is not None and not known.is_secret and self._walk.keeps(domain, str(value)):
            return value
        found = self._map.documents.member(name, value)
        return int(found)

    def _number(self, name: str, text: str) -> str:
        image = self._map.documents.member(name, self._map.documents.parsed(text))
        return (bytes(image) if isinstance(image, msgspec.Raw) else str(image).encode()).decode()

    def _float(self, name: str, value: float) -> float:
        text = repr(value)
        return float(self._number(name, text)) if text[-1].isdigit() else value  # nan and inf say nothing

    def _moment(self, value: datetime) -> datetime:
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        passed = aware - _EPOCH
        moved_ns = self.moment_ns((passed.days * 86_400 + passed.seconds) * 10**9 + passed.microseconds * 1000)
        moved = _EPOCH + timedelta(microseconds=moved_ns // 1000)
        return moved.astimezone(value.tzinfo) if value.tzinfo is not None else moved.replace(tzinfo=None)
