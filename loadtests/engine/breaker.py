"""The circuit breaker: a target that fails for seconds on end is left alone."""

from __future__ import annotations

from dataclasses import dataclass

from replay.runspec import Breaker

MIN_ANSWERS = 5
"""Seconds with fewer answers neither open the breaker nor reset it."""


@dataclass(slots=True)
class BreakerWatch:
    """Counts the seconds on end in which too many answers failed."""

    rule: Breaker | None
    _bad_seconds: int = 0

    def second(self, answers: int, failures: int) -> str:
        """Why the run must end after this second, '' where it may go on.

        ``failures`` are answers with status 500 or more, or too slow, and calls that ended without an answer.
        """
        if self.rule is None or answers < MIN_ANSWERS:
            return ""
        self._bad_seconds = self._bad_seconds + 1 if failures > self.rule.share * answers else 0
        if self._bad_seconds < self.rule.seconds:
            return ""
        return f"more than {self.rule.share:.0%} of the requests failed for {self.rule.seconds} s on end"
