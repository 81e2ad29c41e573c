"""Capacity: queues whose knee is known, steps that the generator limited, and limits from gate, baseline or step."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.capacity import Capacity, Limit, Order, capacity_of, limits_of, steps_of
from analysis.compare import TOTAL
from analysis.gate_file import Budget, Gate, Slo
from analysis.report.capacity import capacity_html, headline
from analysis.samples import read_run
from replay.runs import Tick
from tests.runs import Samples, write_run

SERVED_PER_S = 100.0
STEP_S = 40.0
GATE = Gate(quantiles=[0.95])


def queue(rng: np.random.Generator, loads_per_s: list[float]) -> Samples:
    """One server with exponential service times, asked at rising Poisson rates, first come first served (Lindley)."""
    arrivals = np.concatenate(
        [
            np.sort(rng.uniform(i * STEP_S, (i + 1) * STEP_S, rng.poisson(rate * STEP_S)))
            for i, rate in enumerate(loads_per_s)
        ]
    )
    service = rng.exponential(1 / SERVED_PER_S, arrivals.size)
    served = np.cumsum(service)
    ends = served + np.maximum.accumulate(arrivals - (served - service))
    return Samples(["GET /"] * arrivals.size, arrivals, ends - arrivals)


def order(loads: list[float]) -> list[Order]:
    return [Order(load, i * STEP_S, i * STEP_S + 4, (i + 1) * STEP_S) for i, load in enumerate(loads)]


def measured(tmp_path: Path, samples: Samples, loads: list[float], **manifest: object) -> Capacity:
    run = read_run(write_run(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", samples, **manifest))
    steps = steps_of(run, order(loads), GATE)
    limits = limits_of(steps[0].tally, GATE, None, 2.0, 0.01)
    return capacity_of("friday", steps, limits, 20.0, 30.0)


def test_the_knee_of_a_known_queue_lies_within_the_interval(tmp_path: Path) -> None:
    """M/M/1: p95 of the response is ln 20/(µ − λ), so twice that of λ₀ is reached at (µ + λ₀)/2 = 60 a second."""
    loads = [1.0, 2.0, 2.6, 2.9, 3.2, 4.2]
    rng = np.random.default_rng(11)
    found = [measured(tmp_path, queue(rng, [20 * load for load in loads]), loads) for _ in range(8)]

    held = [each for each in found if each.lower <= 3.0 <= (each.upper or math.inf)]
    assert len(held) >= 7
    assert np.median([each.first.load for each in found if each.first]) == pytest.approx(3.0, abs=0.25)
    assert all(each.upper is not None and each.upper <= 4.4 for each in found)


def test_a_target_that_never_gives_way_carries_at_least_what_was_tried(tmp_path: Path) -> None:
    found = measured(tmp_path, queue(np.random.default_rng(2), [10.0, 20.0, 22.0]), [0.5, 1.0, 1.1])

    assert found.first is None
    assert found.upper is None
    assert headline(found).startswith("Staging carries at least 1.1 × friday's traffic; no limit gave way.")


def test_what_fails_gives_way_by_its_errors(tmp_path: Path) -> None:
    samples = queue(np.random.default_rng(3), [20.0, 24.0, 28.0])
    samples.status = np.where(samples.intended_s > 2 * STEP_S, 503, 200)
    found = measured(tmp_path, samples, [1.0, 1.2, 1.4])

    assert found.first is not None
    assert found.limits[found.first.limit].quantile is None
    assert found.upper == pytest.approx(1.4, abs=0.1)
    assert "which fails in more than 1.0 % of requests" in headline(found)


def test_a_late_generator_is_not_taken_for_a_full_target(tmp_path: Path) -> None:
    samples = queue(np.random.default_rng(4), [20.0, 40.0, 60.0])
    samples.lag_s = np.where(samples.intended_s > 2 * STEP_S, 0.2, 0.0001)
    samples.response_s = samples.response_s + samples.lag_s
    found = measured(tmp_path, samples, [1.0, 2.0, 3.0])

    assert [bool(step.fault) for step in found.steps] == [False, False, True]
    assert found.first is None
    assert "the generator lagged by 200" in headline(found)


def test_a_busy_generator_is_a_fault_too(tmp_path: Path) -> None:
    ticks = [Tick(0, second, 10, 10, 1, 0.95 if second >= STEP_S else 0.2, 1_000_000) for second in range(80)]
    found = measured(tmp_path, queue(np.random.default_rng(5), [20.0, 30.0]), [1.0, 1.5], ticks=ticks)

    assert [step.fault for step in found.steps] == ["", "the generator used more than 80 % of its core"]


@pytest.mark.parametrize(("broken_s", "from_s"), [(0.6, 39.4), (3.5, 40.0), (4.1, 40.0), (9.0, 44.0)])
def test_a_step_cut_by_the_breaker_is_read_as_far_as_it_went(tmp_path: Path, broken_s: float, from_s: float) -> None:
    """However soon it broke down, also just after the step's first part, which is left out."""
    samples = queue(np.random.default_rng(6), [20.0, 30.0])
    samples.status = np.where(samples.intended_s > STEP_S, 503, 200)
    ended_at_ns = round((STEP_S + broken_s) * 1e9)
    run = read_run(write_run(tmp_path / "run", samples, ended="breaker", ended_at_ns=ended_at_ns))

    steps = steps_of(run, order([1.0, 1.5]), GATE)

    assert [step.tally.window.start_ns / 1e9 for step in steps] == pytest.approx([4.0, from_s])


