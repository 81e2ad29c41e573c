"""What the documentation shows is understood by the program that it shows."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from replay.cli.main import application
from tests.documentation.pages import DOCS, ROOT, Block, anchors, blocks, commands, links, named_verbs, pages

CONTENTS = re.compile(r"[a-z/]+\.md")
COMMAND = typer.main.get_command(application())


@pytest.mark.parametrize(("block", "arguments"), commands(), ids=lambda part: str(part)[:60])
def test_every_command_line_is_one(block: Block, arguments: list[str]) -> None:
    command, rest = COMMAND, list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]

    command.make_context(command.name, rest)  # raises where an option is unknown or an argument is missing


def test_every_verb_that_the_text_names_exists() -> None:
    assert named_verbs() <= set(COMMAND.commands)


def test_every_verb_is_shown_somewhere() -> None:
    assert set(COMMAND.commands) <= {arguments[0] for _, arguments in commands()} | named_verbs()


def test_every_page_is_in_the_contents_of_the_site() -> None:
    contents = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} == set(CONTENTS.findall(contents))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_toml_block_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in links(path):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert path.name == "README.md" or there.is_relative_to(DOCS), f"{target}: is not on the site"
        assert not anchor or anchor in anchors(there), target
