"""What a harvest asks of staging, and what it brought: the two sides of an engine's pipe."""

from __future__ import annotations

import msgspec

MOST_REQUESTS = 300
"""Of one harvest; at ten a second half a minute."""
MOST_ROWS = 100_000


class Errand(msgspec.Struct, frozen=True):
    """A route whose answers show rows."""

    route: str
    requests: list[int]
    """Of the plan: what may be asked there."""
    takes: dict[str, str]
    """Column by place of the answer."""
    needs: dict[str, str] = {}
    """Column by place of the request: what must be asked for in a row that was harvested before."""


class Trial(msgspec.Struct, frozen=True):
    """A route at which a harvested row is tried."""

    requests: list[int]
    needs: dict[str, str]
    """Column by place of the request."""


class Work(msgspec.Struct, frozen=True):
    """Everything that a harvest may ask."""

    errands: list[Errand]
    trials: list[Trial]
    wanted: dict[str, int]
    """Values of each column that are enough."""
    doubtful: list[str] = []
    """``ROUTE COLUMN`` of errands whose rows count only where some were tried, and staging knew all of those."""
    most: int = MOST_REQUESTS


class Gathered(msgspec.Struct, frozen=True):
    """What an errand came to."""

    requests: int = 0
    answered: int = 0
    """Of them, those with the recorded status class."""
    tried: dict[str, int] = {}
    """Rows that were tried, by column."""
    passed: dict[str, int] = {}
    dropped: list[str] = []
    """Columns whose rows staging does not know."""


class Harvest(msgspec.Struct, frozen=True):
    """What staging's answers showed."""

    rows: list[dict[str, str]]
    """Column to value; none twice."""
    gathered: list[Gathered]
    """Of each errand."""
    requests: int
    """Sent in all, with the trials."""
