"""How much of the baseline's load the candidate was asked for: by the schedule, which no target can move.

Counts go by ``due``, whatever became of a request, since a hanging build slows down what depends on it and leaves
much of it ``stopped``: what it did with the load must not pass for a load that was never there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.tally import COUNTED, Tally, per_slice
from analysis.variance import NU, long_run_variance


@dataclass(frozen=True, slots=True)
class Load:
    """The candidate's load beside the baseline's."""

    of_production: float
    """Requests a second on the routes of both runs, as a multiple of production's; 1.0 is its load."""
    of_schedule: float
    """Requests a second on all routes, as a multiple of the most that the run's lanes hold; beyond 1 some count
    twice."""
    reach: dict[str, float]
    """Per route of the baseline, the share of its requests that the run's own scale should give and did, 0 … 1."""
    mix_distance: float
    """Total-variation distance of the mixes asked for, over the routes that both runs have, 0 … 1."""
    mix_chance: float
    """What chance alone may bring of that distance, in all but one of a hundred runs; 0 of an exact replay."""


def load_of(a: Tally, b: Tally, common: Sequence[str]) -> Load:
    """The load of candidate ``b`` beside baseline ``a`` over the ``common`` routes."""
    n_a, n_b = (sum(run.asked.get(name, 0.0) for name in common) for run in (a, b))
    times = b.window.length_s / a.window.length_s
    of_baseline = n_b / n_a / times if n_a else 0.0
    # At so many requests of the baseline's for each of its own, the candidate replays every one.
    wanted = _pace(b) / _pace(a) * times
    return Load(
        of_production=of_baseline * _pace(a) * a.run.manifest.captured_share,
        of_schedule=_ratio(b, a) / times * _pace(a) / _share(a) / (_clones(b) * (b.run.manifest.speed or 1.0)),
        reach={
            name: min(1.0, b.asked.get(name, 0.0) / (asked * wanted)) if asked and wanted else 0.0
            for name, asked in a.asked.items()
        },
        mix_distance=0.5 * sum(abs(a.asked[name] / n_a - b.asked[name] / n_b) for name in common)
        if n_a and n_b
        else 0.0,
        mix_chance=_mix_chance(a, b, common),
    )


def _mix_chance(a: Tally, b: Tally, common: Sequence[str]) -> float:
    """The distance that a scale which draws from the sessions, and edges of the window, bring by chance.

    A route's share differs by the sum of what its slices differ by, and the long-run variance of that says how far it
    may be off, sessions and all. Half the sum of so many absolute normals seldom exceeds its mean and 1.8 roots of
    the summed variances, whether two routes mirror each other or many hardly do; held by simulation in the tests.
    """
    counts = [[per_slice(run.routes[name].outcomes, COUNTED) for name in common] for run in (a, b)]
    n_a, n_b = (sum((float(each.sum()) for each in run), 0.0) for run in counts)
    if not n_a or not n_b:
        return 0.0
    if a.window.slices == b.window.slices > 2 * NU:
        variances = [long_run_variance(of_b / n_b - of_a / n_a) for of_a, of_b in zip(*counts, strict=True)]
    else:
        shares = [float(each.sum()) / n_a for each in counts[0]]
        variances = [share * (1 - share) * (1 / n_a + 1 / n_b) for share in shares]
    return float(np.sqrt(variances).sum()) / math.sqrt(2 * math.pi) + 1.8 * math.sqrt(sum(variances))


def _ratio(run: Tally, other: Tally) -> float:
    """Requests asked of the one per request of the other."""
    of_other = sum(other.asked.values())
    return sum(run.asked.values()) / of_other if of_other else 0.0


def _clones(run: Tally) -> int:
    """Times that a session is played at once, at most."""
    return max(1, math.ceil(run.run.manifest.scale / _share(run) - 1e-9))


def _share(run: Tally) -> float:
    """Share of production's sessions that a run's plan holds; 1 of a baseline, which counts what was captured."""
    return 1.0 if run.run.is_production else run.run.manifest.captured_share or 1.0


def _pace(run: Tally) -> float:
    """Requests of the run per request of production, in the same time."""
    manifest = run.run.manifest
    return 1.0 if run.run.is_production else manifest.scale * manifest.speed
