"""``replay import``: foreign recordings → the same sanitised capture."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
