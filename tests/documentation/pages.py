"""What the documentation holds: its pages, their code blocks and their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SPAN = re.compile(r"`replay ([a-z]+)[ `]")
_STOPS = {"|", "&&", ">", ">>", "||"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README and every page of the site."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(language: str = "") -> list[Block]:
    """The fenced blocks of one language, of all pages; '' are commands and pictures."""
    return [block for path in pages() for block in _blocks(path) if block.language == language]


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text("utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(path.relative_to(ROOT).as_posix(), line, found[2], found[3])


def commands() -> list[tuple[Block, list[str]]]:
    """The arguments of every ``replay …`` that a block shows, up to a pipe; a line may go on behind a backslash."""
    found = []
    for block in [*blocks(), *blocks("yaml"), *blocks("console")]:
        for line in block.text.replace("\\\n", " ").splitlines():
            bare = line.strip().removeprefix("$ ").removeprefix("- run: ")
            if bare.startswith("replay ") and "──" not in bare:
                words = shlex.split(bare, comments=True)
                end = next((at for at, word in enumerate(words) if word in _STOPS), len(words))
                found.append((block, words[1:end]))
    return found


def named_verbs() -> set[str]:
    """The verbs that running text names, as ```replay gate```."""
    return {verb for path in pages() for verb in _SPAN.findall(path.read_text("utf-8"))}


def links(path: Path) -> list[str]:
    """The targets of a page's links, outside of code."""
    return _LINK.findall(_FENCE.sub("", path.read_text("utf-8")))


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as links write them."""
    found = _HEADING.findall(_FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}
