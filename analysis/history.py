"""Past verdicts side by side: how each gated route and quantile went from run to run, and where it changed for good.

Only verdicts of one plan, at one load, can be laid side by side; those unlike the latest are counted and left out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from analysis.changepoint import LEAST_SEGMENT, change_points, likeness, p_change
from analysis.multiplicity import holm
from analysis.samples import ArtefactError
from analysis.verdict import VERDICT_FORMAT, RunRow, Verdict, Word

HISTORY_FORMAT = "history/1"
VERDICT_NAME = "verdict.json"
ALPHA = 0.05
"""Chance that a history without a change shows any, over all its series (Holm)."""
LEAST_CHANGE = 0.05
"""A lasting change below this is not worth a mention."""


class HistoryRun(msgspec.Struct, frozen=True):
    """One judged run."""

    name: str
    created: str
    verdict: str
    detectable: float | None


class Series(msgspec.Struct, frozen=True):
    """One quantile of one route over the runs; None where a run could not say, as one that was INVALID."""

    route: str
    quantile: float
    ms: list[float | None]


class LastingChange(msgspec.Struct, frozen=True):
    """A change of level that stayed."""

    route: str
    quantile: float
    run: str
    """The first run after it."""
    created: str
    before_ms: float
    """Median of the runs before."""
    after_ms: float
    change: float
    """Ratio less one."""
    runs: int
    """How many runs it has lasted."""
    is_over: bool
    """Whether a later change ended it."""
    p: float


class History(msgspec.Struct, frozen=True):
    """Verdicts in the order of their runs (``history/1``)."""

    format: str
    plan_hash: str
    scale: float
    runs: list[HistoryRun]
    series: list[Series]
    changes: list[LastingChange]
    """The latest first."""
    left_out: int
    """Verdicts of another plan, load or template set than the latest."""
    least_change: float


def read_verdict(path: Path) -> Verdict:
    """The verdict in a report's folder or in a ``verdict.json``.

    Raises:
        ArtefactError: it is missing, damaged or of another version.
    """
    path = path / VERDICT_NAME if path.is_dir() else path
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Verdict)
    except OSError:
        raise ArtefactError(f"{path}: no such file. Name the folder of a report that 'replay gate' wrote.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path}: is no verdict, or of another version ({error}). Judge the run again.") from None
    if found.format != VERDICT_FORMAT:
        raise ArtefactError(
            f"{path}: format '{found.format[:40]}', this version reads '{VERDICT_FORMAT}'. Judge the run again."
        )
    return found


def history_of(verdicts: Iterable[Verdict], least_change: float = LEAST_CHANGE) -> History:
    """The history that the verdicts make up; of two verdicts on one run the last given counts.

    Raises:
        ArtefactError: there is no verdict.
    """
    by_run = {(found.candidate.created, found.candidate.name): found for found in verdicts}
    in_order = [by_run[key] for key in sorted(by_run)]
    if not in_order:
        raise ArtefactError("no verdict was found. Name folders that 'replay gate' wrote, or one that holds them.")
    latest = in_order[-1]
    alike = [found for found in in_order if _load(found.candidate) == _load(latest.candidate)]
    series = [_series(alike, route, p) for route, p in _asked(latest)]
    runs = [HistoryRun(v.candidate.name, v.candidate.created, v.verdict.value, v.detectable) for v in alike]
    return History(
        format=HISTORY_FORMAT,
        plan_hash=latest.candidate.plan_hash,
        scale=latest.candidate.scale,
        runs=runs,
        series=series,
        changes=lasting_changes(series, runs, least_change),
        left_out=len(in_order) - len(alike),
        least_change=least_change,
    )


def _load(run: RunRow) -> tuple[str, str, float, float, str]:
    return run.plan_hash, run.templates, run.scale, run.speed, run.mode


def _asked(latest: Verdict) -> list[tuple[str, float]]:
    """What the latest verdict gated, the total first and the busiest routes first."""
    return [(row.route, p) for row in latest.routes if row.gated for p in latest.gate.quantiles]


def _series(verdicts: Sequence[Verdict], route: str, p: float) -> Series:
    return Series(route, p, [_value(found, route, p) for found in verdicts])


def _value(verdict: Verdict, route: str, p: float) -> float | None:
    if verdict.verdict is Word.INVALID:
        return None  # no figure of it is evidence: it would be the generator's change, not the build's
    for row in verdict.routes:
        if row.route == route and row.judged:
            return next((c.candidate_ms for c in row.quantiles if c.quantile == p and c.is_enough), None)
    return None


def lasting_changes(
    series: Sequence[Series], runs: Sequence[HistoryRun], least: float = LEAST_CHANGE
) -> list[LastingChange]:
    """The changes of level that ``series`` show and that lasted, the latest first; see ``analysis.changepoint``."""
    known = [(one, [i for i, ms in enumerate(one.ms) if ms is not None]) for one in series]
    known = [(one, places) for one, places in known if len(places) >= 2 * LEAST_SEGMENT]
    logs = [[math.log(ms) for ms in one.ms if ms is not None] for one, _ in known]
    # One environment makes all of these, so that what most of them show of its slowness is supposed of each.
    alike = statistics.median(likeness(values) for values in logs) if logs else 0.0
    stands = holm([p_change(values, alike) for values in logs], ALPHA)
    found: list[LastingChange] = []
    for (one, places), values, is_found in zip(known, logs, stands, strict=True):
        if not is_found:
            continue
        for point in change_points(values, ALPHA, math.log1p(least), alike):
            first = runs[places[point.first]]
            found.append(
                LastingChange(
                    route=one.route,
                    quantile=one.quantile,
                    run=first.name,
                    created=first.created,
                    before_ms=math.exp(point.before),
                    after_ms=math.exp(point.after),
                    change=math.expm1(point.after - point.before),
                    runs=point.end - point.first,
                    is_over=point.end < len(values),
                    p=point.p,
                )
            )
    return sorted(found, key=lambda change: (change.created, abs(change.change)), reverse=True)
