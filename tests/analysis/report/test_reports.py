"""Every format of one verdict, held by golden files; and texts that try to break out of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import altair as alt
import msgspec
import numpy as np
import pytest
from rich.console import Console

from analysis.gate_file import Gate, Margins, Slo
from analysis.rehearsal import Rehearsal, compare_runs, comparison_reports, rehearse, reports
from analysis.report.github import to_github
from analysis.report.json_ import verdict_schema
from analysis.report.junit import to_junit
from analysis.report.markdown import to_markdown
from analysis.report.page import verdict_html
from analysis.report.terminal import render, render_comparison
from analysis.verdict import Verdict
from tests.runs import shop, write_run

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = 'GET /<script>alert(1)</script>/{id}|`x`"&]]>\x07'


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A build with one slow and one failing route, one limit that holds and one near its margin."""
    folder = tmp_path_factory.mktemp("golden")
    baseline = write_run(folder / "friday", shop(1), kind="production")
    worse = shop(3, slower={"GET /search": 1.6, "GET /products/{product_id}": 1.15}, failing={"GET /": 0.04})
    candidate = write_run(
        folder / "build-417", worse, left_out={"write": 120}, creations={"POST /cart": 40, "POST /orders": 7}
    )
    gate = Gate(
        slice_s=2.0,
        min_slices=60,
        margins=Margins(relative=0.15),
        slos=[Slo(route="GET /", quantile=0.95, max_ms=100.0)],
    )
    return rehearse(baseline, candidate, gate)


@pytest.fixture(scope="module")
def files(rehearsal: Rehearsal) -> dict[str, bytes]:
    return reports(rehearsal)


def without_code(html: str) -> str:
    """The page without the drawing code and the numbers drawn, which have tests of their own."""
    html = re.sub(r'(<script type="application/json" id="specs">).*?(</script>)', r"\1…\2", html, flags=re.S)
    return max_script(html)


def max_script(html: str) -> str:
    longest = max(re.findall(r"<script>(.*?)</script>", html, flags=re.S), key=len)
    return html.replace(longest, "…")


@pytest.mark.parametrize("name", ["verdict.json", "report.md", "junit.xml"])
def test_the_files_are_as_they_were(name: str, files: dict[str, bytes], golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / name, files[name].decode())


def test_the_page_is_as_it_was(files: dict[str, bytes], golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "report.html", without_code(files["report.html"].decode()))


def test_the_terminal_is_as_it_was(rehearsal: Rehearsal, golden: Callable[[Path, str], None]) -> None:
    out = StringIO()
    Console(file=out, width=160, soft_wrap=True).print(render(rehearsal.verdict))

    golden(GOLDEN / "terminal.txt", out.getvalue())


def test_a_route_neither_steers_the_terminal_nor_is_taken_for_markup(rehearsal: Rehearsal) -> None:
    out, verdict = StringIO(), rehearsal.verdict
    claims = [msgspec.structs.replace(claim, route="GET /[red]\x1b[2J\x9b2J") for claim in verdict.claims]
    hostile = msgspec.structs.replace(verdict, claims=claims, headline="[bold]no[/bold]\x1b]0;x\x07")
    Console(file=out, width=160, soft_wrap=True).print(render(hostile))

    assert "GET /[red]\ufffd[2J\ufffd2J" in out.getvalue()
    assert "[bold]no[/bold]\ufffd]0;x\ufffd" in out.getvalue()
    assert not {"\x1b", "\x07", "\x9b"} & set(out.getvalue())


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_narrow_terminal_keeps_one_line_a_claim(rehearsal: Rehearsal, width: int) -> None:
    out = StringIO()
    Console(file=out, width=width, soft_wrap=True).print(render(rehearsal.verdict))
    rows = [line for line in out.getvalue().splitlines() if re.match(r"[✗✓?–]  ", line)]

    assert len(rows) == len(rehearsal.verdict.claims)
    assert all(len(line) <= width for line in rows)
    assert any("GET /search" in line for line in rows)


