"""Comparing runs: scale, mirror, windows, misses, mix, and totals standardised to production's mix."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.compare import Comparison, compare
from analysis.noise import RunNoise
from analysis.samples import Run, read_run
from tests.runs import Samples, shop, write_run

SECOND = 10**9


def run(folder: Path, samples: Samples | None = None, **manifest: object) -> Run:
    return read_run(write_run(folder, samples or shop(1, length_s=120), **manifest))


def pair(tmp_path: Path, a: Samples, b: Samples, **manifest: object) -> Comparison:
    baseline = run(tmp_path / "a", a, kind="production")
    return compare(baseline, run(tmp_path / "b", b, **manifest), slice_s=2.0, run_noise=RunNoise(0.0))


def test_a_build_that_is_slower_by_a_factor_shows_that_factor(tmp_path: Path) -> None:
    slower = {"GET /": 1.3, "GET /search": 1.3, "GET /products/{product_id}": 1.3}
    found = pair(tmp_path, shop(1), shop(1, slower=slower))

    for route in [found.total, *found.routes.values()]:
        assert route is not None
        for row in route.response.values():
            assert row.difference.estimate == pytest.approx(math.log(1.3), abs=0.006)
            assert row.difference.lower_at(0.05) <= math.log(1.3) + 0.006


def test_b_against_a_mirrors_a_against_b(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", shop(1)), run(tmp_path / "b", shop(2))
    there, back = (compare(x, y, slice_s=2.0) for x, y in ((a, b), (b, a)))

    for name, route in there.routes.items():
        for p, row in route.response.items():
            mirror = back.routes[name].response[p].difference
            assert row.difference.estimate == pytest.approx(-mirror.estimate)
            assert row.difference.upper_at(0.05) == pytest.approx(-mirror.lower_at(0.05))


def test_an_unchanged_build_lies_within_its_interval(tmp_path: Path) -> None:
    found = pair(tmp_path, shop(1), shop(2))
    rows = [row.difference for route in found.routes.values() for row in route.response.values()]

    assert sum(d.lower_at(0.05) <= 0 <= d.upper_at(0.05) for d in rows) >= 0.8 * len(rows)


def test_errors_are_compared_by_class(tmp_path: Path) -> None:
    found = pair(tmp_path, shop(1), shop(2, failing={"GET /": 0.05}))

    errors = found.routes["GET /"].errors
    assert errors["5xx"].candidate.share == pytest.approx(0.05, abs=0.015)
    assert errors["any error"].difference.lower_at(0.05) > 0.02
    assert errors["timeout"].candidate.count == 0
    assert found.routes["GET /search"].errors["any error"].candidate.count == 0


def test_a_route_of_misses_is_not_judged_and_counts_out_of_the_judged_share(tmp_path: Path) -> None:
    candidate = shop(2)
    is_search = np.array([name == "GET /search" for name in candidate.route])
    candidate.status = np.where(is_search, 404, 200)
    found = pair(tmp_path, shop(1), candidate)

    assert "GET /search" not in found.judged
    assert found.judged_share == pytest.approx(1 - is_search.mean(), abs=0.01)
    assert found.routes["GET /search"].response == {}


def test_two_misses_in_a_hundred_are_judged_and_three_are_not(tmp_path: Path) -> None:
    for misses, is_judged in ((2, True), (3, False)):
        at = np.linspace(0, 117.9, 100)
        baseline = Samples(["GET /"] * 100, at, np.full(100, 0.05))
        candidate = Samples(
            ["GET /"] * 100, at, np.full(100, 0.05), status=np.where(np.arange(100) < misses, 404, 200)
        )
        found = pair(tmp_path / str(misses), baseline, candidate)

        assert (found.judged == ["GET /"]) is is_judged


def test_a_route_that_was_not_replayed_is_missing_from_the_judged_share(tmp_path: Path) -> None:
    found = pair(tmp_path, shop(1), shop(2, routes={"GET /": 0.02, "GET /search": 0.06}))

    assert set(found.routes) == {"GET /", "GET /search"}
    assert found.judged_share == pytest.approx(2 / 3, abs=0.03)


def test_the_total_is_weighted_to_the_baselines_mix(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 8000
    at = np.sort(rng.uniform(0, 200, n))

    def mixed(share: float, seed: int) -> Samples:
        draw = np.random.default_rng(seed)
        slow = draw.random(n) < share
        return Samples(
            list(np.where(slow, "GET /slow", "GET /fast")),
            at,
            np.where(slow, 0.5, 0.05) * np.exp(draw.normal(0, 0.1, n)),
        )

    found = pair(tmp_path, mixed(0.10, 2), mixed(0.40, 3))

    assert found.total is not None
    assert found.load.mix_distance == pytest.approx(0.3, abs=0.02)
    # Unweighted, the 75th percentile would jump from 50 to 500 ms with the share of slow requests.
    assert found.total.response[0.75].ratio == pytest.approx(1.0, abs=0.03)
