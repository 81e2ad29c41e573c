"""The few errors of the project and the exit code that each one ends a command with.

    ReplayError            2  usage or configuration
    ├── InputError         5  an artefact is missing, damaged, foreign or of another version
    ├── IncompleteError    6  the work did not complete (target unreachable, worker lost, breaker …)
    └── RefusedError       7  refused for safety, or a leak was found

A message is one line that says *what* is wrong, *where*, and *what to do*. It never quotes a body, a header
value, a cookie or a query value: what a person sent must not reach a terminal or a log.
"""

from __future__ import annotations

import traceback
from pathlib import Path

EXIT_OK = 0
EXIT_NOT_READY = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_INVALID = 4
EXIT_INPUT = 5
EXIT_INCOMPLETE = 6
EXIT_REFUSED = 7
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class ReplayError(Exception):
    """Wrong usage or configuration; the base of every error that we raise on purpose."""

    exit_code = EXIT_USAGE


class InputError(ReplayError):
    """An input is missing, damaged, foreign, of another version or of another template set."""

    exit_code = EXIT_INPUT


class IncompleteError(ReplayError):
    """The work did not complete: target unreachable, sanitiser died, worker lost, breaker open."""

    exit_code = EXIT_INCOMPLETE


class RefusedError(ReplayError):
    """Refused for safety, before anything was sent or written; or leaks were found."""

    exit_code = EXIT_REFUSED


def places(error: BaseException) -> list[str]:
    """Where an unknown exception passed, innermost last; not its message, which may quote what a person sent."""
    root = Path(__file__).resolve().parents[1]
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        place = path.relative_to(root) if path.is_relative_to(root) else path.name
        found.append(f"{place}:{frame.lineno} in {frame.name}")
    return found
