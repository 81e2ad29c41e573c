"""How much of production's load the candidate was asked for, and what the verdict says of too little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.gate_file import Gate, Margins
from analysis.histogram import BUCKETS, Histogram, SliceCounter
from analysis.load import load_of
from analysis.rehearsal import rehearse
from analysis.samples import ArtefactError, Manifest, Run
from analysis.tally import OK, OUTCOMES, Tally, Window, route_tally
from analysis.verdict import Verdict, Word
from tests.runs import Samples, shop, write_run

GATE = Gate(slice_s=2.0, margins=Margins(relative=0.25))


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return write_run(tmp_path / "friday", shop(1), kind="production")


def judged(baseline: Path, tmp_path: Path, samples: Samples, **manifest: object) -> Verdict:
    return rehearse(baseline, write_run(tmp_path / "build", samples, **manifest), GATE).verdict


def thinned(samples: Samples, keep: np.ndarray) -> Samples:
    """Only the rows that ``keep`` marks."""
    return replace(
        samples,
        route=[name for name, is_kept in zip(samples.route, keep, strict=True) if is_kept],
        intended_s=samples.intended_s[keep],
        response_s=samples.response_s[keep],
        status=np.asarray(samples.status)[keep],
    )


def test_the_whole_load_is_ready(baseline: Path, tmp_path: Path) -> None:
    assert judged(baseline, tmp_path, shop(2)).verdict is Word.READY


@pytest.mark.parametrize("pace", [{"scale": 0.1}, {"scale": 0.5}])
def test_a_part_of_the_load_is_not_ready_for_all_of_it(
    baseline: Path, tmp_path: Path, pace: dict[str, float]
) -> None:
    samples = shop(2)
    keep = np.random.default_rng(3).random(len(samples.route)) < pace["scale"]

    found = judged(baseline, tmp_path, thinned(samples, keep), **pace)

    assert found.verdict is Word.INCONCLUSIVE
    assert "× production's load only" in " ".join(found.reasons)


def test_a_closed_replay_says_nothing_about_the_load(baseline: Path, tmp_path: Path) -> None:
    assert judged(baseline, tmp_path, shop(2), mode="closed").verdict is Word.INCONCLUSIVE


def test_a_route_that_was_replayed_in_part_counts_in_part(baseline: Path, tmp_path: Path) -> None:
    samples = shop(2)
    keep = np.random.default_rng(3).random(len(samples.route)) < 0.3

    found = judged(baseline, tmp_path, thinned(samples, keep))

    assert found.verdict is Word.INVALID
    assert found.judged_share == pytest.approx(0.3, abs=0.03)


def test_a_build_that_hangs_cannot_move_the_mix_of_what_was_asked_of_it(baseline: Path, tmp_path: Path) -> None:
    samples = shop(2)
    hangs = np.array([name == "GET /search" for name in samples.route])
    late = samples.intended_s + np.where(hangs, 600.0, 0.0)  # whatever depended on it slid out of the window
    due = np.round(samples.intended_s * 1e9).astype(np.int64)
    error = ["stopped" if is_hanging else "" for is_hanging in hangs]

    found = judged(
        baseline,
        tmp_path,
        replace(samples, intended_s=late, error=error, extra={"due": due}),
        ended="breaker",
        duration_ns=400 * 10**9,
        ended_at_ns=400 * 10**9,
    )

    assert found.verdict is Word.NOT_READY
    assert found.mix_distance < 0.01


def test_a_plan_without_the_capture_s_beginning_is_laid_on_its_own_part_of_production(tmp_path: Path) -> None:
    slow_start = shop(1)
    early = slow_start.intended_s < 200
    slow_start.response_s[early] *= 3
    baseline = write_run(tmp_path / "friday", slow_start, kind="production")
    samples = shop(2, slower={"GET /": 2.0, "GET /search": 2.0, "GET /products/{product_id}": 2.0})
    later = thinned(samples, samples.intended_s >= 200)
    later.intended_s = later.intended_s - 200

    found = judged(baseline, tmp_path, later, zero_ns=200 * 10**9)

    assert found.is_paired
    assert found.verdict is Word.NOT_READY


def test_a_run_is_never_judged_by_itself(baseline: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot be judged by itself"):
        rehearse(baseline, baseline, GATE)


@pytest.mark.parametrize("fault", [{"ended": "interrupted"}, {"lost_samples": 5000}, {"ended": "whatever"}])
def test_a_baseline_run_that_cannot_be_believed_makes_the_verdict_invalid(
    tmp_path: Path, fault: dict[str, object]
) -> None:
    baseline = write_run(tmp_path / "last-good", shop(1), **fault)

    found = judged(baseline, tmp_path, shop(2))

    assert found.verdict is Word.INVALID
    assert found.reasons[0].startswith("In the baseline:")


def test_a_baseline_of_production_that_was_cut_off_makes_the_verdict_invalid(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "friday", shop(1), kind="production", requests=50_000)

    assert judged(baseline, tmp_path, shop(2)).verdict is Word.INVALID


def test_a_busy_route_that_says_too_little_may_not_pass_for_one_that_is_well(tmp_path: Path) -> None:
    dice = np.random.default_rng(5)

    def with_bursts(seed: int, factor: float) -> Samples:
        samples = shop(seed, routes={"GET /": 0.02, "GET /report": 0.03})
        is_report = np.array([name == "GET /report" for name in samples.route])
        in_burst = np.sin(samples.intended_s / 7) > 0.95
        keep = ~is_report | (dice.random(len(samples.route)) < 0.1)
        samples.response_s = np.where(is_report & in_burst, samples.response_s * 5 * factor, samples.response_s)
        return thinned(samples, keep)

    baseline = write_run(tmp_path / "friday", with_bursts(1, 1.0), kind="production")

    found = judged(baseline, tmp_path, with_bursts(2, 4.0))

    assert found.verdict is not Word.READY


def counted(by_route: np.ndarray) -> Tally:
    """A run that answered so many requests well, shape (routes, slices)."""
    slices = by_route.shape[1]
    nothing = SliceCounter(slices, BUCKETS).histograms(1)[0]
    routes = {}
    for number, counts in enumerate(by_route):
        cells = np.full(slices, OK, np.int16)
        outcomes = Histogram(slices, np.arange(slices, dtype=np.int32), cells, counts, len(OUTCOMES))
        routes[str(number)] = route_tally(str(number), nothing, nothing, nothing, outcomes)
    asked = {name: route.n for name, route in routes.items()}
    manifest = Manifest("run/1", "load", "", "", {}, "", "", "")
    rows = int(by_route.sum())
    lag, none = nothing, np.zeros(slices)
    return Tally(
        Run(Path(), manifest), Window(0, 10**9, slices), routes, lag, none, none, asked, rows, 0, 0, float(rows)
    )


def drawn(rng: np.random.Generator, sessions: int, routes: int) -> tuple[np.ndarray, np.ndarray]:
    """Requests per route and slice of all sessions, and of a random half of them; a session has its own taste."""
    both = np.zeros((2, routes, 60))
    for is_kept, start in zip(rng.random(sessions) < 0.5, rng.integers(0, 55, sessions), strict=True):
        size = int(rng.geometric(1 / 6))
        route = rng.choice(routes, size, p=rng.dirichlet(np.full(routes, 0.5)))
        np.add.at(both[0], (route, start + rng.integers(0, 5, size)), 1)
        if is_kept:
            np.add.at(both[1], (route, start + rng.integers(0, 5, size)), 1)
    return both[0], both[1]


@pytest.mark.parametrize(("sessions", "routes"), [(40, 2), (40, 8), (200, 3), (200, 20)])
def test_a_mix_that_is_off_by_chance_alone_is_within_its_limit(sessions: int, routes: int) -> None:
    rng = np.random.default_rng([9, sessions, routes])
    names = [str(number) for number in range(routes)]
    found = [
        load_of(*(counted(each) for each in drawn(rng, sessions, routes)), common=names)  # type: ignore[misc]
        for _ in range(120)
    ]

    beyond = [load.mix_distance > Gate().validity.max_mix_distance + load.mix_chance for load in found]
    assert np.mean([load.mix_distance > 0.02 for load in found]) > 0.5  # without chance most would be refused
    assert np.mean(beyond) <= 0.01


def test_an_exact_replay_leaves_nothing_to_chance(baseline: Path, tmp_path: Path) -> None:
    found = rehearse(baseline, write_run(tmp_path / "build", shop(2)), GATE).comparison.load

    assert found.mix_distance == 0
    assert found.mix_chance == pytest.approx(0.0, abs=1e-9)


def test_a_mix_other_than_production_s_is_invalid(baseline: Path, tmp_path: Path) -> None:
    samples = shop(2)
    is_search = np.array([name == "GET /search" for name in samples.route])
    keep = ~is_search | (np.random.default_rng(4).random(is_search.size) < 0.85)

    found = judged(baseline, tmp_path, thinned(samples, keep))

    assert found.verdict is Word.INVALID
    assert (
        "The mix of routes differs by 3.5 % from the baseline's, most by GET /search (34 % → 30 %)"
        in found.reasons[0]
    )
