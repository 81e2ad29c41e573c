"""The records of a verdict, as ``verdict.json`` holds them (``verdict/1``). Latencies are milliseconds."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from analysis.gate_file import Gate

VERDICT_FORMAT = "verdict/1"


class Word(StrEnum):
    """How a rehearsal ends."""

    READY = "READY"
    NOT_READY = "NOT READY"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        """What ``replay gate`` exits with."""
        return {Word.READY: 0, Word.NOT_READY: 1, Word.INCONCLUSIVE: 3, Word.INVALID: 4}[self]


class State(StrEnum):
    """What came of one claim or one check."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"
    """Neither proved nor disproved."""
    UNJUDGED = "unjudged"
    """Not asked: too few requests, or answers that do not match the recording."""


class Check(msgspec.Struct, frozen=True):
    """One question about the run itself: may it be believed?"""

    name: str
    state: str
    """``ok``; ``fault``: the generator's, INVALID; ``doubt``: at best INCONCLUSIVE; ``note``: to be known."""
    measured: str
    limit: str
    sentence: str
    """What was found and, unless it is ok, what to do."""


class Claim(msgspec.Struct, frozen=True):
    """One gated claim about the candidate, with the evidence for and against it."""

    kind: str
    """``latency``, ``slo``, ``errors``, ``budget`` or ``misses``."""
    route: str
    quantile: float | None
    state: State
    sentence: str
    baseline: float | None = None
    """ms for latencies, share for errors; None where there is no such thing."""
    candidate: float | None = None
    change: float | None = None
    """Ratio less one for latencies (0.1: 10 % slower), difference of shares for errors."""
    lower: float | None = None
    """Bounds of the change, each wrongly said with chance alpha; None: no finite bound."""
    upper: float | None = None
    margin: float | None = None
    n: int = 0
    """The candidate's requests."""
    n_eff: int = 0
    """How many independent requests say as much."""
    design_effect: float | None = None
    detectable: float | None = None
    """The change that such a comparison finds in 80 % of cases."""
    runs_longer: float | None = None
    """How many times the length would decide in 80 % of cases; None where no length would."""
    p_worse: float = 1.0
    """Smallest error rate at which the change is proved to exceed the margin."""
    cause: str = ""
    """The class of failure that grew most, in a claim about errors."""


class Watch(msgspec.Struct, frozen=True):
    """A change worth a look that no gate asks about (Benjamini-Hochberg, false discovery rate alpha)."""

    route: str
    quantile: float | None
    """None: the share of failed requests."""
    change: float
    lower: float | None
    p_worse: float


class QuantileCell(msgspec.Struct, frozen=True):
    """One quantile of one route, for the tables and the heat map."""

    quantile: float
    baseline_ms: float
    candidate_ms: float
    change: float
    lower: float | None
    upper: float | None
    n_eff: int
    is_enough: bool
    service_baseline_ms: float | None = None
    service_candidate_ms: float | None = None
    service_change: float | None = None


class ErrorCell(msgspec.Struct, frozen=True):
    """One class of failure of one route; shares of requests."""

    name: str
    baseline: float
    candidate: float
    lower: float
    upper: float


class RouteRow(msgspec.Struct, frozen=True):
    """One route in both runs."""

    route: str
    gated: bool
    judged: bool
    baseline_n: int
    candidate_n: int
    baseline_share: float
    candidate_share: float
    miss_share: float
    quantiles: list[QuantileCell]
    errors: list[ErrorCell]
    failed_p50_ms: float | None = None
    """Median response time of the candidate's misses and errors, kept apart from its successes."""


class RunRow(msgspec.Struct, frozen=True):
    """Where a run came from."""

    name: str
    kind: str
    created: str
    capture_id: str
    plan_hash: str
    templates: str
    scale: float
    speed: float
    mode: str
    ended: str
    window_s: float
    slices: int
    requests: int
    measured_at: str
    versions: dict[str, str]
    captured_share: float = 1.0
    left_out: dict[str, int] = {}
    preflight: str = "passed"
    creations: dict[str, int] = {}
    """Route → what its requests left behind on the target."""


class CalibratedRow(msgspec.Struct, frozen=True):
    """One quantile of one route in three runs; milliseconds."""

    route: str
    quantile: float
    production_ms: float
    reference_ms: float
    candidate_ms: float
    change: float
    """Candidate against reference, ratio less one."""
    lower: float | None
    upper: float | None
    projected_ms: float
    """Production's latency if production changed as staging did."""
    projected_lower_ms: float | None
    projected_upper_ms: float | None


class Verdict(msgspec.Struct, frozen=True):
    """The whole judgement."""

    format: str
    verdict: Word
    exit_code: int
    headline: str
    """One sentence: the word's reason and what the comparison could have seen."""
    reasons: list[str]
    """Every reason of the word, the gravest first; each names its route, what was measured and the limit."""
    assumptions: list[str]
    """What was assumed or relaxed."""
    checks: list[Check]
    claims: list[Claim]
    watch: list[Watch]
    routes: list[RouteRow]
    unreached: dict[str, str]
    """Routes of the baseline that were not judged, and why."""
    judged_share: float
    mix_distance: float
    is_paired: bool
    run_noise: float
    """Relative spread between two runs of one build that entered every interval."""
    noise_runs: int
    """A/A runs that measured it; 0: it is assumed."""
    detectable: float | None
    """The smallest change that the gated latency claims would find in 80 % of cases: the median over them."""
    baseline: RunRow
    candidate: RunRow
    gate: Gate
    """The gate's settings, as used."""
    reference: RunRow | None = None
    """The last good build, where one was given."""
    calibrated: list[CalibratedRow] = []
    """Production, reference and candidate beside each other."""
