"""Simulated runs whose truth is known: sessions, drift, stalls, run-to-run noise, and four kinds of non-stationarity.

All of it is a model and none of it is production: what "typical" means here is an assumption (docs/verdict.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

type Floats = NDArray[np.float64]
type Course = Callable[[np.random.Generator, int], Floats]

LENGTH_S = 1800
RATE_PER_S = 20.0
SLICE_S = 5


@dataclass(frozen=True)
class Scenario:
    """A law of runs; log latencies add up from its parts."""

    name: str
    drift_sd: float = 0.0
    drift_tau_s: float = 1.0
    session_sd: float = 0.0
    stalls: float = 0.0
    run_sd: float = 0.0
    course: Course | None = None
    """A non-stationary part, drawn anew for each run: log shift per second, shape (seconds,)."""


def _trend(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(0, 0.2) * (np.arange(n) / n - 0.5)


def _diurnal(rng: np.random.Generator, n: int) -> Floats:
    return 0.2 * np.sin(2 * np.pi * (rng.uniform(0.5, 1.0) * np.arange(n) / n + rng.random()))


def _level_shift(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(0, 0.2) * (np.arange(n) > rng.uniform(0.2, 0.8) * n)


def _long_memory(rng: np.random.Generator, n: int) -> Floats:
    """Fractional noise with d = 0.4 (Hurst 0.9), sd 15 %, by shaping white noise in the frequency domain."""
    size = 8 * n
    frequency = np.fft.rfftfreq(size)
    frequency[0] = frequency[1]
    shaped = np.fft.irfft(np.fft.rfft(rng.normal(size=size)) * np.abs(2 * np.sin(np.pi * frequency)) ** -0.4, size)
    return 0.15 * (shaped / shaped.std())[:n]


_MILD = Scenario("", drift_sd=0.10, drift_tau_s=15, session_sd=0.3, stalls=3)
S0 = Scenario("S0 independent")
S1 = Scenario("S1 sessions", session_sd=0.3)
S2 = Scenario("S2 drift 10 %/15 s", 0.10, 15, 0.3)
S3 = Scenario("S3 drift 15 %/30 s, stalls", 0.15, 30, 0.3, 6)
S4 = Scenario("S4 drift 25 %/60 s, stalls", 0.25, 60, 0.3, 6)
S5 = Scenario("S5 = S3 + 3 % run to run", 0.15, 30, 0.3, 6, 0.03)
SLOW = Scenario("slow drift 15 %/180 s", 0.15, 180, 0.3, 6)
TREND = replace(_MILD, name="trend, sd 20 %", course=_trend)
DIURNAL = replace(_MILD, name="diurnal, ±20 %", course=_diurnal)
SHIFT = replace(_MILD, name="level shift, sd 20 %", course=_level_shift)
MEMORY = replace(_MILD, name="long memory d 0.4", course=_long_memory)
STATIONARY = (S0, S1, S2, S3, S4, S5)
OTHERS = (SLOW, TREND, DIURNAL, SHIFT, MEMORY)


@dataclass(frozen=True)
class Schedule:
    """When requests are due and to which session each belongs."""

    at_s: Floats
    session: NDArray[np.int64]
    sessions: int


@dataclass(frozen=True)
class Simulated:
    """One run: request times and latencies in seconds."""

    at_s: Floats
    latency_s: Floats


@dataclass(frozen=True)
class Shared:
    """What two runs of one schedule have in common: drift per second and session effects."""

    drift: Floats
    session: Floats


def schedule(rng: np.random.Generator, rate_per_s: float = RATE_PER_S, length_s: int = LENGTH_S) -> Schedule:
    """Sessions of six requests on average that begin at random."""
    n = int(rng.poisson(length_s * rate_per_s / 6.0))
    start = rng.uniform(-60, length_s, n)
    size = rng.geometric(1 / 6.0, n)
    session = np.repeat(np.arange(n), size)
    gaps = rng.exponential(5.0, session.size)
    first = np.r_[0, np.cumsum(size)[:-1]]
    gaps[first] = 0.0
    passed = np.cumsum(gaps)
    at = start[session] + passed - np.repeat(passed[first], size)
    keep = (at >= 0) & (at < length_s)
    return Schedule(at[keep], session[keep], n)


def drift(rng: np.random.Generator, scenario: Scenario, length_s: int = LENGTH_S) -> Floats:
    """A first-order autoregression per second, from its stationary law."""
    if not scenario.drift_sd:
        return np.zeros(length_s)
    phi = np.exp(-1 / scenario.drift_tau_s)
    noise = rng.normal(0, scenario.drift_sd * np.sqrt(1 - phi * phi), length_s)
    noise[0] = rng.normal(0, scenario.drift_sd)
    return lfilter([1.0], [1.0, -phi], noise)


def shared(rng: np.random.Generator, scenario: Scenario, plan: Schedule, length_s: int = LENGTH_S) -> Shared:
    """What the schedule brings to every run of it."""
    return Shared(drift(rng, scenario, length_s), rng.normal(0, scenario.session_sd, plan.sessions))


def simulate(
    rng: np.random.Generator,
    scenario: Scenario,
    plan: Schedule,
    common: Shared | None = None,
    *,
    common_share: float = 0.7,
    factor: float = 1.0,
    length_s: int = LENGTH_S,
) -> Simulated:
    """One run of ``plan``; ``common_share`` of the variance of drift and sessions comes with ``common``."""
    along = drift(rng, scenario, length_s)
    who = rng.normal(0, scenario.session_sd, plan.sessions)
    if common is not None:
        along = np.sqrt(1 - common_share) * along + np.sqrt(common_share) * common.drift
        who = np.sqrt(1 - common_share) * who + np.sqrt(common_share) * common.session
    if scenario.course is not None:
        along = along + scenario.course(rng, length_s)
    n = plan.at_s.size
    log = np.log(0.080) + along[plan.at_s.astype(np.int64)] + who[plan.session] + rng.normal(0, 0.45, n)
    log += (rng.random(n) < 0.03) * rng.exponential(1 / 2.5, n)
    latency = np.exp(log)
    for _ in range(rng.poisson(scenario.stalls * length_s / LENGTH_S)):
        begin, length = rng.uniform(0, length_s), rng.uniform(1, 4)
        hit = (plan.at_s >= begin) & (plan.at_s < begin + length)
        latency[hit] += begin + length - plan.at_s[hit]
    return Simulated(plan.at_s, latency * np.exp(rng.normal(0, scenario.run_sd)) * factor)
