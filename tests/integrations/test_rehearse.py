"""The script that the pipelines share, run as they run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.capture.manifest import Origin
from replay.errors import EXIT_INPUT, EXIT_OK, EXIT_REFUSED
from tests.loadtests.support import planned, serving, write_plan
from tests.runs import shop, write_run

INTEGRATIONS = Path(__file__).parents[2] / "integrations"


def rehearse(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The ended script, which ran in ``folder``."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(INTEGRATIONS / "rehearse.sh")],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", **{f"REHEARSAL_{key}": settings[key] for key in settings}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_finished_run_is_judged_and_its_reports_are_kept(tmp_path: Path) -> None:
    write_run(tmp_path / "production", shop(1), kind="production")
    write_run(tmp_path / "build", shop(5, rate_per_s=60.0), scale=2.0)
    (tmp_path / "wide.toml").write_text("[margins]\nrelative = 0.25\n")

    ended = rehearse(tmp_path, BASELINE="production", CANDIDATE="build", GATE="wide.toml", REPORT="out/report")

    assert ended.returncode == EXIT_OK, ended.stderr
    assert {"report.md", "junit.xml", "verdict.json"} <= {path.name for path in (tmp_path / "out/report").iterdir()}


def test_a_run_that_is_refused_is_not_judged(tmp_path: Path) -> None:
    with serving() as production:
        origin = Origin(host="127.0.0.1", port=production.port, addresses=["127.0.0.1"])
        write_plan(tmp_path / "p", [planned(0, 1)], origins=[origin])
        ended = rehearse(tmp_path, PLAN="p", TARGET=f"\n{production.url}\n", BASELINE="b", OPTIONS="--no-preflight")

    assert ended.returncode == EXIT_REFUSED
    assert production.connections == 0
    assert not (tmp_path / "rehearsal" / "report").exists()


def test_a_baseline_that_is_missing_keeps_the_exit_code_of_the_gate(tmp_path: Path) -> None:
    write_run(tmp_path / "build", shop(5))

    assert rehearse(tmp_path, BASELINE="nothing", CANDIDATE="build").returncode == EXIT_INPUT
    assert "REHEARSAL_BASELINE" in rehearse(tmp_path).stderr


@pytest.mark.parametrize(
    ("schema", "path"),
    [("github-actions", "github/action.yml"), ("gitlab-ci", "gitlab/rehearsal.gitlab-ci.yml")],
)
def test_the_pipelines_follow_their_schema(schema: str, path: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", INTEGRATIONS / path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_input_of_the_action_is_pasted_into_a_script() -> None:
    text = (INTEGRATIONS / "github" / "action.yml").read_text()
    scripts = [step.split("- name:")[0] for step in text.split("run: ")[1:]]

    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script.split("\n    - ")[0]]
