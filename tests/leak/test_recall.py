"""No value of any kind survives in any place: the sanitiser against the auditor, without a proxy between them."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from recall import PLACES, Clean, certain, look, plants, sanitised, sanitizer, table, unsanitised

from replay.audit.canaries import Search
from replay.audit.reading import record_of
from replay.audit.scan import examine

# Only methods that are known are replayed; an exchange with another one is withheld.
WITHHELD = {"A method"}


def test_the_auditor_finds_every_plant_where_nothing_is_sanitised() -> None:
    planted = plants(kinds_a_place=1)
    outcome = look(planted, unsanitised)

    missed = Counter(plant.place for plant in planted if plant.number not in outcome.leaked)
    assert missed == {}


def test_no_plant_survives_in_any_place(capsys: pytest.CaptureFixture[str]) -> None:
    planted = plants()
    outcome = sanitised(planted)

    with capsys.disabled():
        print("", *table(outcome), sep="\n")
    assert len(planted) >= 3_300
    assert outcome.leaks == {}
    assert {planted[number].place for number in outcome.withheld} == WITHHELD


def test_the_gate_does_not_hide_what_the_walkers_let_through() -> None:
    """Without its gate the sanitiser must not leak either; the gate is a net, not a walker."""

    class Open:
        def passes(self, *_: object) -> bool:
            return True

    def ungated(key: int) -> Clean:
        found = sanitizer(key)
        found._gate = Open()  # type: ignore[assignment]
        return found.clean

    assert certain(plants(seed=7, kinds_a_place=3), ungated).leaks == {}


def test_nothing_written_lies_outside_the_reserved_range_of_its_kind() -> None:
    """No pseudonym is an address, a number or a secret that could be somebody's."""
    clean = sanitizer(0).clean
    nothing = Search([])
    found = Counter(
        (finding.kind, plant.place, plant.value.kind)
        for plant in plants(kinds_a_place=8)
        for finding in examine("record", record_of("record", msgspec.json.encode(clean(plant.raw))), nothing)
    )

    assert found == {}


def test_no_body_is_stored_in_the_form_in_which_it_came() -> None:
    """What the auditor cannot decode must not be there at all."""
    clean = sanitizer(0).clean
    looked_at = 0
    for plant in plants(kinds_a_place=1):
        exchange = clean(plant.raw)
        if exchange is None:
            continue
        written = msgspec.to_builtins(exchange, builtin_types=(bytes,))
        bodies = [body for side in ("request", "response") if (body := written[side].get("body"))]
        for body in bodies:
            stored = body.get("base64", b"") if isinstance(body, dict) else body.encode("utf-8", "surrogatepass")
            for raw in (plant.raw.request.body, plant.raw.response.body if plant.raw.response else b""):
                assert not raw or len(raw) < 16 or raw not in stored, plant.place
                looked_at += len(raw or b"") >= 16
    assert looked_at > 100


def test_every_class_of_places_is_planted() -> None:
    assert {place[0] for place in PLACES} == set("ABCD")
