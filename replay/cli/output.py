"""What a command prints: results to stdout, progress and problems to stderr."""

from __future__ import annotations

from rich.console import Console

stdout = Console(highlight=False, soft_wrap=True, emoji=False)
stderr = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def problem(message: str) -> None:
    """One line on stderr that says what went wrong."""
    stderr.print(f"replay: {message}", markup=False)


def progress(message: str) -> None:
    """One line on stderr that says what is being done."""
    stderr.print(message, markup=False, style="dim")
