"""Calibration: what A/A runs (one build, one plan, one load) say about how far two runs differ by themselves.

The gate takes its run-to-run noise from here. What lies within one run (drift and its design effect) is estimated
again from each candidate and is told here so that a person can choose how long a run has to be.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from analysis.compare import QUANTILES, TOTAL, compare_tallies
from analysis.drift import drift_of
from analysis.histogram import Histogram, merged
from analysis.noise import RunNoise, count_repeats, noise_of
from analysis.samples import ArtefactError, Run
from analysis.tally import Tally
from analysis.variance import QuantileEstimate, estimate_quantile

CALIBRATION_FORMAT = "calibration/1"
CALIBRATION_NAME = "calibration.json"
ALPHA = 0.05
JUDGED = (0.5, 0.95)
"""The quantiles of which every pair of runs is compared."""


class RouteSpread(msgspec.Struct, frozen=True):
    """One quantile of one route over the A/A runs."""

    route: str
    quantile: float
    n: int
    """Requests a run, the fewest of all runs."""
    median_ms: float
    spread: float
    """Standard deviation of the log quantile between the runs, as found: 0.02 is two percent."""
    own_error: float
    """What each run's own variation lets one expect of it."""
    design_effect: float
    """How many requests say as much as one independent one; the median of the runs."""


class Pairs(msgspec.Struct, frozen=True):
    """Every two of the runs compared: none differs in truth, so every difference found is a false alarm."""

    compared: int
    """Pairs × routes × quantiles."""
    alarms: int
    """Called different at 5 %, two-sided, by what each pair knows by itself."""
    alarms_calibrated: int
    """The same with the noise that these runs measured."""


class Calibration(msgspec.Struct, frozen=True):
    """What a staging environment's own noise is (``calibration/1``)."""

    format: str
    created: str
    """When the last of the runs was made."""
    runs: list[str]
    """Names of the A/A runs, the earliest first."""
    plan_hash: str
    templates: str
    scale: float
    speed: float
    mode: str
    window_s: float
    """Length of what was judged of a run."""
    noise: float
    """Relative spread between two runs beyond what their own variation explains, the largest of ``by_quantile``."""
    by_quantile: dict[str, float]
    time_constant_s: float
    """Time constant of the drift within a run, over all traffic."""
    spreads: list[RouteSpread]
    """All traffic first, then the busiest route first."""
    pairs: Pairs
    at_least: dict[str, float] = {}
    """By quantile, what so few runs do not rule out of the noise that is assumed else; the gate takes no less."""

    @property
    def run_noise(self) -> RunNoise:
        """The noise as a comparison takes it."""
        measured, at_least = (
            {float(p): sd for p, sd in found.items()} for found in (self.by_quantile, self.at_least)
        )
        return RunNoise(self.noise, measured, len(self.runs), at_least)


def calibrate(runs: Sequence[Run], slice_s: float) -> Calibration:
    """What ``runs`` of one build say.

    Raises:
        ArtefactError: they are fewer than three, too short, or not of one plan, scale, speed and mode.
    """
    runs = sorted(runs, key=lambda run: (run.manifest.created, run.manifest.name))
    tallies = count_repeats(runs, slice_s)
    noise = noise_of(tallies, QUANTILES, ALPHA)
    first = runs[0].manifest
    totals = [_total(run) for run in tallies]
    drift = drift_of([estimate_quantile(total, 0.5).influence for total in totals if total.n])
    return Calibration(
        format=CALIBRATION_FORMAT,
        created=runs[-1].manifest.created,
        runs=[run.manifest.name for run in runs],
        plan_hash=first.plan_hash,
        templates=first.templates,
        scale=first.scale,
        speed=first.speed,
        mode=first.mode,
        window_s=min(run.window.length_s for run in tallies),
        noise=noise.sd,
        by_quantile={f"{p:g}": sd for p, sd in noise.by_quantile.items()},
        time_constant_s=min(run.window.length_s for run in tallies) / drift.time_constants,
        spreads=_spreads(tallies, totals),
        pairs=_pairs(tallies, noise),
        at_least={f"{p:g}": sd for p, sd in noise.at_least.items()},
    )


