"""In which order claims are shown: what needs a look first."""

from __future__ import annotations

from analysis.verdict import Claim, State, Verdict

_RANK = {State.FAILED: 0, State.UNJUDGED: 1, State.OPEN: 2, State.PASSED: 3}
MARKS = {State.FAILED: "✗", State.UNJUDGED: "–", State.OPEN: "?", State.PASSED: "✓"}
STATE_WORDS = {
    State.FAILED: "worse than allowed",
    State.UNJUDGED: "not judged",
    State.OPEN: "not decided",
    State.PASSED: "within margin",
}
WORD_MARKS = {"READY": "✓", "NOT READY": "✗", "INCONCLUSIVE": "?", "INVALID": "!"}


def worst_first(verdict: Verdict) -> list[Claim]:
    """The claims, those that failed first and the largest change first among equals."""

    def rank(claim: Claim) -> tuple[int, float, str]:
        margin = claim.margin or 1.0
        return _RANK[claim.state], -(claim.change or 0.0) / margin, claim.route

    return sorted(verdict.claims, key=rank)
