"""``replay capacity``: rounds of steps by the path of ``replay run``, finer around what gave way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.gate_file import Gate
from replay.cli import main as command
from replay.cli.capacity_search import Course, Limits, Search, ladder, production_rates
from replay.cli.run_options import RunOptions
from replay.cli.run_order import Order, prepare
from replay.errors import IncompleteError
from replay.runs import RunManifest, read_run_manifest
from tests.loadtests.support import planned, write_plan
from tests.runs import Samples, write_run

STEP_S = 20.0
TARGET = "http://127.0.0.1:9"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan of a hundred seconds at twenty requests a second."""
    return write_plan(tmp_path / "friday.plan", [planned(n * 50, session=n, path=f"/a?n={n}") for n in range(2000)])


def target_that_breaks_above(scale: float, ended: str = "complete") -> tuple[list[str], object]:
    """Stands in for a replay: failures begin where the ordered load passes ``scale``. Notes what was ordered."""
    orders: list[str] = []

    def perform(order: Order) -> RunManifest:
        scales = [stage.scale for stage in order.spec.profile if stage.seconds]
        orders.append(" ".join(f"{each:g}" for each in scales))
        times, status = [], []
        for place, each in enumerate(scales):
            n = int(20 * each * STEP_S)
            times.append(np.linspace(place * STEP_S, (place + 1) * STEP_S, n, endpoint=False))
            status.append(np.full(n, 503 if each > scale else 200))
        rng = np.random.default_rng(1)
        at = np.concatenate(times)
        samples = Samples(["GET /a"] * at.size, at, 0.05 * np.exp(rng.normal(0, 0.2, at.size)))
        samples.status = np.concatenate(status)
        write_run(order.folder, samples, ended=ended)
        return read_run_manifest(order.folder)

    return orders, perform


def search(plan: Path, output: Path, perform: object) -> Search:
    options = RunOptions(plan=str(plan), targets=[TARGET])
    limits = Limits(Gate(quantiles=[0.95]), None, 2.0, 0.01)
    return Search(options, Course(STEP_S, 4.0), limits, output, perform)  # type: ignore[arg-type]


def test_a_second_round_looks_closer_at_where_it_gave_way(plan: Path, tmp_path: Path) -> None:
    orders, perform = target_that_breaks_above(2.3)

    found = search(plan, tmp_path / "out", perform).run([1.0, 2.0, 3.0], 2)

    assert orders == ["1 2 3", "2.25 2.5 2.75"]
    assert found.first is not None
    assert 2.0 < (found.first.load or 0) < 2.55
    assert found.upper == pytest.approx(2.5, rel=0.02)


def test_a_target_that_holds_needs_no_second_round(plan: Path, tmp_path: Path) -> None:
    orders, perform = target_that_breaks_above(9)

    assert search(plan, tmp_path / "out", perform).run([1.0, 2.0], 3).first is None
    assert orders == ["1 2"]


def test_a_broken_off_run_ends_the_search(plan: Path, tmp_path: Path) -> None:
    _, perform = target_that_breaks_above(9, ended="worker lost")

    with pytest.raises(IncompleteError, match=r"round-1: the run did not complete \(worker lost\)"):
        search(plan, tmp_path / "out", perform).run([1.0, 2.0], 1)


def test_production_s_rate_is_that_of_what_is_sent(plan: Path, tmp_path: Path) -> None:
    mean, peak = production_rates(prepare(RunOptions(plan=str(plan), targets=[TARGET], output=str(tmp_path / "x"))))

    assert mean == pytest.approx(20, rel=0.01)
    assert peak == pytest.approx(20, rel=0.01)


def test_a_ladder_rises_by_one_factor() -> None:
    assert ladder(1.0, 8.0, 4) == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "4", "--to", "2"], "--to 2: is not above --from 4"),
        (["--step", "10s", "--settle", "9s"], "--settle 9s: leaves little of a step of 10s"),
        (["--gate", "gone.toml"], "gone.toml: no such file"),
    ],
)
def test_bad_options_are_refused_before_anything_is_sent(
    tmp_path: Path, plan: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(["capacity", str(plan), "--target", TARGET, "-o", str(tmp_path / "out"), *options])

    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
