"""What must never pass for READY: runs that look well because something is missing from them, or is not true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from analysis.gate_file import Gate, Margins
from analysis.rehearsal import rehearse
from analysis.samples import ArtefactError
from analysis.verdict import Verdict, Word
from tests.runs import SHOP, Samples, shop, write_run

GATE = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25))
SEARCH = "GET /search"
RARE = "POST /login"


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("production") / "friday", shop(1), kind="production")


def judged(baseline: Path, tmp_path: Path, candidate: Samples, gate: Gate = GATE, **manifest: object) -> Verdict:
    return rehearse(baseline, write_run(tmp_path / "build", candidate, **manifest), gate).verdict


def of(samples: Samples, route: str) -> np.ndarray:
    return np.array(samples.route) == route


def with_rare_route(samples: Samples, every: int = 250) -> Samples:
    samples.route = [RARE if place % every == 0 else route for place, route in enumerate(samples.route)]
    return samples


def test_a_build_that_turns_requests_away(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2)
    away = of(candidate, SEARCH) & (np.random.default_rng(3).random(len(candidate.route)) < 0.015)
    candidate.status = np.where(away, 429, 200)
    candidate.response_s = np.where(away, 0.001, candidate.response_s)

    found = judged(baseline, tmp_path, candidate, replace(GATE, margins=Margins(relative=0.25, errors=0.002)))

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0].startswith("GET /search fails: ")
    assert "mostly 429" in found.reasons[0]


def test_a_tail_that_is_cut_off_by_the_time_out(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2)
    slowest = of(candidate, SEARCH) & (
        candidate.response_s > np.quantile(candidate.response_s[of(candidate, SEARCH)], 0.985)
    )
    candidate.response_s = np.where(slowest, 30.0, candidate.response_s)
    candidate.status = np.where(slowest, 0, 200)
    candidate.error = list(np.where(slowest, "timeout", ""))
    gate = replace(GATE, quantiles=[0.5, 0.99], margins=Margins(relative=0.25, errors=0.05))

    found = judged(baseline, tmp_path, candidate, gate)

    assert found.verdict is Word.NOT_READY
    assert "GET /search is slower: p99" in found.reasons[0]


def test_a_busy_route_that_answers_something_else(baseline: Path, tmp_path: Path) -> None:
    candidate = with_rare_route(shop(2), every=20)
    usual = write_run(tmp_path / "friday", with_rare_route(shop(1), every=20), kind="production")
    candidate.status = np.where(of(candidate, RARE), 401, 200)

    found = judged(usual, tmp_path, candidate)

    assert found.verdict is Word.INCONCLUSIVE
    assert found.reasons[0].startswith(f"{RARE} was not judged: 100 % of its answers were of another status class")


def test_a_rare_route_that_fails_always(tmp_path: Path) -> None:
    usual = write_run(tmp_path / "friday", with_rare_route(shop(1)), kind="production")
    candidate = with_rare_route(shop(2))
    candidate.status = np.where(of(candidate, RARE), 500, 200)
    candidate.response_s = np.where(of(candidate, RARE), 0.001, candidate.response_s)

    found = judged(usual, tmp_path, candidate)

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0].startswith(f"{RARE} fails: 100 % of requests, mostly 5xx")
    named = judged(usual, tmp_path / "named", candidate, replace(GATE, routes=[SEARCH], total=False))
    assert named.verdict is Word.READY
    assert [(item.route, item.quantile) for item in named.watch] == [(RARE, None)]


def test_a_rare_route_that_is_well_needs_no_proof(tmp_path: Path) -> None:
    usual = write_run(tmp_path / "friday", with_rare_route(shop(1)), kind="production")

    found = judged(usual, tmp_path, with_rare_route(shop(2)))

    assert found.verdict is Word.READY
    assert not any(claim.route == RARE for claim in found.claims)


def test_a_route_of_fast_failures_alone(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2)
    candidate.status = np.where(of(candidate, SEARCH), 503, 200)
    candidate.response_s = np.where(of(candidate, SEARCH), 0.0005, candidate.response_s)

    assert judged(baseline, tmp_path, candidate).verdict is Word.NOT_READY


def test_a_route_that_vanished_stands_in_the_first_line(tmp_path: Path) -> None:
    usual = write_run(tmp_path / "friday", with_rare_route(shop(1), every=20), kind="production")

    found = judged(usual, tmp_path, shop(2, routes=SHOP))

    assert found.verdict is Word.READY
    assert "reached 95 % of production's traffic (not replayed: POST /login)" in found.headline


@pytest.mark.parametrize("which", ["candidate", "baseline"])
def test_samples_that_count_twice(baseline: Path, tmp_path: Path, which: str) -> None:
    run = write_run(tmp_path / "build", shop(2))
    a = write_run(tmp_path / "friday", shop(1), kind="production")
    folder = run if which == "candidate" else a
    (folder / "samples-1.parquet").write_bytes((folder / "samples-0.parquet").read_bytes())

    found = rehearse(a, run, GATE).verdict

    assert found.verdict is Word.INVALID
    assert "samples" in found.reasons[0]


def test_what_production_took_is_no_candidate(baseline: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "monday", shop(2), kind="production")

    with pytest.raises(ArtefactError, match="monday: was made by production, and a candidate is a replay"):
        rehearse(baseline, other, GATE)


@pytest.mark.parametrize("kind", ["production", "load"])
def test_samples_that_count_twice_in_the_manifest_too(tmp_path: Path, kind: str) -> None:
    candidate = shop(2)
    twice = Samples(candidate.route * 2, np.tile(candidate.intended_s, 2), np.tile(candidate.response_s, 2))

    found = judged(write_run(tmp_path / "before", shop(1), kind=kind), tmp_path, twice)

    assert found.verdict is Word.INVALID
    assert "2.0 × the requests that its plan has" in found.reasons[0]


@pytest.mark.parametrize("error", ["stopped", "client"])
def test_slow_requests_that_were_stopped_before_they_were_answered(
    baseline: Path, tmp_path: Path, error: str
) -> None:
    candidate = shop(2)
    slow = candidate.response_s > np.quantile(candidate.response_s, 0.98)
    candidate.status = np.where(slow, 0, 200)
    candidate.error = list(np.where(slow, error, ""))

    found = judged(baseline, tmp_path, candidate)

    assert found.verdict is Word.INCONCLUSIVE
    assert found.reasons[0].startswith("2.0 % of the requests were stopped before they were answered")


@pytest.mark.parametrize("recorded", [0, 500])
def test_a_build_that_answers_all_with_404_what_nobody_recorded(tmp_path: Path, recorded: int) -> None:
    """As of a recording that holds requests alone, or of an hour in which production failed."""
    usual, candidate = shop(1), shop(2)
    unknown = np.random.default_rng(3).random(len(usual.route)) < 0.25
    usual.expected_status = candidate.expected_status = np.where(unknown, recorded, 200)
    candidate.status = np.where(unknown, 404, 200)

    found = judged(write_run(tmp_path / "friday", usual, kind="production"), tmp_path, candidate)

    assert found.verdict is Word.INCONCLUSIVE
    assert found.reasons[0].startswith("Of 26 % of the requests no answer was recorded but a failure")


def test_samples_that_end_before_they_began(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2, slower={SEARCH: 3.0})
    candidate.response_s = np.where(of(candidate, SEARCH), -candidate.response_s, candidate.response_s)

    found = judged(baseline, tmp_path, candidate)

    assert found.verdict is Word.INVALID
    assert "end before they were intended or sent" in found.reasons[0]


def test_samples_without_a_word_of_their_lag(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2)
    candidate.extra = {"ready": np.zeros(len(candidate.route), np.int64)}

    found = judged(baseline, tmp_path, candidate)

    assert found.verdict is Word.INVALID
    assert any("No sample says when its request was ready" in reason for reason in found.reasons)


def test_a_few_stalls_that_only_the_tail_shows(baseline: Path, tmp_path: Path) -> None:
    candidate = shop(2)
    for begin in range(20, 400, 40):  # of three seconds each: requests wait for their end
        stalled = (candidate.intended_s >= begin) & (candidate.intended_s < begin + 3)
        candidate.response_s = candidate.response_s + np.where(stalled, begin + 3 - candidate.intended_s, 0.0)

    found = judged(baseline, tmp_path, candidate)

    # Ten stalls where seven would be allowed may be chance; that they look far worse is said.
    assert found.verdict is Word.INCONCLUSIVE
    assert all("in spells too few to be sure" in reason for reason in found.reasons)
