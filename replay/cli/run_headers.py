"""``--header``: names and the environment variables that hold their values."""

from __future__ import annotations

import os

from replay.errors import ReplayError
from replay.traces import OF_ANOTHER


def header_sources(texts: list[str], *, traceparent: bool) -> dict[str, str]:
    """Header name → environment variable, from ``NAME=env:VARIABLE``.

    Raises:
        ReplayError: a text is none, a variable is missing, or ``--traceparent`` sets the header itself.
    """
    headers = {}
    for text in texts:
        name, _, source = text.partition("=")
        variable = source.removeprefix("env:")
        if not name or variable == source or not variable:
            raise ReplayError(
                "--header: write NAME=env:VARIABLE and export the variable; a value is never typed here."
            )
        if variable not in os.environ:
            raise ReplayError(
                f"--header {name[:60]}=env:{variable[:60]}: the environment has no such variable. Export it."
            )
        if traceparent and name.lower() in OF_ANOTHER:
            raise ReplayError(f"--header {name}: --traceparent sets it too. Leave one of them out.")
        headers[name] = variable
    return headers
