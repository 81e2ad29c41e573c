"""``replay plan``: rules that are found, explained, edited and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli.main import main
from replay.plan.store import open_plan
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest
from tests.services.apis import Notes
from tests.services.recorded import recorded, sanitised


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Plans a capture of a service and returns what was said."""
    folder = tmp_path / "captures" / "friday"
    folder.mkdir(parents=True)
    writer = SegmentWriter(folder, capture_manifest().id)
    for each in sanitised(recorded(Notes, 5), load_policy("builtin:strict")):
        writer.write(each)
    writer.close()
    manifest = capture_manifest(segments=writer.closed, seen=writer.written, written=writer.written)
    write_manifest(folder / MANIFEST_NAME, manifest)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["replay", "plan", "friday", "-o", "friday", *options])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return f"{ended.value.code} {said.out}{said.err}"

    return run


def test_rules_are_found_explained_and_written_beside_the_plan(plan: Callable[..., str], tmp_path: Path) -> None:
    said = plan("--explain")

    assert said.startswith("0 ")
    assert "POST /login · json/token|jwt/sub  (confidence" in said
    assert "→ GET /users/{uuid}/notes · path/2" in said
    assert "because they agreed in" in said
    assert 'into = "header/authorization"' in (tmp_path / "friday.plan" / "rules.toml").read_text()
    assert open_plan(tmp_path / "friday.plan").manifest.living > 0


def test_edited_rules_are_read_back(plan: Callable[..., str], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'format = "rules/1"\n[[link]]\nfrom = "POST /login"\nat = "json/token"\n'
        'to = ["GET /users/{uuid}/notes"]\ninto = "header/authorization"\n'
    )

    assert plan("--rules", "rules.toml").startswith("0 ")
    assert open_plan(tmp_path / "friday.plan").manifest.forecast["GET /users/{uuid}/notes"].linked == 0


def test_no_rules_let_nothing_live(plan: Callable[..., str], tmp_path: Path) -> None:
    assert plan("--rules", "none").startswith("0 ")
    assert open_plan(tmp_path / "friday.plan").manifest.living == 0


def test_wrong_rules_are_refused_and_no_plan_is_written(plan: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(
        'format = "rules/1"\n[[link]]\nfrom = "POST /logon"\nat = "json/token"\n'
        'to = ["GET /users/{uuid}/notes"]\ninto = "header/authorization"\n'
    )

    said = plan("--rules", "rules.toml")

    assert said.startswith("2 ")
    assert (
        "rules.toml, line 3: no producer: the capture has no route 'POST /logon'. Did you mean 'POST /login'?" in said
    )
    assert not (tmp_path / "friday.plan").exists()
