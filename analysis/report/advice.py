"""What to do about a verdict, for a person who was woken by it."""

from __future__ import annotations

from analysis.compare import TOTAL
from analysis.report.order import worst_first
from analysis.verdict import State, Verdict, Word


def next_step(verdict: Verdict) -> str:
    """What to do now, in a sentence or two; what a reason itself advises is not said again."""
    if verdict.verdict is Word.READY:
        count = len(verdict.watch)
        changes = f"{count} change{'s' if count > 1 else ''}"
        watch = f", but look at the watch list first: {changes} that no gate asks about" if count else ""
        return f"Now: as far as load goes, this build may be released{watch}."
    if verdict.verdict is Word.NOT_READY:
        failed = [claim for claim in worst_first(verdict) if claim.state is State.FAILED]
        failed.sort(key=lambda claim: claim.route == TOTAL)
        where = f"Begin with {failed[0].route}" if failed else "Begin with the timeline: it shows when it gave way"
        return f"Now: do not release this build. {where}."
    if verdict.verdict is Word.INVALID:
        return (
            "Now: no figure of this run is evidence, so the build is neither cleared nor blamed. "
            "Mend what the first reason names, then run it again."
        )
    return "Now: this is no pass and no failure. Do not release on it; do what the reasons say, then judge again."
