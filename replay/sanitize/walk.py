"""The decision at a leaf: drop, keep or pseudonym. Every walker asks here, and nowhere else."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from dataclasses import dataclass

from replay.sanitize.leaves import Leaves
from replay.sanitize.marks import NO_MARKS, TOKEN_MARKS
from replay.sanitize.policy import Place, Policy
from replay.sanitize.veto import looks_like_data, vetoed
from replay.sanitize.vocabulary import (
    LONGEST_NAME,
    coordinate_limit,
    is_known_name,
    is_password_name,
    is_random_name,
    is_time_name,
)

_COORDINATE = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,17})?")
_NAMES_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Name:
    """What is known of a name of a member, field, parameter or cookie."""

    raw: str
    clean: str
    """The name itself where it is a word of interfaces or of the policy, else its pseudonym."""
    is_secret: bool
    is_time: bool
    is_random: bool
    degrees: int
    """A coordinate of this name is below so many degrees; 0: it names none."""

    is_special: bool
    """It says something of its values: that they are secrets, times, places, or codes that nobody may join."""


class Walk:
    """The rules of one policy over one map of leaves, and what happened in the exchange at hand."""

    def __init__(self, policy: Policy, leaves: Leaves, counts: Counter[str]) -> None:
        self.policy = policy
        self.leaves = leaves
        self.counts = counts
        self.route = ""
        """The route of the exchange at hand."""
        self.kept: set[str] = set()
        """The values that a rule let pass in the exchange at hand; the gate is told."""
        self.mapped: set[str] | None = None
        """Where pseudonyms stand in what is asked for (path, query, body of the request); None: not noted now."""
        self.names: dict[str, Name] = {}
        """The names that were asked for; ``name`` fills it."""
        self._places: dict[tuple[str, str], list[Place]] = {}
        for place in policy.places:
            self._places.setdefault((place.where, place.name), []).append(place)
        self.has_json_rules = any(place.where == "json" for place in policy.places)

    def begin(self, route: str) -> None:
        """Start with another exchange."""
        self.route = route
        self.kept = set()
        self.mapped = None

    def note_mapped(self, where: str, name: str, value: str, image: str) -> None:
        """Note a place whose value was replaced."""
        if self.mapped is not None and image != value:
            self.mapped.add(f"{where}/{name}")

    def name(self, raw: str) -> Name:
        """What is known of a name."""
        found = self.names.get(raw)
        if found is None and len(raw) > LONGEST_NAME:  # no name that anybody gave; nor is it worth remembering
            return Name(
                raw,
                self.leaves.text(raw),
                is_secret=True,
                is_time=False,
                is_random=False,
                degrees=0,
                is_special=True,
            )
        if found is None:
            is_known = (raw in self.policy.names_kept or is_known_name(raw)) and not looks_like_data(raw)
            is_secret = self.policy.is_secret(raw)
            found = Name(
                raw=raw,
                clean=raw if is_known else self.leaves.text(raw),
                is_secret=is_secret,
                is_time=is_time_name(raw),
                is_random=is_random_name(raw),
                degrees=coordinate_limit(raw),
                is_special=is_secret or is_time_name(raw) or is_random_name(raw) or coordinate_limit(raw) > 0,
            )
            if len(self.names) >= _NAMES_CACHED:
                self.names.clear()
            self.names[raw] = found
        return found

    def place(self, where: str, name: str, pointer: tuple[str, ...] = ()) -> Place | None:
        """The rule that speaks at a place, a drop before any keep; None where the default does."""
        found = None
        for key in (name, "*") if where == "json" else (name,):
            for place in self._places.get((where, key), ()):
                if place.route and place.route != self.route:
                    continue
                if where == "json" and not matches(place.pointer, pointer):
                    continue
                if place.domain is None:
                    return place
                found = found or place
        return found

    def value(self, where: str, name: str, value: str, pointer: tuple[str, ...] = ()) -> str | None:
        """What is written for a value: itself where a rule keeps it, its pseudonym, or None where it is dropped."""
        place = self.place(where, name, pointer)
        if place is not None:
            if place.domain is None:
                self.counts["dropped_by_policy"] += 1
                return None
            if self.may_keep(place, name, value, pointer):
                return value
        known = self.name(name)
        image = self.pseudonym(known, value)
        self.note_mapped(where, known.clean, value, image)
        return image

    def may_keep(self, place: Place, name: str, value: str, pointer: tuple[str, ...] = ()) -> bool:
        """Whether the rule keeps the value: never a secret's, only inside the guard, only where no veto speaks.

        ``pointer`` is where it stands in a document: whatever is inside a secret is one.
        """
        return (
            place.domain is not None
            and not self.name(name).is_secret
            and not any(self.name(step).is_secret for step in pointer)
            and self.passes(place.domain.accepts(value), value)
        )

    def passes(self, is_inside: bool, value: str) -> bool:
        """Note a value that is inside its guard as kept, unless a veto speaks."""
        if not is_inside:
            return False
        if vetoed(value):
            self.counts["veto"] += 1
            return False
        self.kept.add(value)
        self.leaves.note_kept()
        return True

    def pseudonym(self, name: Name, value: str) -> str:
        """The pseudonym of a value, whose name may say that it is a secret, a time or a code of nobody else."""
        if name.is_time and value.isdigit():
            moved = self.leaves.clock.epoch(value)
            if moved is not None:
                return moved
        if name.is_random and len(value) <= 8 and value.isdigit():
            return "".join(secrets.choice("0123456789") for _ in value)
        if name.degrees and _COORDINATE.fullmatch(value):
            return self.leaves.shapes.coordinate(value, name.degrees)
        if name.is_secret:
            return self.leaves.secret(value, NO_MARKS if is_password_name(name.raw) else TOKEN_MARKS)
        return self.leaves.text(value)


def matches(glob: tuple[str, ...], pointer: tuple[str, ...]) -> bool:
    """Whether a JSON pointer matches a glob, in which ``*`` is one step and ``**`` any number of them."""
    if not glob:
        return not pointer
    if glob[0] == "**":
        return any(matches(glob[1:], pointer[at:]) for at in range(len(pointer) + 1))
    return bool(pointer) and (glob[0] in {"*", pointer[0]}) and matches(glob[1:], pointer[1:])
