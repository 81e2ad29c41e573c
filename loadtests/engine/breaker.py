"""The circuit breaker: a target that fails for seconds on end is left alone."""

from __future__ import annotations

from dataclasses import dataclass

from replay.runspec import Breaker

MIN_ANSWERS = 5
"""Seconds with fewer answers say too little each; they are gathered until they hold this many."""


@dataclass(slots=True)
class BreakerWatch:
    """Counts the seconds on end in which too many answers failed."""

    rule: Breaker | None
    _bad_seconds: int = 0
    _thin_seconds: int = 0
    _thin_answers: int = 0
    _thin_failures: int = 0

    def second(self, answers: int, failures: int) -> str:
        """Why the run must end after this second, '' where it may go on.

        ``failures`` are answers with status 500 or more, or too slow, and calls that ended without an answer. Seconds
        without any answer count for nothing: a quiet plan is no broken target.
        """
        if self.rule is None or not answers:
            return ""
        seconds = 1
        if answers < MIN_ANSWERS:
            self._thin_seconds += 1
            self._thin_answers += answers
            self._thin_failures += failures
            seconds, answers, failures = self._thin_seconds, self._thin_answers, self._thin_failures
            if answers < MIN_ANSWERS:
                return ""
        self._thin_seconds = self._thin_answers = self._thin_failures = 0
        self._bad_seconds = self._bad_seconds + seconds if failures > self.rule.share * answers else 0
        if self._bad_seconds < self.rule.seconds:
            return ""
        return f"more than {self.rule.share:.0%} of the requests failed for {self.rule.seconds} s on end"
