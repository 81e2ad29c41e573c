"""What a woken person is told to do, by the word and what it rests on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analysis.report.advice import next_step
from analysis.verdict import State, Verdict, Word

GOLDEN = Path(__file__).parents[1] / "golden" / "verdict.json"


@pytest.fixture
def found() -> Verdict:
    """A verdict NOT READY whose failures are on two routes and the total."""
    return msgspec.json.decode(GOLDEN.read_bytes(), type=Verdict)


def test_a_build_that_is_not_ready_is_held_and_its_gravest_route_named(found: Verdict) -> None:
    assert next_step(found) == "Now: do not release this build. Begin with GET /."


def test_the_total_is_no_place_to_begin_where_a_route_failed(found: Verdict) -> None:
    claims = [claim for claim in found.claims if claim.route != "GET /" or claim.state is not State.FAILED]

    assert next_step(msgspec.structs.replace(found, claims=claims)).endswith("Begin with GET /search.")


def test_a_build_that_broke_down_sends_to_the_timeline(found: Verdict) -> None:
    assert "Begin with the timeline" in next_step(msgspec.structs.replace(found, claims=[]))


def test_a_ready_build_may_go_once_the_watch_list_was_seen(found: Verdict) -> None:
    ready = msgspec.structs.replace(found, verdict=Word.READY)

    assert "5 changes that no gate asks about" in next_step(msgspec.structs.replace(ready, watch=found.watch[:5]))
    assert next_step(msgspec.structs.replace(ready, watch=[])) == (
        "Now: as far as load goes, this build may be released."
    )


@pytest.mark.parametrize("word", [Word.INCONCLUSIVE, Word.INVALID])
def test_what_decides_nothing_neither_clears_nor_blames(found: Verdict, word: Word) -> None:
    told = next_step(msgspec.structs.replace(found, verdict=word))

    assert "may be released" not in told
    assert "again" in told
    assert "neither" in told or "no pass" in told
