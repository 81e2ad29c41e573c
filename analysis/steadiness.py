"""Whether a run was steady enough for any part of it to stand for the rest."""

from __future__ import annotations

import math

from analysis.compare import QuantileRow
from analysis.drift import is_material
from analysis.gate_file import Gate
from analysis.interval import Difference
from analysis.uncertainty import t_critical

MAX_SHIFT = 0.5
"""Where a shift within the run is likelier than this, nothing is proved."""


def unsteady(row: QuantileRow, known: Difference, gate: Gate, margin: float) -> str:
    """Why a run that drifts slowly or shifted proves nothing against ``margin`` (of logs); '' where it may.

    Args:
        known: what is to be proved of ``row``: its change, or its level alone.
    """
    if not gate.min_time_constants or not is_material(_half_width(known, gate), margin):
        return ""
    if row.shift > MAX_SHIFT:
        return "its level shifted or trended while it ran, so no part of the run stands for the rest"
    if row.time_constants < gate.min_time_constants:
        return f"the run is only {row.time_constants:.0f} time constants of its own drift long"
    return ""


def _half_width(known: Difference, gate: Gate) -> float:
    """Half the interval, without what runs of one build differ by anyway."""
    within = known.se**2 - known.noise**2
    return float(t_critical(gate.alpha, math.inf)) * math.sqrt(max(0.0, within))
