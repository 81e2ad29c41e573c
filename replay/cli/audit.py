"""``replay audit``: any artefact → leaks, places and kinds, never values."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
