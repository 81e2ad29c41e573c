"""What is mapped with others becomes what it becomes alone, and what is no simple text is left to be mapped alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.ahead import ENOUGH, FEW, Ahead
from replay.sanitize.leaves import Leaves
from replay.sanitize.pseudonyms import Pseudonyms
from replay.sanitize.recent import Recent
from tests.sanitize.making import leaves, sanitizer

OTHERS = [f"other{number:02d}x" for number in range(FEW + ENOUGH)]
"""So many new texts that the rest of a document is looked at ahead."""
RUNS = st.one_of(
    st.text("abcXYZ", min_size=1, max_size=12),
    st.text("0123456789", min_size=1, max_size=20),
    st.text("ab01XY", min_size=1, max_size=30),
    st.sampled_from(["com", "company", "eyJhbGciOiJI", "example", "4539578763621486", "aa", "DE", "2026"]),
)
TEXTS = st.lists(st.tuples(RUNS, st.sampled_from(["_", " ", ".", "__", "-", "", ": ", "/", "@"])), min_size=1).map(
    lambda pieces: "".join(run + gap for run, gap in pieces).rstrip("_ ")
)
SIMPLE = (
    "floorlamp",
    "Jane Austen",
    "in_transit",
    "txi_1Pgc6sB7WZ01zgkWXkvC78jZ",
    "card.present",
    "4539578763621486",
)
NOT_SIMPLE = (
    *("2026-09-21", "jane@birdsong.org", "shop.example.com", "api.birdsong.co_uk", "eyJhbGciOiJI.eyJzdWIi.c2ln"),
    *("amFuZSBhdXN0ZW4gb2YgYmF0aA", "it is a text of more words than a name has", "+15555555555", "9.90", "a-b"),
)


MAP = leaves()


def ahead() -> tuple[Ahead, Recent[str, str]]:
    """One that has seen nothing, and where it keeps what it maps."""
    texts = Recent[str, str](lambda text: text, 1 << 20)
    return Ahead(texts, MAP.pseudonyms.words, MAP.run), texts


def met_a_few(mine: Ahead, document: object) -> None:
    mine.begin(json.dumps(document))
    for text in OTHERS[:FEW]:
        mine.has(text)


@given(st.lists(TEXTS, max_size=20))
def test_what_is_mapped_with_others_becomes_what_it_becomes_alone(texts: list[str]) -> None:
    mine, found = ahead()
    met_a_few(mine, [*OTHERS, *texts])

    assert found.keys() >= set(OTHERS)
    assert found == {text: MAP.text(text) for text in found}


def test_simple_texts_are_mapped_together_once_a_few_were_met() -> None:
    mine, texts = ahead()
    mine.begin(json.dumps({"value": [*OTHERS, *SIMPLE]}))
    assert not any(mine.has(text) for text in OTHERS[: FEW - 1])
    assert not texts

    assert mine.has(OTHERS[FEW])

    assert texts.keys() >= {*OTHERS, *SIMPLE}


def test_where_there_are_few_each_is_left_to_be_mapped_alone() -> None:
    mine, texts = ahead()
    met_a_few(mine, OTHERS[: ENOUGH - 1])

    assert not texts


def test_what_is_no_simple_text_is_left_alone() -> None:
    mine, texts = ahead()
    met_a_few(mine, [*OTHERS, *NOT_SIMPLE])

    assert texts.keys().isdisjoint(NOT_SIMPLE)


def test_names_are_left_alone() -> None:
    mine, texts = ahead()
    met_a_few(mine, {"floorlamp": 1, "others": OTHERS})

    assert "floorlamp" not in texts


def test_nothing_is_looked_at_behind_the_end_of_a_document() -> None:
    mine, texts = ahead()
    mine.begin(json.dumps(list(SIMPLE)))
    mine.begin("")

    assert not any(mine.has(text) for text in OTHERS)
    assert not texts


def _words_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pseudonyms, "words", lambda _self, runs: list(runs))


def _words_change_places(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Pseudonyms.words
    monkeypatch.setattr(Pseudonyms, "words", lambda self, runs: original(self, runs)[::-1])


def _runs_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Leaves.__init__

    def made(self: Leaves, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.ahead._run = lambda run: run

    monkeypatch.setattr(Leaves, "__init__", made)


@pytest.mark.parametrize("broken", [_words_pass, _words_change_places, _runs_pass])
def test_a_map_of_many_that_is_not_that_of_one_is_noticed(
    broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [MAP.text(text) for text in SIMPLE]
    assert in_a_document(SIMPLE) == alone

    broken(monkeypatch)

    assert in_a_document(SIMPLE) != alone


def in_a_document(texts: Sequence[str]) -> list[str]:
    """What texts become behind others in a document, written by a sanitiser that has seen nothing, without a gate."""
    document = sanitizer()._bodies._documents.document(json.dumps([*OTHERS, *texts]))
    found: list[str] = json.loads(document or "null")
    return found[len(OTHERS) :]
