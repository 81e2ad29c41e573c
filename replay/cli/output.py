"""What a command prints: results to stdout, progress and problems to stderr."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from replay.storage import shown

_CONTROLS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def plain(text: str) -> str:
    """``text`` without control characters (C0, C1): a name from traffic or a file must not steer a terminal.

    Folders that stand for addresses are shown as these.
    """
    return shown(text).translate(_CONTROLS)


def cell(text: str) -> Text:
    """A table's cell that holds ``text`` as it is, without markup and control characters."""
    return Text(plain(text))


class _PlainConsole(Console):
    """A console to which text is text: no markup, no control characters."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(plain(each) if isinstance(each, str) else each for each in objects), **options)


stdout = _PlainConsole(highlight=False, soft_wrap=True, emoji=False, markup=False)
stderr = _PlainConsole(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)


_told = _PlainConsole(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)


def hush() -> None:
    """From now on say nothing of what is being done; what went wrong is said."""
    _told.quiet = True


def print_json(value: object) -> None:
    """``value`` as indented JSON on stdout, for programs."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def problem(message: str) -> None:
    """One line on stderr that says what went wrong."""
    stderr.print(f"replay: {message}", markup=False)


def progress(message: str) -> None:
    """One line on stderr that says what is being done."""
    _told.print(message, markup=False, style="dim")
