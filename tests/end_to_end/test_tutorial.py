"""The tutorial as its reader goes it: each of its commands, word for word, from a recording to a verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.documentation.pages import Block, blocks
from tests.end_to_end.conftest import COMMAND
from tests.end_to_end.service import Service

PAGE = "docs/tutorial.md"
VISIT = ["/", "/static/shop.css", "/static/shop.js", *(f"/products/{number}" for number in range(1, 25))]
BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)

pytestmark = [pytest.mark.e2e, pytest.mark.timed, pytest.mark.timeout(120)]


def recorded(url: str, at_ms: int) -> dict[str, object]:
    headers = [{"name": "User-Agent", "value": "Mozilla/5.0 Firefox/130.0"}]
    return {
        "startedDateTime": (BEGAN + timedelta(milliseconds=at_ms)).isoformat(),
        "time": 15,
        "request": {
            "method": "GET",
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": headers,
            "queryString": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 304 if url.endswith(".css") else 200,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Content-Type", "value": "text/html"}],
            "content": {"size": 2, "mimeType": "text/html", "text": "ok"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 2,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 14, "receive": 1},
    }


def recording() -> str:
    """Three seconds of a shop's visitor, and what its page asks of somebody else."""
    entries = [recorded(f"https://shop.example{path}", 110 * number) for number, path in enumerate(VISIT)]
    entries.append(recorded("https://counter.example.net/pixel.gif?visitor=81932", 60))
    return json.dumps(
        {"log": {"version": "1.2", "creator": {"name": "a browser", "version": "1"}, "entries": entries}}
    )


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
