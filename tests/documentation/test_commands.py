"""Commands of the how-to pages that need no service are carried out, word for word."""

from __future__ import annotations

import gzip
import shutil
import warnings
from pathlib import Path

import pytest

from replay.cli.main import main
from tests.documentation.pages import Block, blocks, commands
from tests.recordings import Visit, har

PAGES = {"docs/formats.md", "docs/policy.md", "docs/sanitising.md", "docs/sessions.md"}
VERBS = {"import", "export", "policy", "learn", "plan"}
CARRIED_OUT = [
    (block, arguments)
    for block, arguments in commands()
    if block.page in PAGES and arguments[0] in VERBS and "live" not in arguments
]
COMBINED = '192.0.2.{n} - - [17/May/2026:10:05:0{n} +0000] "GET /items/{n} HTTP/1.1" 200 5 "-" "Agent/1"\n'
LINES = {
    '%h %l %u %t "%r" %>s %b %{ms}T': '192.0.2.{n} - - [17/May/2026:10:05:0{n} +0000] "GET /{n} HTTP/1.1" 200 5 12\n',
    '$remote_addr [$time_local] "$request" $status $request_time': (
        '192.0.2.{n} [17/May/2026:10:05:0{n} +0000] "GET /{n} HTTP/1.1" 200 0.012\n'
    ),
    "json: time=@timestamp method=http.verb target=url status=code duration_ms=took": (
        '{{"@timestamp":"2026-05-17T10:05:0{n}Z","http":{{"verb":"GET"}},"url":"/{n}","code":200,"took":12}}\n'
    ),
}
"""Lines of a log by the ``--log-format`` that tells how they are written."""


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def log(line: str) -> str:
    return "".join(line.format(n=number) for number in range(1, 6))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages name: recordings of each kind, a capture ``friday``, policies and rules."""
    folder = tmp_path_factory.mktemp("pages")
    recording = har(Visit(f"https://shop.example/items/{number}", 10 * number) for number in range(10))
    (folder / "recording.har").write_text(recording)
    (folder / "visits").mkdir()
    (folder / "visits" / "one.har").write_text(recording)
    (folder / "access.log").write_text(log(COMBINED))
    (folder / "access.log.1.gz").write_bytes(gzip.compress(log(COMBINED).replace("/May/", "/Apr/").encode()))
    policy = next(block.text for block in blocks("toml") if block.page == "docs/sanitising.md")
    (folder / "shop.toml").write_text(policy)
    (folder / "policy.toml").write_text(policy)
    write_flows(folder / "traffic.mitm")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert ended("import", "har", "recording.har", "-o", "friday") == 0
        assert ended("export", "gor", "friday", "-o", "requests_0.gor") == 0
        assert ended("plan", "friday", "-o", "friday") == 0
    shutil.copy(folder / "friday.plan" / "rules.toml", folder / "rules.toml")
    shutil.rmtree(folder / "friday.plan")
    return folder


def write_flows(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # mitmproxy calls pyparsing by its old names
        from mitmproxy.io import FlowWriter
        from mitmproxy.test import tflow

    with path.open("wb") as file:
        FlowWriter(file).add(tflow.tflow(resp=True))


@pytest.mark.parametrize(("block", "arguments"), CARRIED_OUT, ids=lambda part: str(part)[:60])
def test_a_command_of_a_how_to_page_does_what_it_shows(
    block: Block, arguments: list[str], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    shutil.copytree(prepared, here)
    monkeypatch.chdir(here)
    if "--log-format" in arguments:
        line = LINES[arguments[arguments.index("--log-format") + 1]]
        (here / arguments[2]).write_text(log(line))
    if arguments[0] in {"import", "learn"}:  # what they make is there, for the other commands to read
        made = here / arguments[arguments.index("-o") + 1]
        shutil.rmtree(made, ignore_errors=True)
        made.unlink(missing_ok=True)
    spelled = [str(path) for word in arguments for path in (sorted(here.glob(word)) if "*" in word else [word])]

    assert ended(*spelled) == 0
