"""The whole way from two run folders to a verdict and its reports, in one call each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.calibration import check_calibration, read_calibration
from analysis.claims import gated_routes
from analysis.compare import QUANTILES, Comparison, compare
from analysis.evidence import Evidence, evidence
from analysis.gate_file import Gate, GateFileError, check_routes
from analysis.judge import judge
from analysis.noise import RunNoise
from analysis.reference import check_reference, usual_misses
from analysis.report.json_ import to_json
from analysis.report.junit import to_junit
from analysis.report.markdown import to_markdown
from analysis.report.page import comparison_html, verdict_html
from analysis.samples import ArtefactError, Run, read_run
from analysis.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """A judged candidate: the comparison behind it, the verdict, and what to draw."""

    comparison: Comparison
    verdict: Verdict
    evidence: Evidence


def rehearse(
    baseline: Path,
    candidate: Path,
    gate: Gate,
    where: str = "the gate",
    reference: Path | None = None,
    calibration: Path | None = None,
) -> Rehearsal:
    """Compare and judge two run folders.

    Args:
        where: the gate's name in messages.
        reference: a run of the last good build with the candidate's plan and scale.
        calibration: what A/A runs of the candidate's plan and scale measured of run-to-run noise; None assumes it.

    Raises:
        ArtefactError: a run cannot be read, or two of them cannot be compared.
        GateFileError: the gate names a route that the baseline does not have, or a reference that is not given.
    """
    if gate.gate_on == "reference" and reference is None:
        raise GateFileError(f"{where}: gate_on is 'reference', and none was given. Name a run with --reference.")
    if baseline.resolve() == candidate.resolve():
        raise ArtefactError(f"{candidate}: cannot be judged by itself. Name the baseline and the candidate.")
    mine = read_run(candidate)
    if mine.is_production:
        raise ArtefactError(
            f"{candidate}: was made by production, and a candidate is a replay. Name the baseline first, then it."
        )
    noise = RunNoise(gate.assumed_run_noise)
    if calibration is not None:
        measured = read_calibration(calibration)
        check_calibration(measured, calibration, mine)
        noise = measured.run_noise
    calibrating: Comparison | None = None
    usual: dict[str, float] = {}
    if reference is not None:
        good = read_run(reference)
        check_reference(good, mine)
        calibrating = _compare(good, mine, gate, noise, {})
        usual = usual_misses(calibrating.baseline.routes)
    base = read_run(baseline)
    if not base.is_production:
        check_reference(base, mine)
    comparison = _compare(base, mine, gate, noise, usual)
    check_routes(gate, list(comparison.baseline.routes), where)
    shown = calibrating if calibrating and gate.gate_on == "reference" else comparison
    drawn = evidence(shown, gate.alpha, gated_routes(shown, gate))
    return Rehearsal(comparison, judge(comparison, gate, calibrating), drawn)


def _compare(baseline: Run, candidate: Run, gate: Gate, noise: RunNoise, usual: dict[str, float]) -> Comparison:
    return compare(
        baseline,
        candidate,
        slice_s=gate.slice_s,
        quantiles=sorted({*QUANTILES, *gate.quantiles, *(slo.quantile for slo in gate.slos)}),
        run_noise=noise,
        max_miss=gate.max_miss,
        usual_misses=usual,
    )


def reports(rehearsal: Rehearsal) -> dict[str, bytes]:
    """Every report by its file name."""
    return {
        "verdict.json": to_json(rehearsal.verdict),
        "comparison.json": to_json(rehearsal.evidence),
        "report.html": verdict_html(rehearsal.verdict, rehearsal.evidence).encode(),
        "report.md": to_markdown(rehearsal.verdict).encode(),
        "junit.xml": to_junit(rehearsal.verdict),
    }


def compare_runs(baseline: Path, candidate: Path, slice_s: float) -> Evidence:
    """Compare two run folders and judge nothing.

    Raises:
        ArtefactError: a run cannot be read, or the two cannot be compared.
    """
    gate = Gate(slice_s=slice_s)
    comparison = compare(read_run(baseline), read_run(candidate), slice_s=slice_s)
    return evidence(comparison, gate.alpha, gated_routes(comparison, gate))


def comparison_reports(found: Evidence) -> dict[str, bytes]:
    """The files of a comparison by name."""
    return {"comparison.json": to_json(found), "comparison.html": comparison_html(found).encode()}