def read_calibration(folder: Path) -> Calibration:
    """The calibration in ``folder``.

    Raises:
        ArtefactError: it is missing, damaged or of another version.
    """
    path = folder / CALIBRATION_NAME
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError:
        raise ArtefactError(
            f"{folder}: holds no {CALIBRATION_NAME}, so it is no calibration. 'replay calibrate' makes one."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path}: is no calibration, or is damaged ({error}). Calibrate again.") from None
    if found.format != CALIBRATION_FORMAT:
        raise ArtefactError(
            f"{path}: format '{found.format[:40]}', this version reads '{CALIBRATION_FORMAT}'. Calibrate again."
        )
    return found


def check_calibration(calibration: Calibration, folder: Path, candidate: Run) -> None:
    """Refuse a calibration that was made of another load than the candidate's.

    Raises:
        ArtefactError: the plan, scale, pace or mode is another one.
    """
    ours, theirs = calibration, candidate.manifest
    for what, a, b in (
        ("plan", ours.plan_hash[:12], theirs.plan_hash[:12]),
        ("scale", f"{ours.scale:g}", f"{theirs.scale:g}"),
        ("speed", f"{ours.speed:g}", f"{theirs.speed:g}"),
        ("mode", ours.mode, theirs.mode),
    ):
        if a != b:
            raise ArtefactError(
                f"{folder}: its {what} is '{a}', that of {candidate.folder} is '{b}', so it does not measure the "
                "noise of such a run. Calibrate again at this load, or leave --calibration out."
            )


def _total(run: Tally) -> Histogram:
    return merged([route.response for route in run.routes.values()])


def _spreads(tallies: Sequence[Tally], totals: Sequence[Histogram]) -> list[RouteSpread]:
    shared = set.intersection(*(set(run.routes) for run in tallies))
    busiest = sorted(shared, key=lambda name: (-tallies[0].routes[name].n, name))
    parts = {TOTAL: list(totals)} | {name: [run.routes[name].response for run in tallies] for name in busiest}
    found: list[RouteSpread] = []
    for name, responses in parts.items():
        if not all(response.n for response in responses):
            continue
        for p in JUDGED:
            estimates = [estimate_quantile(response, p) for response in responses]
            if all(estimate.is_enough(ALPHA) for estimate in estimates):
                found.append(_spread(name, estimates))
    return found


def _spread(route: str, estimates: Sequence[QuantileEstimate]) -> RouteSpread:
    errors = [estimate.slope() * estimate.se for estimate in estimates]
    return RouteSpread(
        route=route,
        quantile=estimates[0].p,
        n=round(min(estimate.n for estimate in estimates)),
        median_ms=float(np.median([estimate.value_ns for estimate in estimates])) / 1e6,
        spread=float(np.std([estimate.log_value for estimate in estimates], ddof=1)),
        own_error=math.sqrt(float(np.mean(np.square(errors)))),
        design_effect=float(np.median([estimate.design_effect for estimate in estimates])),
    )


def _pairs(tallies: Sequence[Tally], noise: RunNoise) -> Pairs:
    compared = alarms = calibrated = 0
    for a, b in itertools.combinations(tallies, 2):
        plain, wide = (
            compare_tallies(a, b, is_paired=a.window == b.window, quantiles=JUDGED, run_noise=sd)
            for sd in (RunNoise(0.0), noise)
        )
        for name, route in plain.routes.items():
            for p, row in route.response.items():
                if row.is_enough(ALPHA):
                    compared += 1
                    alarms += row.difference.excludes(0.0, ALPHA)
                    calibrated += wide.routes[name].response[p].difference.excludes(0.0, ALPHA)
    return Pairs(compared, alarms, calibrated)
