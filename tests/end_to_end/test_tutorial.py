"""The tutorial as its reader goes it: each of its commands, word for word, from a recording to a verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.documentation.pages import Block, blocks
from tests.end_to_end.conftest import COMMAND
from tests.end_to_end.service import Service
from tests.recordings import Visit, har

PAGE = "docs/tutorial.md"
VISIT = ["/", "/static/shop.css", "/static/shop.js", *(f"/products/{number}" for number in range(1, 25))]
pytestmark = [pytest.mark.e2e, pytest.mark.timed, pytest.mark.timeout(120)]


def recording() -> str:
    """Three seconds of a shop's visitor, and what its page asks of somebody else."""
    agent = "Mozilla/5.0 Firefox/130.0"
    visits = [
        Visit(f"https://shop.example{path}", 110 * number, 304 if path.endswith(".css") else 200, agent=agent)
        for number, path in enumerate(VISIT)
    ]
    return har([*visits, Visit("https://counter.example.net/pixel.gif?visitor=81932", 60, agent=agent)])


def page(language: str) -> Iterator[Block]:
    return (block for block in blocks(language) if block.page == PAGE)


def test_each_command_of_the_tutorial_does_what_its_page_says(
    tmp_path: Path, service: Callable[..., Service]
) -> None:
    candidate, before = (service(paths=set(VISIT)) for _ in range(2))
    (tmp_path / "visit.har").write_text(recording())
    policy, safety = (block.text for block in page("toml"))
    (tmp_path / "replay.toml").write_text(safety)
    (tmp_path / "written.toml").write_text(policy)
    environment = {
        **os.environ,
        "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
        "EDITOR": "cp written.toml",  # the reader writes what the page shows
        "NO_COLOR": "1",
    }
    commands = [line for block in page("") for line in block.text.splitlines()]

    codes, said = [], ""
    for command in commands:
        there = command.replace("127.0.0.1:9000", candidate.url.removeprefix("http://"))
        there = there.replace("127.0.0.1:9001", before.url.removeprefix("http://"))
        ended = subprocess.run(
            ["/bin/sh", "-c", there], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        codes.append(ended.returncode)
        said += f"$ {command}\n{ended.stdout}{ended.stderr}"

    assert codes == [3 if command.startswith("replay gate") else 0 for command in commands], said
    assert set(candidate.requests) == set(before.requests) == set(VISIT)
    assert "counter.example.net" not in said
    assert re.search(r"shop\.example \(27\), \S+\.example\.com \(1\)", said), said
    for report in ("report", "report2"):
        verdict = json.loads((tmp_path / report / "verdict.json").read_text())
        assert verdict["verdict"] == "INCONCLUSIVE"
