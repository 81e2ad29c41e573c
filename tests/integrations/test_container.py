"""The container: who it runs as, and when it is well."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import pytest

CONTAINER = Path(__file__).parents[2] / "integrations" / "container"


@pytest.fixture(scope="module")
def healthy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthy", CONTAINER / "healthy.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        (b"/opt/dress-rehearsal/bin/python\0/opt/dress-rehearsal/bin/replay\0capture\0friday\0", "capture"),
        (b"replay\0", ""),
        (b"sleep\0infinity\0", ""),
    ],
)
def test_the_verb_is_read_off_the_first_process(healthy: ModuleType, command: bytes, verb: str) -> None:
    assert healthy.verb_of(command) == verb


@pytest.mark.parametrize(
    ("verb", "age_s", "well"), [("capture", 3, True), ("capture", 60, False), ("gate", 60, True)]
)
def test_a_capture_that_no_longer_saves_its_manifest_is_not_well(
    healthy: ModuleType, tmp_path: Path, verb: str, age_s: int, well: bool
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    os.utime(manifest, (1_000_000, 1_000_000))

    assert healthy.is_well(verb, [manifest], 1_000_000 + age_s) is well
    assert healthy.is_well(verb, [], 0) is (verb != "capture")


def test_the_container_runs_without_root_and_checks_its_health() -> None:
    lines = (CONTAINER / "Containerfile").read_text().splitlines()
    last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]

    users = [line.split()[1] for line in last_stage if line.startswith("USER")]
    assert users == ["10001"]
    assert any(line.startswith("HEALTHCHECK") for line in last_stage)


def test_the_image_holds_what_the_pins_hashes_allow_and_no_more() -> None:
    content = (CONTAINER / "Containerfile").read_text().replace("\\\n", "")
    pips = [command for command in re.split(r"&&|\n", content) if "/pip " in command]

    assert [("--require-hashes" in each, "--no-index" in each) for each in pips] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert "COPY --from=build /opt/dress-rehearsal /opt/dress-rehearsal" in content
    assert not any("/opt/dress-rehearsal" in each and " -r " in each for each in pips)
