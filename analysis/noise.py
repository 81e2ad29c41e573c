"""Run-to-run noise: how much two runs of one build differ by more than each run's own variation explains.

Nothing inside one run can show it. It is assumed until at least three A/A runs (one build, one plan, one scale) have
measured it: σ² = max(0, var(ln q_k) − mean(se_k²)), averaged over the routes of a quantile and weighted by their
requests, since noise of machines and caches touches them all.

Of few runs that estimate is often zero by chance, so what is assumed is given up only as far as the runs rule it out:
the noise is never taken for less than the smaller of what is assumed and their 80 % upper bound of σ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import chdtri

from analysis.samples import ArtefactError, Run
from analysis.tally import Tally, Window, tally
from analysis.uncertainty import t_critical
from analysis.variance import NU, estimate_quantile

MIN_RUNS = 3
ASSUMED_SD = 0.03
"""The relative spread between two runs of one build that is assumed while nothing measures it."""


@dataclass(frozen=True, slots=True)
class RunNoise:
    """The spread of a log quantile between runs of one build."""

    sd: float
    """Standard deviation where ``by_quantile`` says nothing else."""
    by_quantile: Mapping[float, float] = field(default_factory=dict)
    runs: int = 0
    """A/A runs that measured it; 0: assumed."""
    at_least: Mapping[float, float] = field(default_factory=dict)
    """By quantile, what the runs are too few to rule out of the noise that is assumed."""

    def of_run(self, p: float) -> float:
        """Standard deviation of one run's log quantile, raised for how few runs measured it.

        Student's t with runs − 1 degrees of freedom takes the place of the normal at 5 %, and what the runs do not
        rule out stays.
        """
        sd = self.by_quantile.get(p, self.sd)
        if not self.runs:
            return sd
        raised = sd * float(t_critical(0.05, self.runs - 1) / t_critical(0.05, math.inf))
        return max(raised, self.at_least.get(p, max(self.at_least.values(), default=0.0)))

    def not_ruled_out(self) -> dict[float, float]:
        """By quantile, what counts in place of the measured noise since the runs are too few to rule it out."""
        return {
            p: sd for p, sd in self.at_least.items() if self.of_run(p) == sd and sd > self.by_quantile.get(p, 0.0)
        }

    def of_difference(self, p: float) -> float:
        """Standard deviation of the difference of two runs."""
        return math.sqrt(2) * self.of_run(p)


def count_repeats(runs: Sequence[Run], slice_s: float) -> list[Tally]:
    """Runs of one build, counted over the judged part of each.

    Raises:
        ArtefactError: they are fewer than three, too short, or not of one plan, scale, speed and mode.
    """
    if len(runs) < MIN_RUNS:
        raise ArtefactError(f"{len(runs)} A/A runs cannot measure run-to-run noise. Name at least {MIN_RUNS}.")
    first = runs[0].manifest
    for run in runs[1:]:
        found = run.manifest
        if (found.plan_hash, found.scale, found.speed, found.mode, found.templates) != (
            first.plan_hash,
            first.scale,
            first.speed,
            first.mode,
            first.templates,
        ):
            raise ArtefactError(
                f"{run.folder}: is of another plan, scale, speed or mode than {runs[0].folder}. "
                "A/A runs replay one plan at one scale against one build."
            )
    return [tally(run, _window(run, slice_s)) for run in runs]


def noise_of(tallies: Sequence[Tally], quantiles: Sequence[float], alpha: float) -> RunNoise:
    """The noise between counted runs of one build; see ``count_repeats``."""
    by_quantile: dict[float, float] = {}
    at_least: dict[float, float] = {}
    shared = set.intersection(*(set(run.routes) for run in tallies))
    for p in quantiles:
        spreads, own, weights = [], [], []
        for name in sorted(shared):
            parts = [run.routes[name].response for run in tallies]
            if not all(part.n for part in parts):
                continue
            estimates = [estimate_quantile(part, p) for part in parts]
            if all(estimate.is_enough(alpha) for estimate in estimates):
                spreads.append(float(np.var([estimate.log_value for estimate in estimates], ddof=1)))
                own.append(float(np.mean([(estimate.slope() * estimate.se) ** 2 for estimate in estimates])))
                weights.append(min(part.n for part in parts))
        if weights:
            spread, expected = (float(np.average(found, weights=weights)) for found in (spreads, own))
            by_quantile[p] = math.sqrt(max(0.0, spread - expected))
            at_least[p] = min(ASSUMED_SD, _not_ruled_out(spread, expected, len(tallies)))
    if not by_quantile:
        raise ArtefactError("the A/A runs hold too few requests of any route to measure run-to-run noise.")
    return RunNoise(max(by_quantile.values()), by_quantile, len(tallies), at_least)


def _not_ruled_out(spread: float, expected: float, runs: int) -> float:
    """The 80 % upper bound of σ, where ``spread`` is the variance between ``runs`` and ``expected`` their own."""
    df = runs - 1
    return math.sqrt(max(0.0, spread * df / float(chdtri(df, 0.80)) - expected))


def _window(run: Run, slice_s: float) -> Window:
    manifest = run.manifest
    end = min(manifest.duration_ns, manifest.ended_at_ns or manifest.duration_ns)
    slices = (end - manifest.warmup_ns) // round(slice_s * 1e9)
    if slices <= 2 * NU or manifest.ended != "complete":
        raise ArtefactError(f"{run.folder}: is too short or did not complete, so it is no A/A run. Make it again.")
    return Window(manifest.warmup_ns, round(slice_s * 1e9), slices)
