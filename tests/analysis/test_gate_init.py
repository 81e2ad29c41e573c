"""A gate written from a baseline: it can be read, and says why it chose."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from analysis.gate_file import parse_gate
from analysis.gate_init import gate_for
from analysis.samples import ArtefactError, read_run
from tests.runs import shop, write_run


def test_the_gate_names_the_busy_routes_and_the_reason_of_each(tmp_path: Path) -> None:
    text = gate_for(read_run(write_run(tmp_path / "friday", shop(1), kind="production")))
    gate = parse_gate(tomllib.loads(text), "written")

    assert set(gate.routes) == {"GET /", "GET /search", "GET /products/{product_id}"}
    line = next(line for line in text.splitlines() if '"GET /search",' in line)
    assert "% of traffic; p50 " in line
    assert "independent ones at p95" in line


def test_a_route_with_little_traffic_is_left_out_and_said(tmp_path: Path) -> None:
    samples = shop(1)
    samples.route[:20] = ["GET /rare"] * 20
    text = gate_for(read_run(write_run(tmp_path / "friday", samples, kind="production")))

    assert "GET /rare" not in parse_gate(tomllib.loads(text), "written").routes
    assert '# not gated: "GET /rare" (0.17 %)' in text


def test_a_short_baseline_gets_short_slices(tmp_path: Path) -> None:
    text = gate_for(read_run(write_run(tmp_path / "friday", shop(1, length_s=50), kind="production")))
    gate = parse_gate(tomllib.loads(text), "written")

    assert gate.slice_s == 1
    assert gate.min_slices < 50


def test_a_route_name_that_looks_like_toml_stays_a_name(tmp_path: Path) -> None:
    odd = 'GET /a"]\nquantiles = [0.1]\n#\\'
    text = gate_for(read_run(write_run(tmp_path / "friday", shop(1, routes={odd: 0.02}), kind="production")))

    assert parse_gate(tomllib.loads(text), "written").routes == [odd]


def test_a_baseline_of_seconds_is_refused(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "friday", shop(1, length_s=8), kind="production"))

    with pytest.raises(ArtefactError, match="too short to make a gate from"):
        gate_for(run)
