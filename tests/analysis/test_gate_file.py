"""gate.toml: every key has a default, every mistake a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.gate_file import Gate, GateFileError, Margins, check_routes, parse_gate, read_gate


def gate(tmp_path: Path, text: str) -> Gate:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    return read_gate(path)


def test_an_empty_file_is_the_default_gate(tmp_path: Path) -> None:
    assert gate(tmp_path, "") == Gate()
    assert Gate().relaxed() == []


def test_everything_can_be_set(tmp_path: Path) -> None:
    found = gate(
        tmp_path,
        """
        format = "gate/1"
        routes = ["GET /", "GET /search"]
        quantiles = [0.5, 0.99]
        slice_s = 1
        min_slices = 40
        [margins]
        relative = 0.3
        [[overrides]]
        route = "GET /search"
        relative = 0.5
        [[overrides]]
        quantile = 0.99
        absolute_ms = 50
        [[slos]]
        route = "GET /"
        quantile = 0.95
        max_ms = 300
        [[budgets]]
        route = "GET /"
        max_error_rate = 0.01
        [validity]
        max_lag_ms = 25
        """,
    )

    assert found.margins_of("GET /", 0.5) == Margins(relative=0.3)
    assert found.margins_of("GET /search", 0.5) == Margins(relative=0.5)
    assert found.margins_of("GET /search", 0.99) == Margins(relative=0.5, absolute_ms=50)
    assert found.margins_of("GET /search").errors == 0.005
    assert found.validity.max_lag_ms == 25
    assert found.relaxed() == [
        "margin 30 % instead of 10 %",
        "runs from 40 s instead of 300 s",
        "other margins for GET /search, every route",
        "validity.max_lag_ms 25 instead of 10",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aplha = 0.05", r"gate\.toml: unknown key 'aplha'\. Did you mean 'alpha'\?"),
        ("[margins]\nrelativ = 0.1", r"unknown key 'relativ' in \[margins\]\. Did you mean 'relative'\?"),
        ("[[slos]]\nruote = 'GET /'", r"unknown key 'ruote' in \[slos\]\. Did you mean 'route'\?"),
        ("[validity]\nzebra = 1", r"unknown key 'zebra' in \[validity\]\. Known: "),
        ("[[slos]]\nroute = 'GET /'\nquantile = 0.95", "missing required field 'max_ms'"),
        ("quantiles = [95]", r"Expected 'float' < 1\.0 - at 'quantiles"),
        ("quantiles = []", "quantiles is empty"),
        ("alpha = 0.5", "Expected 'float' <= 0.2 - at 'alpha'"),
        ("slice_s = 0", "at 'slice_s'"),
        ("min_slices = 3", "Expected 'int' >= 16 - at 'min_slices'"),
        ("routes = 'GET /'", "Expected 'array', got 'str' - at 'routes'"),
        ("margins = 3", "Expected 'object', got 'int' - at 'margins'"),
        ("slos = 3", "at 'slos'"),
        ("routes = ['GET /', 'GET /']", "routes names a route twice"),
        ("gate_on = 'both'", "gate_on is 'both'"),
        ("format = 'gate/2'", "format 'gate/2', this version reads 'gate/1'"),
        ("alpha = ", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GateFileError, match=message):
        gate(tmp_path, text)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(
        GateFileError, match=r"nowhere\.toml: no such file\. 'replay gate --init BASELINE' writes one"
    ):
        read_gate(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "content",
    [
        {"routes": ["GET /serch"]},
        {"slos": [{"route": "GET /serch", "quantile": 0.5, "max_ms": 1}]},
        {"budgets": [{"route": "GET /serch", "max_error_rate": 0.1}]},
        {"overrides": [{"route": "GET /serch", "relative": 0.1}]},
    ],
)
def test_a_route_that_the_baseline_does_not_have_is_an_error_with_the_nearest(content: dict[str, object]) -> None:
    with pytest.raises(
        GateFileError, match=r"the gate: the baseline has no route 'GET /serch'\. Did you mean 'GET /search'"
    ):
        check_routes(parse_gate(content, "the gate"), ["GET /", "GET /search"], "the gate")


def test_a_gate_of_fewer_routes_says_so() -> None:
    assert Gate(max_routes=3).relaxed() == ["at most 3 routes instead of 20"]
    assert Gate(max_routes=3, routes=["GET /"]).relaxed() == []
