"""The four words: each with its cause, and above all whose fault it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from analysis.compare import compare
from analysis.gate_file import Budget, Gate, Margins, Override, Slo, ValidityLimits
from analysis.judge import judge
from analysis.noise import RunNoise
from analysis.samples import read_run
from analysis.verdict import State, Verdict, Word
from replay.runs import Tick
from tests.runs import Samples, shop, write_run

SECOND = 10**9
WIDE = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25))


def verdict(
    tmp_path: Path,
    candidate: Samples,
    gate: Gate = WIDE,
    baseline: Samples | None = None,
    source: str = "live",
    **manifest,
) -> Verdict:
    a = read_run(write_run(tmp_path / "friday", baseline or shop(1), kind="production", source=source))
    b = read_run(write_run(tmp_path / "build", candidate, **manifest))
    found = compare(a, b, slice_s=gate.slice_s, run_noise=RunNoise(gate.assumed_run_noise), max_miss=gate.max_miss)
    return judge(found, gate)


def ticks(n: int, *, cpu: float = 0.2, loop_ms: float = 1.0, worker: int = 0) -> list[Tick]:
    return [Tick(worker, s, 10, 10, 1, cpu, int(loop_ms * 1e6)) for s in range(n)]


def test_an_unchanged_build_is_ready(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2))

    assert (found.verdict, found.exit_code) == (Word.READY, 0)
    assert {claim.state for claim in found.claims} == {State.PASSED}
    assert "Run-to-run noise of 3.0 % is assumed" in found.headline


def test_a_faster_build_is_ready(tmp_path: Path) -> None:
    assert verdict(tmp_path, shop(2, slower={"GET /search": 0.5})).verdict is Word.READY


def test_a_slower_route_is_not_ready_and_named_with_its_figures(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, slower={"GET /search": 1.6}))

    assert (found.verdict, found.exit_code) == (Word.NOT_READY, 1)
    assert found.reasons[0].startswith("GET /search is slower: p")
    assert "allowed +25 %" in found.reasons[0]
    failed = {(claim.route, claim.quantile) for claim in found.claims if claim.state is State.FAILED}
    assert {("GET /search", 0.5), ("GET /search", 0.95)} <= failed
    assert not any(route == "GET /" for route, _ in failed)


def test_a_failing_route_is_not_ready_and_named_with_its_class(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, failing={"GET /": 0.04}))

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0].startswith("GET / fails: ")
    assert "of requests, mostly 5xx, before 0 %" in found.reasons[0]


def test_fast_failures_are_no_speed_up(tmp_path: Path) -> None:
    candidate = shop(2, failing={"GET /search": 0.5})
    candidate.response_s = np.where(candidate.status == 500, 0.001, candidate.response_s)

    found = verdict(tmp_path, candidate)

    row = next(row for row in found.routes if row.route == "GET /search")
    assert abs(row.quantiles[0].change) < 0.1
    assert row.failed_p50_ms == pytest.approx(1.0, rel=0.01)
    assert found.verdict is Word.NOT_READY


def test_what_looks_worst_is_the_first_reason_of_an_open_verdict(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, slower={"GET /search": 1.09}), Gate(slice_s=2.0))

    assert found.verdict is Word.INCONCLUSIVE
    assert len(found.reasons) > 1
    assert found.reasons[0].startswith("GET /search p")


def test_a_change_near_the_margin_is_inconclusive_with_advice(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, slower={"GET /search": 1.22}))

    assert (found.verdict, found.exit_code) == (Word.INCONCLUSIVE, 3)
    assert any("GET /search" in reason and "near its margin" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("error", "name"), [("timeout", "timeout"), ("reset", "reset, protocol, TLS"), ("ceiling", "no free slot")]
)
def test_the_targets_failures_count_against_the_build(tmp_path: Path, error: str, name: str) -> None:
    candidate = shop(2)
    failing = np.random.default_rng(1).random(len(candidate.route)) < 0.2
    candidate.status = np.where(failing, 0, 200)
    candidate.error = list(np.where(failing, error, ""))

    found = verdict(tmp_path, candidate)

    assert found.verdict is Word.NOT_READY
    assert f"mostly {name}" in found.reasons[0]


def test_a_build_that_refuses_connections_is_not_ready(tmp_path: Path) -> None:
    candidate = shop(2)
    refused = np.random.default_rng(1).random(len(candidate.route)) < 0.7
    candidate.status = np.where(refused, 0, 200)
    candidate.error = list(np.where(refused, "connect", ""))

    found = verdict(tmp_path, candidate)

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0].startswith("The build refused connections: 7")


def test_an_open_breaker_is_not_ready_even_where_hardly_anything_was_judged(tmp_path: Path) -> None:
    candidate = shop(2, length_s=12, rate_per_s=5, routes={"GET /": 0.02}, failing={"GET /": 1.0})

    found = verdict(
        tmp_path,
        candidate,
        duration_ns=400 * SECOND,
        ended="breaker",
        ended_reason="more than 50 % failed",
        ended_at_ns=12 * SECOND,
    )

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0] == (
        "The build broke down under the load: the breaker ended the run after 12 s (more than 50 % failed)."
    )


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("worker lost", "a worker of the generator was lost"),
        ("recorder", "the recorder could not keep up"),
        ("interrupted", "somebody interrupted it"),
    ],
)
def test_a_run_that_the_generator_did_not_finish_is_invalid(tmp_path: Path, ended: str, words: str) -> None:
    worse = shop(2, slower={"GET /search": 3.0})
    found = verdict(tmp_path, worse, ended=ended, ended_reason="no free port left", ended_at_ns=390 * SECOND)

    assert (found.verdict, found.exit_code) == (Word.INVALID, 4)
    assert words in found.reasons[0]
    assert "(no free port left)" in found.reasons[0]


def test_invalid_beats_the_worst_build(tmp_path: Path) -> None:
    late = shop(2, slower={"GET /search": 3.0}, failing={"GET /": 0.9})
    late.lag_s = 0.050
    late.response_s = late.response_s + 0.050

    found = verdict(tmp_path, late)

    assert found.verdict is Word.INVALID
    assert "The generator itself was late: lag p99 49.9 ms, limit 10.0 ms" in found.reasons[0]


def test_a_starved_generator_is_invalid(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2), ticks=ticks(400, cpu=0.97))

    assert found.verdict is Word.INVALID
    assert "starved of CPU" in found.reasons[0]


def test_an_event_loop_that_stood_still_is_invalid(tmp_path: Path) -> None:
    slow = ticks(390) + [Tick(0, 390 + s, 10, 10, 1, 0.2, 1_500_000_000) for s in range(10)]

    assert "event loop stood still" in verdict(tmp_path, shop(2), ticks=slow).reasons[0]


def test_a_silent_and_a_missing_worker_are_invalid(tmp_path: Path) -> None:
    silent = [tick for tick in ticks(400) if not 100 <= tick.second < 130]

    assert "said nothing" in verdict(tmp_path / "a", shop(2), ticks=silent).reasons[0]
    assert "said nothing" in verdict(tmp_path / "b", shop(2), workers=2).reasons[0]


def test_lost_samples_are_invalid(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2), lost_samples=60)

    assert found.verdict is Word.INVALID
    assert "0.50 % of the samples were lost" in found.reasons[0]


def test_samples_that_the_files_do_not_hold_are_lost_too(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2), requests=13_000, planned=13_000)

    assert "of the samples were lost" in found.reasons[0]


def test_requests_that_were_never_sent_are_invalid(tmp_path: Path) -> None:
    assert "never sent" in verdict(tmp_path, shop(2), planned=20_000).reasons[0]


def test_a_generator_without_word_of_its_state_leaves_it_open(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, slower={"GET /search": 2.0}), ticks=[])

    assert found.verdict is Word.INCONCLUSIVE
    assert "no word of its generator's CPU" in found.reasons[0]


def test_a_replay_of_a_part_of_production_is_invalid_in_words(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, routes={"GET /": 0.02}))

    assert found.verdict is Word.INVALID
    assert found.reasons[0].startswith("The replay reached 3")
    assert "% of production's traffic (not replayed: GET /products/{product_id} and GET /search)" in found.reasons[0]
    assert found.unreached["GET /search"] == "it was not replayed"


def test_misses_are_named_as_such(tmp_path: Path) -> None:
    candidate = shop(2)
    candidate.status = np.where(np.array(candidate.route) == "GET /search", 404, 200)

    found = verdict(tmp_path, candidate)

    assert found.verdict is Word.INVALID
    assert "answered otherwise than recorded: GET /search" in found.reasons[0]
    relaxed = replace(WIDE, min_judged_share=0.5)
    found = verdict(tmp_path / "relaxed", candidate, relaxed)
    assert found.verdict is Word.INCONCLUSIVE
    assert "a --reference run tells whether data or build is at fault" in found.reasons[0]
    found = verdict(tmp_path / "named", candidate, replace(relaxed, routes=["GET /", "GET /products/{product_id}"]))
    assert found.verdict is Word.READY
    assert "answered otherwise than recorded: GET /search" in found.headline
    assert any("judged share from 50 % instead of 80 %" in sentence for sentence in found.assumptions)


def test_requests_without_their_values_are_no_answers_of_another_class(tmp_path: Path) -> None:
    candidate = shop(2)
    is_search = np.array(candidate.route) == "GET /search"
    candidate.status = np.where(is_search, 0, 200)
    candidate.error = np.where(is_search, "unresolved", "").tolist()

    found = verdict(tmp_path, candidate)

    assert found.verdict is Word.INVALID
    assert "not sent, for want of values of earlier answers: GET /search" in found.reasons[0]
    assert "or not sent for want of a value of an earlier answer (100 %)" in found.unreached["GET /search"]


def test_a_gated_route_that_cannot_be_judged_is_never_ready(tmp_path: Path) -> None:
    candidate = shop(2)
    candidate.status = np.where(np.array(candidate.route) == "GET /search", 404, 200)
    gate = Gate(
        slice_s=2.0, min_slices=30, min_judged_share=0.5, margins=Margins(relative=0.25), routes=["GET /search"]
    )

    found = verdict(tmp_path, candidate, gate)

    assert found.verdict is Word.INCONCLUSIVE
    assert "GET /search was not judged" in found.reasons[0]


def test_a_short_run_proves_nothing_and_says_what_it_lacks(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, length_s=50), Gate(slice_s=2.0, margins=Margins(relative=0.5)))

    assert found.verdict is Word.INCONCLUSIVE
    assert "too short to tell chance from change" in found.reasons[0]


def test_even_a_short_run_shows_a_wreck(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2, length_s=60, slower={"GET /search": 5.0}), Gate(slice_s=2.0))

    assert found.verdict is Word.NOT_READY


def test_a_run_that_drifts_proves_nothing_and_says_why(tmp_path: Path) -> None:
    drifting = shop(2)
    drifting.response_s = drifting.response_s * np.exp(0.5 * (drifting.intended_s > 250))

    found = verdict(tmp_path, drifting, Gate(slice_s=2.0, margins=Margins(relative=0.4)))

    assert found.verdict is Word.INCONCLUSIVE
    assert any("shifted or trended" in reason for reason in found.reasons)


def test_a_run_whose_level_shifted_keeps_no_limit_for_certain(tmp_path: Path) -> None:
    slos = [Slo(route="GET /search", quantile=0.5, max_ms=max_ms) for max_ms in (85.0, 3000.0)]
    gate = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=9.0), slos=slos)
    drifting = shop(2)
    drifting.response_s = drifting.response_s * np.exp(0.15 * (drifting.intended_s > 250))

    found = verdict(tmp_path, drifting, gate)

    states = {claim.margin: claim.state for claim in found.claims if claim.kind == "slo"}
    assert states == {85.0: State.OPEN, 3000.0: State.PASSED}
    assert any("limit 85.0 ms; its level shifted or trended" in reason for reason in found.reasons)


def test_a_limit_that_stands_by_itself_is_broken_whatever_the_baseline_took(tmp_path: Path) -> None:
    slow = {"GET /search": 2.0}
    gate = Gate(
        slice_s=2.0,
        min_slices=30,
        margins=Margins(relative=0.25),
        slos=[Slo(route="GET /search", quantile=0.95, max_ms=150.0), Slo(route="GET /", quantile=0.95, max_ms=150.0)],
    )

    found = verdict(tmp_path, shop(2, slower=slow), gate, baseline=shop(1, slower=slow))

    assert found.verdict is Word.NOT_READY
    assert found.reasons == [found.reasons[0]]
    assert found.reasons[0].startswith("Beyond its limit: GET /search p95: 19")
    states = {claim.route: claim.state for claim in found.claims if claim.kind == "slo"}
    assert states == {"GET /search": State.FAILED, "GET /": State.PASSED}


def test_an_error_budget_stands_whatever_the_baseline_had(tmp_path: Path) -> None:
    gate = Gate(
        slice_s=2.0,
        min_slices=30,
        margins=Margins(relative=0.25, errors=0.02),
        budgets=[Budget(route="GET /", max_error_rate=0.01)],
    )

    found = verdict(tmp_path, shop(2, failing={"GET /": 0.05}), gate, baseline=shop(1, failing={"GET /": 0.05}))

    assert found.verdict is Word.NOT_READY
    assert "budget 1.0 %" in found.reasons[0]


def test_a_route_may_have_margins_of_its_own(tmp_path: Path) -> None:
    gate = Gate(
        slice_s=2.0,
        min_slices=30,
        total=False,
        margins=Margins(relative=0.25),
        overrides=[Override(route="GET /search", relative=1.0)],
    )

    assert verdict(tmp_path, shop(2, slower={"GET /search": 1.5}), gate).verdict is Word.READY


def test_few_requests_are_counted_and_never_judged(tmp_path: Path) -> None:
    rare = {"GET /": 0.020, "GET /search": 0.060}
    candidate, baseline = shop(2, routes=rare), shop(1, routes=rare)
    for samples in (candidate, baseline):
        samples.route[100:130] = ["GET /rare"] * 30
    gate = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25), routes=["GET /", "GET /rare"])

    found = verdict(tmp_path, candidate, gate, baseline=baseline)

    assert found.verdict is Word.INCONCLUSIVE
    assert any("too few requests for p95: 30 in the" in reason for reason in found.reasons)
    row = next(row for row in found.routes if row.route == "GET /rare")
    assert row.candidate_n == 30
    assert not any(cell.is_enough for cell in row.quantiles if cell.quantile >= 0.95)


def test_changes_that_no_gate_asks_about_are_on_the_watch_list(tmp_path: Path) -> None:
    gate = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25), routes=["GET /"], total=False)

    found = verdict(tmp_path, shop(2, slower={"GET /search": 1.5}), gate)

    assert found.verdict is Word.READY
    assert {item.route for item in found.watch} == {"GET /search"}


def test_a_target_that_slows_the_generators_agenda_is_not_the_generators_fault(tmp_path: Path) -> None:
    # In causal mode what waits for an answer is intended later; the lag stays what the generator is guilty of.
    candidate = shop(2, slower={"GET /search": 4.0})
    candidate.intended_s = candidate.intended_s + np.linspace(0, 20, len(candidate.route))
    candidate.extra = {}

    assert verdict(tmp_path, candidate, duration_ns=400 * SECOND).verdict is Word.NOT_READY


def test_production_at_a_proxy_and_staging_at_a_client_is_said(tmp_path: Path) -> None:
    notes = [check for check in verdict(tmp_path, shop(2)).checks if check.name == "measured at"]

    assert "Production was measured at a proxy" in notes[0].sentence
    assert not [c for c in verdict(tmp_path / "b", shop(2), via_proxy=True).checks if c.name == "measured at"]


@pytest.mark.parametrize(
    ("source", "said"),
    [("import har", "that counts for the candidate"), ("import log", "Production's times are its server's own")],
)
def test_where_an_imported_baseline_was_measured_is_said(tmp_path: Path, source: str, said: str) -> None:
    found = verdict(tmp_path, shop(2), source=source)

    assert said in next(check.sentence for check in found.checks if check.name == "measured at")


def test_a_relaxed_limit_is_told(tmp_path: Path) -> None:
    gate = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25), validity=ValidityLimits(max_lag_ms=80.0))
    gate = replace(gate, margins=Margins(relative=9.0))
    late = shop(2)
    late.lag_s = 0.050
    late.response_s = late.response_s + 0.050

    found = verdict(tmp_path, late, gate)

    assert found.verdict is Word.READY
    assert any("validity.max_lag_ms 80 instead of 10" in sentence for sentence in found.assumptions)


def test_a_lag_that_grows_is_invalid_before_it_shows_in_the_whole(tmp_path: Path) -> None:
    candidate = shop(2)
    late = (candidate.intended_s > 267) & (np.random.default_rng(3).random(len(candidate.route)) < 0.02)
    candidate.lag_s = np.where(late, 0.050, 0.0001)
    candidate.response_s = candidate.response_s + candidate.lag_s

    found = verdict(tmp_path, candidate)

    assert found.verdict is Word.INVALID
    assert found.reasons == [
        "The generator fell behind more and more. Give it more CPU or more workers, or lower the scale."
    ]


def test_requests_in_too_few_slices_are_not_said_to_be_worth_nothing(tmp_path: Path) -> None:
    short = verdict(tmp_path, shop(5, length_s=30.0), Gate(), baseline=shop(1, length_s=30.0))

    told = [reason for reason in short.reasons if "was not judged" in reason]
    assert told
    assert not [reason for reason in told if "worth 0" in reason]


@pytest.mark.parametrize("slower", [{}, {"GET /search": 2.0}])
def test_a_load_that_a_person_changed_gives_neither_word_and_says_so(
    tmp_path: Path, slower: dict[str, float]
) -> None:
    found = verdict(tmp_path, shop(2, slower=slower), load_changes={120: 50, 150: 100})

    assert found.verdict is Word.INCONCLUSIVE
    assert "first at 120 s to 50 lanes (2 changes)" in found.reasons[0]


def test_a_load_that_changed_before_the_judged_part_is_no_doubt(tmp_path: Path) -> None:
    found = verdict(tmp_path, shop(2), load_changes={3: 50, 8: 100}, warmup_ns=20 * 10**9)

    assert next(check for check in found.checks if check.name == "load changed").state == "ok"


def test_a_baseline_of_long_ago_is_told(tmp_path: Path) -> None:
    a = read_run(write_run(tmp_path / "friday", shop(1), kind="production", created="2026-01-02"))
    for name, created, told in (("soon", "2026-02-01T09:00:00+00:00", False), ("late", "2026-02-02", True)):
        b = read_run(write_run(tmp_path / name, shop(2), created=created))
        found = judge(compare(a, b, slice_s=2.0), WIDE)
        assert any("The baseline is 31 days older than the run" in check.sentence for check in found.checks) is told
