"""Calibration: the noise of known runs is found, kept, and only used where it was measured."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from analysis.calibration import CALIBRATION_NAME, Calibration, calibrate, check_calibration, read_calibration
from analysis.compare import TOTAL
from analysis.gate_file import Gate, Margins
from analysis.rehearsal import rehearse
from analysis.samples import ArtefactError, Run, read_run
from analysis.verdict import Word
from tests.runs import shop, write_run


def repeats(tmp_path: Path, n: int, sd: float, **manifest: object) -> list[Run]:
    """Runs of one build whose level differs by ``sd`` from run to run."""
    rng = np.random.default_rng(5)
    found = []
    for i in range(n):
        samples = shop(20 + i, length_s=120)
        samples.response_s = samples.response_s * np.exp(rng.normal(0, sd))
        found.append(read_run(write_run(tmp_path / f"aa-{i}", samples, **manifest)))
    return found


def written(folder: Path, calibration: Calibration) -> Path:
    folder.mkdir()
    (folder / CALIBRATION_NAME).write_bytes(msgspec.json.encode(calibration))
    return folder


def test_the_spread_between_runs_is_told_from_each_run_s_own(tmp_path: Path) -> None:
    found = calibrate(repeats(tmp_path, 8, 0.08), 2.0)
    levels = np.random.default_rng(5).normal(0, 0.08, 8)

    assert found.noise == pytest.approx(np.std(levels, ddof=1), rel=0.25)
    total = found.spreads[0]
    assert (total.route, total.quantile) == (TOTAL, 0.5)
    assert total.spread > 4 * total.own_error
    assert total.design_effect < 3


def test_pairs_of_noisy_runs_cry_wolf_until_the_noise_is_known(tmp_path: Path) -> None:
    pairs = calibrate(repeats(tmp_path, 6, 0.08), 2.0).pairs

    assert 0.95 * 15 * 3 * 2 <= pairs.compared <= 15 * 3 * 2  # but those worth too few independent requests
    assert pairs.alarms > 0.4 * pairs.compared
    assert pairs.alarms_calibrated <= 0.08 * pairs.compared


def test_a_gate_with_a_calibration_says_that_it_measured(tmp_path: Path) -> None:
    folder = written(tmp_path / "noise", calibrate(repeats(tmp_path, 6, 0.01), 2.0))
    baseline = write_run(tmp_path / "friday", shop(1), kind="production")
    candidate = write_run(tmp_path / "build", shop(2))
    gate = Gate(slice_s=2.0, min_slices=30, margins=Margins(relative=0.35))

    found = rehearse(baseline, candidate, gate, calibration=folder).verdict

    assert found.verdict is Word.READY
    assert found.noise_runs == 6
    assert "measured by 6 A/A runs, is included" in found.headline
    assert "assumed" not in found.headline + " ".join(found.assumptions)


@pytest.mark.parametrize(
    ("change", "what"), [({"scale": 2.0}, "scale is '1'"), ({"plan_hash": "beef"}, "plan is '91a0'")]
)
def test_a_calibration_of_another_load_is_refused(tmp_path: Path, change: dict[str, object], what: str) -> None:
    found = calibrate(repeats(tmp_path, 3, 0.01), 2.0)
    candidate = read_run(write_run(tmp_path / "build", shop(2), **change))

    with pytest.raises(ArtefactError, match=f"noise: its {what}.*Calibrate again at this load"):
        check_calibration(found, tmp_path / "noise", candidate)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = calibrate(repeats(tmp_path, 3, 0.01), 2.0)

    assert read_calibration(written(tmp_path / "noise", found)) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no calibration.json, so it is no calibration"),
        (b"{", "is no calibration, or is damaged"),
        (b'{"format": "calibration/9"}', "is no calibration, or is damaged"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / CALIBRATION_NAME).write_bytes(content)

    with pytest.raises(ArtefactError, match=message):
        read_calibration(tmp_path)


def test_a_calibration_of_another_version_is_refused(tmp_path: Path) -> None:
    found = calibrate(repeats(tmp_path, 3, 0.01), 2.0)
    folder = written(tmp_path / "noise", msgspec.structs.replace(found, format="calibration/9"))

    with pytest.raises(ArtefactError, match="format 'calibration/9', this version reads 'calibration/1'"):
        read_calibration(folder)