def test_the_schema_is_as_it_was_and_the_verdict_keeps_to_it(
    files: dict[str, bytes], golden: Callable[[Path, str], None]
) -> None:
    schema = verdict_schema().decode()

    golden(GOLDEN / "verdict.schema.json", schema)
    from jsonschema import Draft202012Validator

    Draft202012Validator(json.loads(schema)).validate(json.loads(files["verdict.json"]))


def test_github_annotations_are_as_they_were(rehearsal: Rehearsal, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "github.txt", to_github(rehearsal.verdict))


def test_no_name_can_begin_a_command_of_its_own(rehearsal: Rehearsal) -> None:
    check = msgspec.structs.replace(rehearsal.verdict.checks[0], name="a,b::c", state="doubt", sentence=HOSTILE)
    hostile = msgspec.structs.replace(
        rehearsal.verdict, headline="100 %\n::set-env name=X::1", reasons=["a", HOSTILE], checks=[check]
    )

    assert to_github(hostile).splitlines() == [
        "::error title=NOT READY::100 %25%0A::set-env name=X::1",
        f"::error title=NOT READY::{HOSTILE[:-1]} ",
        f"::warning title=a%2Cb%3A%3Ac::{HOSTILE[:-1]} ",
    ]


def test_a_verdict_read_back_is_the_verdict_written(files: dict[str, bytes], rehearsal: Rehearsal) -> None:
    assert msgspec.json.decode(files["verdict.json"], type=Verdict) == msgspec.convert(
        msgspec.to_builtins(rehearsal.verdict), type=Verdict
    )


def test_junit_counts_what_it_holds(files: dict[str, bytes], rehearsal: Rehearsal) -> None:
    suite = ET.fromstring(files["junit.xml"]).find("testsuite")
    assert suite is not None
    states = [claim.state.value for claim in rehearsal.verdict.claims]

    assert int(suite.get("failures", "")) == states.count("failed") + 1
    assert int(suite.get("skipped", "")) == states.count("open") + states.count("unjudged")
    assert suite.get("errors") == "0"
    assert int(suite.get("tests", "")) == 1 + len(states) + len(rehearsal.verdict.checks)
    names = [case.get("name") for case in suite]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("manifest", "gate", "result"),
    [({"ended": "interrupted"}, Gate(slice_s=2.0), "error"), ({}, Gate(slice_s=2.0, min_slices=900), "skipped")],
)
def test_junit_of_an_undecided_run_never_passes(
    tmp_path: Path, manifest: dict[str, object], gate: Gate, result: str
) -> None:
    baseline = write_run(tmp_path / "a", shop(1), kind="production")
    found = rehearse(baseline, write_run(tmp_path / "b", shop(2), **manifest), gate)

    case = ET.fromstring(reports(found)["junit.xml"]).find("testsuite/testcase[@name][1]")
    assert case is not None
    assert case.find(result) is not None


def test_the_page_names_no_address_that_a_browser_would_open(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()

    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href|action|srcset)\s*=\s*["']?\s*(?:https?:)?//""", without_code(page))
    assert not re.search(r"url\((?!#)|@import|<link|<img|<iframe", without_code(page))
    assert "://" not in without_code(page)
    specs = re.search(r'id="specs">(.*?)</script>', page, flags=re.S)
    assert specs
    assert "://" not in specs[1]


def test_every_chart_is_valid_and_has_its_rows(files: dict[str, bytes]) -> None:
    found = re.search(r'id="specs">(.*?)</script>', files["report.html"].decode(), flags=re.S)
    assert found
    specs = json.loads(found[1])

    assert {"heat", "shift", "time", "errors", "percentiles-0", "ecdf-0"} <= set(specs)
    for spec in specs.values():
        alt.Chart.from_dict(spec)
        assert spec["datasets"]["rows"]


