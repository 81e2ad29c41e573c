"""Plants values of every kind in every place, and looks for them in what the sanitiser makes of it.

``python tests/leak/recall.py`` prints leaks found / planted, per place and per kind.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import places_of_requests as requests
import places_of_responses as responses
from exchanges import EPOCH_NS, Message, exchange
from plants import KINDS, MARKS, Value

from replay.audit.canaries import Canary, Search
from replay.audit.detectors import detect
from replay.audit.reading import record_of
from replay.audit.scan import PLANTED, Finding, examine
from replay.exchange import RawExchange
from replay.sanitize.keys import Key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer
from replay.sanitize.veto import vetoed

SEED = 20260101
KINDS_A_PLACE = 10

PLACES: dict[str, Callable[[str], Message]] = {
    **{f"A {name}": place for name, place in requests.LINE.items()},
    **{f"B {name}": place for name, place in requests.CREDENTIALS.items()},
    **{f"B {name}": place for name, place in requests.COOKIES.items()},
    **{f"B {name}": place for name, place in requests.HEADERS.items()},
    **{f"C {name}": place for name, place in requests.JSON.items()},
    **{f"C {name}": place for name, place in requests.NUMBERS.items()},
    **{f"C {name}": place for name, place in requests.BODIES.items()},
    **{f"D header, {name}": place for name, place in responses.HEADERS.items()},
    **{f"D body, {name}": place for name, place in responses.BODIES.items()},
}
NUMBERS = frozenset(f"C {name}" for name in requests.NUMBERS)
OF_MARKS = (
    *("A path segment", "A query value", "A query value, json", "A query name", "A fragment"),
    *("B bearer", "B basic password", "B api key header", "B entity tag condition", "B cookie value"),
    *("B cookie value, json", "B own header", "C json string", "C json key", "C json in base64", "C form value"),
    *("C multipart value", "C xml text", "C csv", "D header, set-cookie value", "D header, location, query"),
    *("D body, token issued", "D body, json escapes", "D body, html attribute", "D body, event text"),
)
"""Places where a value has no words beside it."""

type Clean = Callable[[RawExchange], object | None]


@dataclass(frozen=True, slots=True)
class Plant:
    """A value in a place."""

    number: int
    place: str
    value: Value
    raw: RawExchange = field(repr=False)


@dataclass(slots=True)
class Outcome:
    """What became of the plants."""

    planted: list[Plant]
    leaks: dict[tuple[int, int], Finding] = field(default_factory=dict)
    """Findings by the number of the plant in whose record it was made and the number of the needle found."""
    withheld: set[int] = field(default_factory=set)
    """Plants whose exchange was not written at all."""

    @property
    def leaked(self) -> set[int]:
        """Plants in whose record something was found."""
        return {number for number, _ in self.leaks}


def plants(
    seed: int = SEED, kinds_a_place: int = KINDS_A_PLACE, without: Container[str] = frozenset()
) -> list[Plant]:
    """Every place with a sample of the kinds, or with all that fit where it takes numbers only; and marks alone."""
    rng = random.Random(seed)
    found: list[Plant] = []
    names = [kind for kind in KINDS if kind not in without]
    for place, make in PLACES.items():
        chosen = rng.sample(names, kinds_a_place)
        values = [KINDS[kind](rng) for kind in chosen]
        if place in NUMBERS:
            values = [value for kind in names for value in [KINDS[kind](rng)] if value.is_number] * 2
        for value in values:
            found.append(Plant(len(found), place, value, exchange(make(value.text), len(found))))
    for place in OF_MARKS:
        value = MARKS(rng)
        found.append(Plant(len(found), place, value, exchange(PLACES[place](value.text), len(found))))
    return found


def needles(planted: Sequence[Plant]) -> list[Canary]:
    """All that must not be found of the plants."""
    found = (needle for plant in planted for needle in plant.value.needles)
    return [Canary(line, needle) for line, needle in enumerate(found, 1)]


def look(planted: Sequence[Plant], clean: Clean, only: Container[int] | None = None) -> Outcome:
    """Clean every exchange and search each record for every plant, also those that went into another one."""
    search = Search(needles(planted))
    outcome = Outcome(list(planted))
    for plant in planted:
        if only is not None and plant.number not in only:
            continue
        record = clean(plant.raw)
        if record is None:
            outcome.withheld.add(plant.number)
            continue
        for finding in examine("record", record_of("record", msgspec.json.encode(record)), search):
            if finding.kind == PLANTED:
                outcome.leaks[plant.number, finding.canary] = finding
    return outcome


def certain(planted: Sequence[Plant], clean_under: Callable[[int], Clean], keys: int = 3) -> Outcome:
    """What leaks under every key: a value that a pseudonym hits by chance is another one under another key."""
    outcome = look(planted, clean_under(0))
    for key in range(1, keys):
        if outcome.leaks:
            again = look(planted, clean_under(key), outcome.leaked)
            outcome.leaks = {place: finding for place, finding in outcome.leaks.items() if place in again.leaks}
    return outcome


def sanitised(planted: Sequence[Plant], policy: str = "builtin:strict") -> Outcome:
    """The outcome with the real sanitiser."""
    return certain(planted, lambda key: sanitizer(key, policy).clean)


def sanitizer(key: int, policy: str = "builtin:strict") -> Sanitizer:
    """A sanitiser for the planted exchanges, under one of several keys."""
    return Sanitizer(load_policy(policy), Key(bytes([key + 1]) * 32, "file"), EPOCH_NS, "auto")


def table(outcome: Outcome) -> Iterator[str]:
    """Leaks found / planted, per class, per kind and, where there are any, per place.

    The last column is what is left to leak where only detectors decide: the plants whose bare value neither the
    sanitiser's veto nor the auditor's detectors take for anything. They are given it without any encoding.
    """
    for title, group in (
        ("class", lambda plant: plant.place[0]),
        ("kind", lambda plant: plant.value.kind),
        ("place", lambda plant: plant.place),
    ):
        planted = Counter(map(group, outcome.planted))
        leaked = Counter(group(plant) for plant in outcome.planted if plant.number in outcome.leaked)
        withheld = Counter(group(plant) for plant in outcome.planted if plant.number in outcome.withheld)
        undetected = Counter(group(plant) for plant in outcome.planted if not is_detected(plant.value))
        yield f"{title:<44} planted  leaked  withheld  by detectors alone"
        for name, count in planted.items():
            if title != "place" or leaked[name] or withheld[name] or "-v" in sys.argv:
                yield f"  {name:<42} {count:>7} {leaked[name]:>7} {withheld[name]:>9} {undetected[name]:>19}"
    yield (
        f"in all: {len(outcome.leaked)} leaks of {len(outcome.planted)} plants, {len(outcome.withheld)} withheld; "
        f"by detectors alone {sum(not is_detected(plant.value) for plant in outcome.planted)} leaks"
    )


def is_detected(value: Value) -> bool:
    """Whether detectors take a bare value for something."""
    return vetoed(value.text) or any(detect(value.text.encode()))


def unsanitised(raw: RawExchange) -> object:
    """The raw exchange as a record: what the auditor must cry out at."""
    request, response = raw.request, raw.response
    return {
        "line": [raw.connection, request.method, request.host, request.path.decode("utf-8", "replace")],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers],
        "body": request.body,
        "answer": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.headers]
        if response
        else [],
        "answer body": response.body if response else None,
    }


if __name__ == "__main__":
    result = sanitised(plants())
    print("\n".join(table(result)))
    for (number, _), finding in result.leaks.items():
        plant = result.planted[number]
        print(f"{plant.place} · {plant.value.kind}: {finding.pointer} {finding.form}")
    sys.exit(bool(result.leaks))
