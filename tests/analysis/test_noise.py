"""Run-to-run noise: learned from repeated runs of one build, and raised for how few they are."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.noise import RunNoise, _not_ruled_out, count_repeats, noise_of
from analysis.samples import ArtefactError, Run, read_run
from analysis.tally import Tally, Window, tally
from tests.runs import shop, write_run


def repeats(tmp_path: Path, n: int, sd: float, **manifest: object) -> list[Run]:
    """Runs of one build whose level differs by ``sd`` from run to run."""
    rng = np.random.default_rng(5)
    found = []
    for i in range(n):
        samples = shop(20 + i, length_s=120)
        samples.response_s = samples.response_s * np.exp(rng.normal(0, sd))
        found.append(read_run(write_run(tmp_path / f"aa-{i}", samples, **manifest)))
    return found


def counted(runs: list[Run]) -> list[Tally]:
    return [tally(run, Window(0, 2 * 10**9, 60)) for run in runs]


def test_the_spread_between_runs_is_found(tmp_path: Path) -> None:
    noise = noise_of(counted(repeats(tmp_path, 12, 0.08)), [0.5], 0.05)
    levels = np.random.default_rng(5).normal(0, 0.08, 12)

    assert noise.by_quantile[0.5] == pytest.approx(np.std(levels, ddof=1), rel=0.2)
    assert noise.runs == 12


def test_runs_that_do_not_differ_have_next_to_no_noise(tmp_path: Path) -> None:
    assert noise_of(counted(repeats(tmp_path, 8, 0.0)), [0.5, 0.95], 0.05).sd < 0.02


def test_few_runs_count_for_less_by_students_t() -> None:
    four, assumed = RunNoise(0.02, {0.5: 0.01}, runs=4), RunNoise(0.02)

    factor = stats.t.ppf(0.95, 3) / stats.norm.ppf(0.95)
    assert four.of_run(0.5) == pytest.approx(0.01 * factor)
    assert four.of_run(0.95) == pytest.approx(0.02 * factor)
    assert assumed.of_run(0.5) == 0.02
    assert assumed.of_difference(0.5) == pytest.approx(0.02 * math.sqrt(2))


def test_what_few_runs_do_not_rule_out_is_not_given_up(tmp_path: Path) -> None:
    runs = counted(repeats(tmp_path, 12, 0.0))
    few, many = noise_of(runs[:3], [0.5], 0.05), noise_of(runs, [0.5], 0.05)

    assert max(few.at_least[0.5], many.at_least[0.5]) <= 0.03
    assert _not_ruled_out(0.01**2, 0.01**2, 3) == pytest.approx(0.01 * math.sqrt(2 / stats.chi2.ppf(0.2, 2) - 1))
    assert _not_ruled_out(0.01**2, 0.01**2, 3) > 2 * _not_ruled_out(0.01**2, 0.01**2, 20)
    nothing = RunNoise(0.0, {0.5: 0.0}, runs=4, at_least={0.5: 0.03})
    assert nothing.of_run(0.5) == nothing.of_run(0.95) == 0.03
    assert nothing.not_ruled_out() == {0.5: 0.03}
    assert RunNoise(0.05, {0.5: 0.05}, runs=4, at_least={0.5: 0.03}).not_ruled_out() == {}


def test_the_noise_of_few_runs_keeps_its_promise() -> None:
    dice = np.random.default_rng(3)
    own, sd, runs, alarms = 0.01, 0.03, 3, {"measured": 0, "at least": 0}
    for _ in range(4000):
        logs = dice.normal(0, math.hypot(own, sd), runs)
        spread = float(np.var(logs, ddof=1))
        measured = math.sqrt(max(0.0, spread - own**2))
        at_least = min(0.03, _not_ruled_out(spread, own**2, runs))
        difference = dice.normal(0, math.sqrt(2) * math.hypot(own, sd))
        for name, noise in (
            ("measured", RunNoise(measured, {0.5: measured}, runs)),
            ("at least", RunNoise(measured, {0.5: measured}, runs, {0.5: at_least})),
        ):
            alarms[name] += abs(difference) > 1.96 * math.hypot(math.sqrt(2) * own, noise.of_difference(0.5))

    assert alarms["measured"] / 4000 > 0.08
    assert alarms["at least"] / 4000 < 0.065


def test_two_runs_measure_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"2 A/A runs cannot measure run-to-run noise\. Name at least 3"):
        count_repeats(repeats(tmp_path, 2, 0.0), 2.0)


def test_runs_of_two_scales_are_no_repeats(tmp_path: Path) -> None:
    runs = repeats(tmp_path / "a", 2, 0.0) + repeats(tmp_path / "b", 1, 0.0, scale=2.0)

    with pytest.raises(ArtefactError, match="is of another plan, scale, speed or mode than"):
        count_repeats(runs, 2.0)


def test_a_broken_off_run_is_no_repeat(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="is too short or did not complete, so it is no A/A run"):
        count_repeats(repeats(tmp_path, 3, 0.0, ended="breaker"), 2.0)
