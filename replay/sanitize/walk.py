"""The decision at a leaf: drop, keep or pseudonym. Every walker asks here, and nowhere else."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial

import msgspec

from replay.sanitize.leaves import Leaves
from replay.sanitize.marks import NO_MARKS, TOKEN_MARKS
from replay.sanitize.policy import Domain, Place, Policy
from replay.sanitize.scopes import Scopes
from replay.sanitize.veto import looks_like_data, vetoed
from replay.sanitize.vocabulary import LONGEST_NAME, facts, is_password_name

_COORDINATE = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,17})?")
_NAMES_CACHED = 10_000


class Name(msgspec.Struct, frozen=True):
    """What is known of a name of a member, field, parameter or cookie."""

    raw: str
    clean: str
    """The name itself where it is a word of interfaces or of the policy, else its pseudonym."""
    is_secret: bool
    is_time: bool
    is_random: bool
    is_password: bool
    degrees: int
    """A coordinate of this name is below so many degrees; 0: it names none."""


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
        self.is_steady = True
        """Whether the exchange at hand would become the same once more: nothing in it was drawn at random."""
        self.mapped: set[str] | None = None
        """Where pseudonyms stand in what is asked for (path, query, body of the request); None: not noted now."""
        self.names: dict[str, Name] = {}
        """The names that were asked for; ``name`` fills it."""
        self.scopes = Scopes(self, policy.places)
        """The rules for JSON."""
        self._places: dict[tuple[str, str], list[Place]] = {}
        for place in policy.places:
            self._places.setdefault((place.where, place.name), []).append(place)

    def begin(self, route: str) -> None:
        """Start with another exchange."""
        self.route = route
        self.kept = set()
        self.mapped = None
        self.is_steady = True

    @property
    def is_noting(self) -> bool:
        """Whether places of pseudonyms are noted now: not inside of strings, which are places themselves."""
        return self.mapped is not None and not self.leaves.is_inside

    def note_mapped(self, where: str, name: str, value: str | int, image: str | int) -> None:
        """Note a place whose value was replaced."""
        if image != value and self.mapped is not None and self.is_noting:
            self.mapped.add(f"{where}/{name}")

    def name(self, raw: str) -> Name:
        """What is known of a name."""
        found = self.names.get(raw)
        if found is not None:
            return found
        if len(raw) > LONGEST_NAME:  # no name that anybody gave; nor is it worth remembering
            return Name(raw, self.leaves.text(raw), True, False, False, is_password_name(raw), 0)
        said = facts(raw, self.policy.names_secret)
        is_known = (raw in self.policy.names_kept or said.is_known) and not looks_like_data(raw)
        found = Name(
            raw=raw,
            clean=raw if is_known else self.leaves.text(raw),
            is_secret=said.is_secret,
            is_time=said.is_time,
            is_random=said.is_random,
            is_password=said.is_password,
            degrees=said.degrees,
        )
        if len(self.names) >= _NAMES_CACHED:
            self.names.clear()
        self.names[raw] = found
        return found

    def place(self, where: str, name: str) -> Place | None:
        """The rule that speaks at a place outside of JSON, a drop before any keep; None where the default does."""
        found = None
        for place in self._places.get((where, name), ()):
            if place.route:
                self.leaves.note_ruled()  # at another route the text around it would be another
                if place.route != self.route:
                    continue
            if place.domain is None:
                return place
            found = found or place
        return found

    def value(self, where: str, name: str, value: str) -> str | None:
        """What is written for a value: itself where a rule keeps it, its pseudonym, or None where it is dropped."""
        place = self.place(where, name)
        if place is not None:
            if place.domain is None:
                self.counts["dropped_by_policy"] += 1
                return None
            if self.may_keep(place, name, value):
                return value
        known = self.name(name)
        image = self.pseudonym(known, value)
        self.note_mapped(where, known.clean, value, image)
        return image

    def may_keep(self, place: Place, name: str, value: str) -> bool:
        """Whether the rule keeps the value: never a secret's, only inside the guard, only where no veto speaks."""
        return place.domain is not None and not self.name(name).is_secret and self.keeps(place.domain, value)

    def keeps(self, domain: Domain, value: str) -> bool:
        """Whether a value is inside the domain's guard and no veto speaks; if so it is noted as kept."""
        if not domain.accepts(value):
            return False
        if self.leaves.secrets_around:
            self.leaves.note_ruled()  # elsewhere the same text may keep it
            return False
        if vetoed(value):
            self.counts["veto"] += 1
            return False
        self.kept.add(value)
        self.leaves.note_ruled()
        return True

    def pseudonym(self, name: Name, value: str) -> str:
        """The pseudonym of a value, whose name may say that it is a secret, a time or a code of nobody else."""
        if name.is_time and value.isdigit():
            moved = self.leaves.clock.epoch(value)
            if moved is not None:
                return moved
        if name.is_random and len(value) <= 8 and value.isdigit():
            self.is_steady = False
            return "".join(secrets.choice("0123456789") for _ in value)
        if name.degrees and _COORDINATE.fullmatch(value):
            return self.leaves.shapes.coordinate(value, name.degrees)
        return self._map_of(name)(value)

    def text_map(self, name: Name) -> Callable[[str], str]:
        """``pseudonym`` for the values of one name; in C where they were met before and are no times or places."""
        if name.is_time or name.is_random or name.degrees:
            return partial(self.pseudonym, name)
        return self._map_of(name)

    def _map_of(self, name: Name) -> Callable[[str], str]:
        if not name.is_secret:
            return self.leaves.texts.__getitem__
        stays = NO_MARKS if name.is_password else TOKEN_MARKS
        return self.leaves.secrets[stays].__getitem__
