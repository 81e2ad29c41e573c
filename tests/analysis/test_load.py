"""How much of production's load the candidate was asked for, and what the verdict says of too little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.gate_file import Gate, Margins
from analysis.rehearsal import rehearse
from analysis.samples import ArtefactError
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
