"""A reference run: the same plan and scale, misses judged against it, and a projection that says it is one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.gate_file import Gate, GateFileError, Margins
from analysis.rehearsal import Rehearsal, rehearse, reports
from analysis.samples import ArtefactError
from analysis.verdict import State, Word
from tests.runs import Samples, shop, write_run

WIDE = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25))
ON_REFERENCE = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.25), gate_on="reference")
EVERYWHERE = {"GET /": 1.5, "GET /search": 1.5, "GET /products/{product_id}": 1.5}


def missing(samples: Samples, share: float, seed: int = 1) -> Samples:
    """The shop with some of its searches answered 404."""
    is_search = np.array([name == "GET /search" for name in samples.route])
    lost = is_search & (np.random.default_rng(seed).random(is_search.size) < share)
    samples.status = np.where(lost, 404, 200)
    return samples


def judged(
    tmp_path: Path, reference: Samples, candidate: Samples, gate: Gate = WIDE, **manifest: object
) -> Rehearsal:
    return rehearse(
        write_run(tmp_path / "friday", shop(1), kind="production"),
        write_run(tmp_path / "new", candidate),
        gate,
        "the gate",
        write_run(tmp_path / "good", reference, **manifest),
    )


def test_slower_machines_are_no_fault_where_the_reference_decides(tmp_path: Path) -> None:
    slow, slow_too = shop(2, slower=EVERYWHERE), shop(3, slower=EVERYWHERE)

    assert judged(tmp_path / "a", slow, slow_too).verdict.verdict is Word.NOT_READY
    found = judged(tmp_path / "b", slow, slow_too, ON_REFERENCE).verdict
    assert found.verdict is Word.READY
    assert found.baseline.name == "good"
    assert "The reference decides about latency, errors and misses" in found.assumptions[0]


def test_a_slower_build_is_found_against_the_reference(tmp_path: Path) -> None:
    slower = {**EVERYWHERE, "GET /search": 2.4}

    found = judged(tmp_path, shop(2, slower=EVERYWHERE), shop(3, slower=slower), ON_REFERENCE).verdict

    assert found.verdict is Word.NOT_READY
    assert found.reasons[0].startswith("GET /search is slower")


def test_the_projection_is_productions_latency_times_the_change(tmp_path: Path) -> None:
    found = judged(tmp_path, shop(2, slower=EVERYWHERE), shop(3, slower=dict.fromkeys(EVERYWHERE, 1.8)))
    row = next(row for row in found.verdict.calibrated if (row.route, row.quantile) == ("GET /search", 0.5))

    assert row.change == pytest.approx(0.2, abs=0.03)
    assert row.projected_ms == pytest.approx(row.production_ms * (1 + row.change))
    assert row.projected_lower_ms is not None
    assert row.projected_upper_ms is not None
    assert row.lower is not None
    # Wider than the change alone, since production's own error is in it.
    assert row.projected_lower_ms < row.production_ms * (1 + row.lower)
    assert row.projected_lower_ms < 72 < row.projected_upper_ms
    assert "it is no measurement" in reports(found)["report.html"].decode()


def test_misses_that_the_reference_had_too_are_judged_all_the_same(tmp_path: Path) -> None:
    found = judged(tmp_path, missing(shop(2), 0.2), missing(shop(3), 0.2, seed=2)).verdict

    assert found.verdict is Word.READY
    assert found.judged_share == 1.0
    claim = next(claim for claim in found.claims if claim.kind == "misses" and claim.route == "GET /search")
    assert claim.state is State.PASSED


def test_misses_beyond_those_of_the_reference_count_against_the_build(tmp_path: Path) -> None:
    found = judged(
        tmp_path, missing(shop(2), 0.2), missing(shop(3), 0.4), Gate(slice_s=2.0, min_judged_share=0.5)
    ).verdict

    assert found.verdict is Word.NOT_READY
    assert any("GET /search answered otherwise than recorded in 4" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"plan_hash": "other"}, "its plan is 'other', that of .* is '91a0'"),
        ({"scale": 2.0}, "its scale is '2', that of .* is '1'"),
        ({"speed": 2.0}, "its speed is '2'"),
        ({"mode": "open"}, "its mode is 'open'"),
        ({"via_proxy": True}, "its place of measuring is 'proxy', that of .* is 'client'"),
        ({"connections": "session"}, "its connections is 'session'"),
        ({"kind": "production"}, "was made by production. A reference is a replay"),
    ],
)
def test_a_run_that_did_something_else_is_no_reference(
    tmp_path: Path, manifest: dict[str, object], message: str
) -> None:
    with pytest.raises(ArtefactError, match=message):
        judged(tmp_path, shop(2), shop(3), **manifest)


def test_a_gate_on_a_reference_needs_one(tmp_path: Path) -> None:
    with pytest.raises(GateFileError, match="gate_on is 'reference', and none was given"):
        rehearse(
            write_run(tmp_path / "friday", shop(1), kind="production"),
            write_run(tmp_path / "new", shop(2)),
            ON_REFERENCE,
        )


def test_a_load_run_as_baseline_is_its_own_reference_for_misses(tmp_path: Path) -> None:
    found = rehearse(
        write_run(tmp_path / "good", missing(shop(1), 0.03)),
        write_run(tmp_path / "new", missing(shop(2), 0.03)),
        WIDE,
    ).verdict

    assert {claim.kind for claim in found.claims} == {"latency", "errors", "misses"}
    assert found.verdict is Word.READY
    assert math.isclose(found.judged_share, 1.0)
