"""The whole way from two run folders to a verdict and its reports, in one call each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.claims import gated_routes
from analysis.compare import QUANTILES, Comparison, compare
from analysis.evidence import Evidence, evidence
from analysis.gate_file import Gate, check_routes
from analysis.judge import judge
from analysis.report.html import comparison_html, verdict_html
from analysis.report.json_ import to_json
from analysis.report.junit import to_junit
from analysis.report.markdown import to_markdown
from analysis.samples import read_run
from analysis.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """A judged candidate: the comparison behind it, the verdict, and what to draw."""

    comparison: Comparison
    verdict: Verdict
    evidence: Evidence


def rehearse(baseline: Path, candidate: Path, gate: Gate, where: str = "the gate") -> Rehearsal:
    """Compare and judge two run folders.

    Args:
        where: the gate's name in messages.

    Raises:
        ArtefactError: a run cannot be read, or the two cannot be compared.
        GateFileError: the gate names a route that the baseline does not have.
    """
    quantiles = sorted({*QUANTILES, *gate.quantiles, *(slo.quantile for slo in gate.slos)})
    comparison = compare(
        read_run(baseline),
        read_run(candidate),
        slice_s=gate.slice_s,
        quantiles=quantiles,
        run_noise=gate.assumed_run_noise,
        max_miss=gate.max_miss,
    )
    check_routes(gate, list(comparison.baseline.routes), where)
    gated = gated_routes(comparison, gate)
    return Rehearsal(comparison, judge(comparison, gate), evidence(comparison, gate.alpha, gated))


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
