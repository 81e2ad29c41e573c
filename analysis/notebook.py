"""A rehearsal in a notebook: two run folders in, a verdict and its tables out.

from analysis.notebook import judge_runs

found = judge_runs("runs/friday", "runs/build-417", "gate.toml")
found            # the report, where a notebook shows it
found.claims     # tables as pandas DataFrames: claims, quantiles, errors, checks, fidelity
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd

from analysis.gate_file import Gate, read_gate
from analysis.rehearsal import Rehearsal, rehearse
from analysis.report.page import verdict_html

HEIGHT_PX = 900


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A judged candidate; each table is a new DataFrame."""

    rehearsal: Rehearsal

    @property
    def word(self) -> str:
        """READY, NOT READY, INCONCLUSIVE or INVALID."""
        return self.rehearsal.verdict.verdict.value

    @property
    def headline(self) -> str:
        """The reason, and what the comparison could have seen."""
        return self.rehearsal.verdict.headline

    @property
    def claims(self) -> pd.DataFrame:
        """One row a gated claim: its state, both values, the change and its bounds, the margin."""
        return _table(self.rehearsal.verdict.claims)

    @property
    def checks(self) -> pd.DataFrame:
        """One row a question about the run itself."""
        return _table(self.rehearsal.verdict.checks)

    @property
    def quantiles(self) -> pd.DataFrame:
        """One row a route and quantile: response and service time in both runs, the change and its bounds."""
        return self._of_routes("quantiles")

    @property
    def errors(self) -> pd.DataFrame:
        """One row a route and class of failure: its share in both runs, and the bounds of their difference."""
        return self._of_routes("errors")

    @property
    def fidelity(self) -> pd.DataFrame:
        """One row a trait of the traffic: how like the baseline's the candidate's was."""
        return _table(self.rehearsal.evidence.fidelity)

    def _of_routes(self, field: str) -> pd.DataFrame:
        rows = [
            {"route": row.route, "gated": row.gated, "judged": row.judged, **msgspec.to_builtins(cell)}
            for row in self.rehearsal.verdict.routes
            for cell in getattr(row, field)
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"{self.word}: {self.headline}"

    def _repr_html_(self) -> str:
        """The report as the notebook shows it, in a frame of its own."""
        page = html.escape(verdict_html(self.rehearsal.verdict, self.rehearsal.evidence), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:{HEIGHT_PX}px;border:0"></iframe>'


def judge_runs(
    baseline: str | Path,
    candidate: str | Path,
    gate: Gate | str | Path | None = None,
    *,
    reference: str | Path | None = None,
    calibration: str | Path | None = None,
) -> Judged:
    """Compare and judge two run folders.

    Args:
        gate: its settings, or the path of a gate file; None: the defaults.
        reference: a run of the last good build with the candidate's plan and scale.
        calibration: what 'replay calibrate' measured of run-to-run noise; None assumes it.

    Raises:
        ArtefactError: a run cannot be read, or two of them cannot be compared.
        GateFileError: the gate file is wrong, or names what the baseline does not have.
    """
    settings = gate if isinstance(gate, Gate) else read_gate(Path(gate)) if gate is not None else Gate()
    where = "the gate" if gate is None or isinstance(gate, Gate) else str(gate)
    return Judged(
        rehearse(
            Path(baseline),
            Path(candidate),
            settings,
            where,
            None if reference is None else Path(reference),
            None if calibration is None else Path(calibration),
        )
    )


def _table(records: Iterable[msgspec.Struct]) -> pd.DataFrame:
    return pd.DataFrame([msgspec.to_builtins(record) for record in records])