def test_route_names_cannot_break_out_of_any_format(tmp_path: Path) -> None:
    routes = {HOSTILE: 0.05}
    found = rehearse(
        write_run(tmp_path / "a", shop(1, routes=routes), kind="production"),
        write_run(tmp_path / "b", shop(2, routes=routes, slower={HOSTILE: 2.0})),
        Gate(slice_s=2.0),
    )
    files = reports(found)

    assert "<script>alert" not in files["report.html"].decode()
    assert "<script>alert" not in re.sub(r"`[^`]*`", "", files["report.md"].decode()).replace("\\<", "")
    assert any("alert(1)" in (case.get("name") or "") for case in ET.fromstring(files["junit.xml"]).iter("testcase"))
    assert all(
        line.count("|") - line.count("\\|") == 9
        for line in files["report.md"].decode().splitlines()
        if line[:2] == "| "
    )


def test_a_name_in_a_sentence_calls_nobody_on_github(rehearsal: Rehearsal) -> None:
    """A comment of a bot is read by GitHub: people are told of it, issues are linked, formulas are set."""
    said = "GET /@octocat/a#12 ~x~ $a$ &#64;octocat https://a.example www.a.example"
    hostile = msgspec.structs.replace(rehearsal.verdict, headline=said, reasons=[said, said])
    lines = to_markdown(hostile).splitlines()

    kept = "GET /@&#8203;octocat/a#&#8203;12 \\~x\\~ <span>$</span>a<span>$</span> \\&#&#8203;64;octocat"
    assert lines[2] == f"{kept} h&#8203;ttps://a.example w&#8203;ww.a.example"
    assert lines[6] == f"- {lines[2]}"


def test_a_route_beyond_the_basic_plane_keeps_its_name_in_junit(rehearsal: Rehearsal) -> None:
    hostile = msgspec.structs.replace(rehearsal.verdict, headline="GET /🚀\ud800\x00")
    (case, *_) = ET.fromstring(to_junit(hostile)).iter("testcase")

    assert case.find("failure") is not None
    assert case.find("failure").get("message") == "GET /🚀\ufffd\ufffd"  # type: ignore[union-attr]


def test_a_text_can_neither_end_a_line_of_the_terminal_nor_turn_it(rehearsal: Rehearsal) -> None:
    """A runner takes a line that begins with two colons for a command; a turned line reads READY backwards."""
    out = StringIO()
    hostile = msgspec.structs.replace(rehearsal.verdict, headline="GET /\n::stop-commands::x\u2028\u202eYDAER")
    Console(file=out, width=160, soft_wrap=True).print(render(hostile))

    assert "GET /\ufffd::stop-commands::x\ufffd\ufffdYDAER" in out.getvalue()


def test_the_ten_worst_stand_in_markdown(tmp_path: Path) -> None:
    routes = {f"GET /{i:02}": 0.02 + 0.01 * i for i in range(8)}
    found = rehearse(
        write_run(tmp_path / "a", shop(1, routes=routes), kind="production"),
        write_run(tmp_path / "b", shop(2, routes=routes, slower={"GET /05": 2.0})),
        Gate(slice_s=2.0),
    )
    lines = reports(found)["report.md"].decode().splitlines()
    rows = [line for line in lines if re.match(r"\| [✗✓?–]", line)]

    assert len(rows) == 10
    assert all("GET /05" in line or "all traffic" in line for line in rows[:2])
    assert f"{len(found.verdict.claims) - 10} more claims in the report." in lines


def test_a_comparison_judges_nothing(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "a", shop(1), kind="production")
    found = compare_runs(baseline, write_run(tmp_path / "b", shop(2, slower={"GET /": 2.0})), 2.0)
    out = StringIO()
    Console(file=out, width=160, soft_wrap=True).print(render_comparison(found))
    page = without_code(comparison_reports(found)["comparison.html"].decode())

    assert "GET /search" in out.getvalue()
    for word in ("READY", "INCONCLUSIVE", "INVALID"):
        assert word not in out.getvalue() + page


def test_the_page_of_a_wreck_can_be_drawn(tmp_path: Path) -> None:
    wreck = shop(2)
    wreck.status = np.zeros(len(wreck.route), int)
    wreck.error = "connect"
    found = rehearse(
        write_run(tmp_path / "a", shop(1), kind="production"), write_run(tmp_path / "b", wreck), Gate(slice_s=2.0)
    )

    assert "could not connect" in verdict_html(found.verdict, found.evidence)