def test_what_is_proved_broken_is_said_though_it_was_over_at_the_next_step(tmp_path: Path) -> None:
    samples = queue(np.random.default_rng(3), [20.0, 22.0, 24.0, 26.0, 28.0])
    slow = (samples.intended_s > STEP_S) & (samples.intended_s < 2 * STEP_S)
    samples.response_s = np.where(slow, 4 * samples.response_s, samples.response_s)
    found = measured(tmp_path, samples, [1.0, 1.1, 1.2, 1.3, 1.4])

    assert found.first is not None
    assert found.first.load == found.upper == pytest.approx(1.1, abs=0.1)
    assert "no limit gave way" not in headline(found)


def test_a_generator_that_lagged_at_a_lower_step_is_not_said_to_be_above(tmp_path: Path) -> None:
    samples = queue(np.random.default_rng(4), [10.0, 12.0, 14.0])
    samples.lag_s = np.where(samples.intended_s < STEP_S, 0.2, 0.0001)
    found = measured(tmp_path, samples, [0.5, 0.6, 0.7])

    assert headline(found).endswith("friday's traffic; no limit gave way.")


def test_few_requests_leave_the_failures_of_all_together_to_be_proved(tmp_path: Path) -> None:
    """Else a target that fails would be said to carry everything, for want of a limit that it breaks."""
    samples = queue(np.random.default_rng(12), [4.0, 4.0])
    samples.status = np.where(samples.intended_s > STEP_S, 503, 200)
    found = measured(tmp_path, samples, [0.2, 0.4])

    assert [limit.route for limit in found.limits if limit.quantile is None] == [TOTAL]
    assert "which fails in more than 1.0 % of requests" in headline(found)


def test_a_budget_of_nothing_and_one_of_everything_have_a_page(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", queue(np.random.default_rng(7), [20.0])))
    steps = steps_of(run, order([1.0]), GATE)
    none = Gate(quantiles=[0.95], budgets=[Budget(route="GET /", max_error_rate=0.0)])
    limits = limits_of(steps[0].tally, none, None, 2.0, 1.0)

    assert [limit.value for limit in limits if limit.quantile is None] == [0.0]
    assert "GET / errors" in capacity_html(capacity_of("friday", steps, limits, 20.0, 30.0))


def test_a_gate_s_own_limits_come_before_the_usual_ones(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", queue(np.random.default_rng(7), [20.0])))
    first = steps_of(run, order([1.0]), GATE)[0].tally
    gate = Gate(
        quantiles=[0.95],
        slos=[Slo(route="GET /", quantile=0.95, max_ms=80)],
        budgets=[Budget(route="GET /", max_error_rate=0.02)],
    )

    by_gate = limits_of(first, gate, None, 2.0, 0.01)
    by_baseline = limits_of(first, GATE, first, 2.0, 0.01)

    assert Limit("GET /", 0.95, 80, "gate") in by_gate
    assert Limit("GET /", None, 0.02, "gate") in by_gate
    assert [limit.source for limit in by_gate if limit.route == TOTAL] == ["first step", "default"]
    (p95,) = (limit for limit in by_baseline if limit.route == "GET /" and limit.quantile)
    (twice,) = (
        limit for limit in limits_of(first, GATE, None, 2.0, 0.01) if limit.route == "GET /" and limit.quantile
    )
    assert p95.source == "baseline"
    assert p95.value == pytest.approx(twice.value / 2 * 1.129, rel=0.03)  # 5 ms of about 37 are more than 10 %


def test_the_page_says_what_the_terminal_says(tmp_path: Path) -> None:
    found = measured(tmp_path, queue(np.random.default_rng(8), [20.0, 60.0, 90.0]), [1.0, 3.0, 4.5])

    assert headline(found).replace("'", "&#39;") in capacity_html(found)
