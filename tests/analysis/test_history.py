"""Past verdicts side by side: only what is alike, in the order of the runs, with the run a change began with."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from analysis.gate_file import Gate
from analysis.history import History, history_of, read_verdict
from analysis.rehearsal import rehearse
from analysis.report.history import headline, history_html, spark, trend_plot
from analysis.report.json_ import to_json
from analysis.samples import ArtefactError
from analysis.verdict import Verdict, Word
from tests.runs import shop, write_run

SLOWER_FROM = 12


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder = tmp_path_factory.mktemp("one")
    baseline = write_run(folder / "friday", shop(1, length_s=120), kind="production")
    candidate = write_run(folder / "build", shop(2, length_s=120))
    return rehearse(baseline, candidate, Gate(slice_s=2.0, min_slices=30)).verdict


def night(verdict: Verdict, number: int, slower: float = 1.0, **candidate: object) -> Verdict:
    """The verdict as of another night: every latency a little off, those of one route by ``slower``."""
    rng = np.random.default_rng(number)
    routes = [
        msgspec.structs.replace(
            row,
            quantiles=[
                msgspec.structs.replace(
                    cell,
                    candidate_ms=cell.candidate_ms
                    * float(np.exp(rng.normal(0, 0.01)))
                    * (slower if row.route == "GET /search" else 1.0),
                )
                for cell in row.quantiles
            ],
        )
        for row in verdict.routes
    ]
    named = {"name": f"build-{number:02d}", "created": f"2026-03-{number + 1:02d}T02:00:00+00:00"} | candidate
    return msgspec.structs.replace(
        verdict, routes=routes, candidate=msgspec.structs.replace(verdict.candidate, **named)
    )


@pytest.fixture(scope="module")
def history(verdict: Verdict) -> History:
    nights = [night(verdict, n, 1.3 if n >= SLOWER_FROM else 1.0) for n in range(20)]
    return history_of(reversed(nights))


def test_runs_stand_in_the_order_in_which_they_were_made(history: History) -> None:
    assert [run.name for run in history.runs] == [f"build-{n:02d}" for n in range(20)]


def test_a_lasting_change_is_told_with_its_first_run(history: History) -> None:
    assert {(change.route, change.run) for change in history.changes} == {("GET /search", f"build-{SLOWER_FROM}")}
    change = history.changes[0]
    assert change.change == pytest.approx(0.3, abs=0.03)
    assert (change.runs, change.is_over) == (8, False)
    assert headline(history).startswith("GET /search p")
    assert "slower since build-12 (2026-03-13)" in headline(history)


def test_a_calm_history_says_so(verdict: Verdict) -> None:
    calm = history_of([night(verdict, n) for n in range(20)])

    assert calm.changes == []
    assert headline(calm) == "No lasting change of 5.0 % or more in 20 runs."


def test_verdicts_unlike_the_latest_are_left_out_and_counted(verdict: Verdict) -> None:
    found = history_of([night(verdict, 1, scale=2.0), night(verdict, 2, plan_hash="old"), night(verdict, 3)])

    assert [run.name for run in found.runs] == ["build-03"]
    assert found.left_out == 2


def test_an_invalid_run_says_nothing_of_the_build(verdict: Verdict) -> None:
    """Its generator was late: what it measured is no change of the build's."""
    late = [msgspec.structs.replace(night(verdict, n, 3.0), verdict=Word.INVALID) for n in range(12, 20)]
    found = history_of([*(night(verdict, n) for n in range(12)), *late])

    assert found.changes == []
    assert [run.verdict for run in found.runs][-1] == "INVALID"
    assert all(series.ms[12:] == [None] * 8 for series in found.series)


def test_a_change_is_marked_at_its_run_though_all_have_one_name(verdict: Verdict) -> None:
    found = history_of([night(verdict, n, 1.3 if n >= SLOWER_FROM else 1.0, name="candidate") for n in range(20)])
    (series,) = (one for one in found.series if (one.route, one.quantile) == ("GET /search", 0.5))
    plot = trend_plot(found, series)

    assert plot is not None
    assert [row["place"] for row in plot["datasets"]["rows"] if row["begins"]] == [SLOWER_FROM]


def test_a_run_judged_twice_counts_once(verdict: Verdict) -> None:
    assert len(history_of([night(verdict, 1), night(verdict, 1), night(verdict, 2)]).runs) == 2


def test_nothing_is_no_history() -> None:
    with pytest.raises(ArtefactError, match="no verdict was found"):
        history_of([])


def test_a_verdict_is_read_back(verdict: Verdict, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_bytes(to_json(verdict))

    assert to_json(read_verdict(tmp_path)) == to_json(verdict)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), (b"{}", "is no verdict, or of another version")]
)
def test_what_is_no_verdict_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "verdict.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ArtefactError, match=message):
        read_verdict(path)


def test_the_page_names_every_change_and_keeps_hostile_names_harmless(verdict: Verdict) -> None:
    nights = [night(verdict, n, 1.3 if n >= 8 else 1.0, name=f"<script>{n}</script>") for n in range(16)]
    page = history_html(history_of(nights))

    assert "&lt;script&gt;8&lt;/script&gt;" in page
    assert "<script>8</script>" not in page


def test_a_spark_line_shows_gaps_and_levels() -> None:
    assert spark([1.0, 1.0, None, 2.0]) == "▁▁ █"
    assert spark([None]) == ""
