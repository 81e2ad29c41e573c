"""The proxy's own log: its errors are counted, and nothing of them is kept, for they may hold anything."""

from __future__ import annotations

import logging
from collections.abc import Callable


class Counting(logging.Handler):
    """Calls ``count`` for every error record."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__(logging.ERROR)
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Count one."""
        self._count()
