"""Small pieces of the tour; the whole of it is an end-to-end test."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.gate_file import read_gate
from replay.demo.pacing import MEDIANS_MS
from replay.demo.tour import FAILING, FAILING_SHARE, GATE, SLOWED, SLOWED_BY, new_folder_in


def test_every_tour_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = new_folder_in(tmp_path / "runs"), new_folder_in(tmp_path / "runs")

    assert (first.name, second.name) == ("demo-1", "demo-2")
    assert first.stat().st_mode & 0o777 == 0o700


def test_the_gate_reads_and_names_routes_that_the_shop_has() -> None:
    gate = read_gate(GATE)

    assert set(gate.routes) <= set(MEDIANS_MS)
    assert {SLOWED, FAILING} <= set(gate.routes)


def test_the_gate_says_what_it_asks_less_of_than_a_real_one() -> None:
    assert len(read_gate(GATE).relaxed()) >= 3


@pytest.mark.parametrize("route", [SLOWED, FAILING])
def test_the_regression_is_on_a_gated_route_and_larger_than_its_margin(route: str) -> None:
    margins = read_gate(GATE).margins_of(route)

    assert 2 * margins.relative < SLOWED_BY - 1
    assert 2 * margins.errors < FAILING_SHARE
