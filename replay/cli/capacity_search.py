"""The search for a capacity: rounds of load in steps, each round one run, finer around what gave way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.output import progress
from replay.cli.run_options import RunOptions
from replay.cli.run_order import Order, prepare
from replay.errors import IncompleteError, InputError, ReplayError
from replay.runs import RunManifest

if TYPE_CHECKING:
    from analysis.capacity import Capacity
    from analysis.gate_file import Gate


@dataclass(frozen=True, slots=True)
class Course:
    """How long a step is, and how much of its beginning is left out."""

    step_s: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a load must meet to be carried."""

    gate: Gate
    baseline: Path | None
    slower: float
    errors: float


@dataclass(slots=True)
class Search:
    """Rounds of steps, each round one run under ``output``."""

    options: RunOptions
    course: Course
    limits: Limits
    output: Path
    perform: Callable[[Order], RunManifest]

    def run(self, scales: Sequence[float], rounds: int) -> Capacity:
        """The capacity after ``rounds`` of runs, the first over ``scales``.

        Raises:
            IncompleteError: a run did not complete, other than by the breaker.
        """
        made: list[tuple[Path, list[float]]] = []
        while True:
            number = len(made) + 1
            folder = self.output / f"round-{number}"
            order = self._round(folder, scales, number)
            made.append((folder, list(scales)))
            found = self._found(made, order)
            scales = between(found, len(scales))
            if number == rounds or not scales:
                return found

    def _round(self, folder: Path, scales: Sequence[float], number: int) -> Order:
        profile = ", ".join(f"{scale:g}x for {self.course.step_s:g}s" for scale in scales)
        order = prepare(replace(self.options, profile=profile, output=str(folder)))
        length_s = self.course.step_s * len(scales)
        if order.schedule_ns < length_s * 1e9 * 0.999:
            have_s = order.schedule_ns / 1e9
            raise ReplayError(
                f"{self.options.plan}: is {have_s:.0f} s long, {len(scales)} steps of {self.course.step_s:g} s need "
                f"{length_s:.0f} s. Take fewer or shorter steps (--steps, --step), or capture longer."
            )
        progress(f"Round {number}: {', '.join(f'× {scale:g}' for scale in scales)}")
        manifest = self.perform(order)
        if manifest.ended == "interrupted":
            raise KeyboardInterrupt
        if manifest.ended not in {"complete", "breaker"}:
            raise IncompleteError(f"{folder}: the run did not complete ({manifest.ended_reason or manifest.ended}).")
        return order

    def _found(self, made: Sequence[tuple[Path, list[float]]], order: Order) -> Capacity:
        from analysis.capacity import Order as Step
        from analysis.capacity import capacity_of, limits_of, steps_of
        from analysis.description import count_whole
        from analysis.samples import ArtefactError, read_run

        limits, course = self.limits, self.course
        try:
            counted = []
            for folder, scales in made:
                times = [course.step_s * i for i in range(len(scales))]
                stretches = [
                    Step(scale, start_s, start_s + course.settle_s, start_s + course.step_s)
                    for scale, start_s in zip(scales, times, strict=True)
                ]
                counted += steps_of(read_run(folder), stretches, limits.gate)
            if not counted:
                raise IncompleteError(f"{self.output}: not even the first step was reached. Try a lower --from.")
            by = count_whole(read_run(limits.baseline), limits.gate.slice_s) if limits.baseline else None
            asked = limits_of(counted[0].tally, limits.gate, by, limits.slower, limits.errors)
        except ArtefactError as error:
            raise InputError(str(error)) from None
        mean, peak = production_rates(order)
        return capacity_of(order.plan.manifest.name, counted, asked, mean, peak)


def ladder(lowest: float, highest: float, steps: int) -> list[float]:
    """Loads from ``lowest`` to ``highest``, each the same factor above the one before, to three digits."""
    factor = (highest / lowest) ** (1 / (steps - 1))
    return [float(f"{lowest * factor**i:.3g}") for i in range(steps)]


def between(found: Capacity, steps: int) -> list[float]:
    """Finer loads between the last step that broke no limit and the first that broke one; [] where there are none."""
    from analysis.report.capacity import state_of

    told = [step for step in found.steps if not step.fault]
    broken = next((step.scale for step in told if state_of(step) == "breaks"), None)
    if broken is None:
        return []
    good = max((step.scale for step in told if step.scale < broken), default=broken / 2)
    inside = [good + (broken - good) * (i + 1) / (steps + 1) for i in range(steps)]
    return list(dict.fromkeys(float(f"{scale:.3g}") for scale in inside)) if broken / good > 1.02 else []


def production_rates(order: Order) -> tuple[float, float]:
    """Production's requests a second of what is sent: the mean over the plan, and the busiest minute of it."""
    import numpy as np

    plan, sent = order.plan, order.examination.result().survey.requests
    seconds = plan.manifest.duration_ns / 1e9
    minutes = np.zeros(max(1, math.ceil(seconds / 60)))
    for batch in plan.batches():
        due = batch.column("due").to_numpy(zero_copy_only=False)
        minutes += np.bincount(np.minimum(due // 60_000_000_000, minutes.size - 1), minlength=minutes.size)
    # What is left out of the replay is left out of production's rate too, as if spread evenly.
    part = sent / max(1, plan.manifest.requests) / plan.manifest.captured_share
    lengths = np.minimum(60.0, np.maximum(seconds - 60.0 * np.arange(minutes.size), 1e-9))
    whole = minutes[lengths >= 30.0] / lengths[lengths >= 30.0]
    mean = plan.manifest.requests / seconds * part
    return mean, float(whole.max()) * part if whole.size else mean
