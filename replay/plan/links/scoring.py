"""How sure it is that one place issues what another carries.

Confidence is the share of the requests in which the two agreed where they could (with one success and one failure to
begin with), less the chance of coincidence, less the share of sessions that are given the very same value. A strong
value (``values.is_strong``) does not agree by chance; there a person may well have got it elsewhere at other times,
so the share counts less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from replay.plan.links.places import is_listed, last_name
from replay.plan.links.rules import MIN_CONFIDENCE, Place
from replay.routes import word_set

_SAMPLED = 64
_CONSTANT_SHARE = 0.3
_WEAK_SESSIONS = 3
_WEAK_VALUES = 3
_WEAK_SHARE = 0.8
_WEAK_PORTION = 0.25
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_IDENTIFYING = word_set(
    """
    id uuid guid key token code cursor csrf xsrf nonce state ref reference number no sid slug etag version
    location next after order item
    """
)


@dataclass(slots=True)
class Evidence:
    """How a place of requests went with a place of answers."""

    agreed: int = 0
    differed: int = 0
    """The place of answers had issued something new, and the request carried another value."""
    strong: int = 0
    sessions: int = 0
    bits: float = 0.0
    """Sum over the requests that agreed."""
    values: set[str] = field(default_factory=set)
    _last_session: int = -1

    def agree(self, session: int, key: str, bits: float, *, is_strong: bool) -> None:
        """A request carried what the place had issued."""
        self.agreed += 1
        self.strong += is_strong
        self.bits += bits
        if session != self._last_session:
            self._last_session = session
            self.sessions += 1
        if len(self.values) < _SAMPLED:
            self.values.add(key)

    def differ(self) -> None:
        """A request carried something else."""
        self.differed += 1


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement of one pair of places, and why."""

    is_link: bool
    confidence: float
    evidence: str


def judge(evidence: Evidence, producer: Place, consumer: Place, shared: float, portion: float) -> Judged:
    """Whether ``producer`` issues what ``consumer`` carries.

    Args:
        shared: of the sessions that the producer answered, the mean share that got the same value; 0: none did.
        portion: of the consumer's values that any answer had issued first, the share that ``producer`` had.
    """
    possible = evidence.agreed + evidence.differed
    share = evidence.agreed / possible
    mean_bits = evidence.bits / evidence.agreed
    is_strong = evidence.strong >= 0.9 * evidence.agreed
    is_constant = shared > _CONSTANT_SHARE
    likely = (evidence.agreed + 1) / (possible + 2)
    if is_strong:
        confidence = 1 - (1 - likely) * (0.1 if not is_constant else 1.0)
        is_single_slot = not is_listed(producer[1]) and share >= 0.9 and len(evidence.values) >= 2
        is_link = not is_constant or (is_single_slot and evidence.sessions >= 2)
    else:
        chance = 2 ** -(mean_bits * min(len(evidence.values), 8) / 2)
        confidence = likely * (1 - chance) * (1 - shared)
        is_repeated = evidence.sessions >= _WEAK_SESSIONS and len(evidence.values) >= _WEAK_VALUES
        is_named = _related(producer, consumer) and not is_listed(producer[1]) and mean_bits >= 6
        is_sure = share >= _WEAK_SHARE and portion >= _WEAK_PORTION
        is_link = is_sure and not is_constant and (is_repeated or (is_named and evidence.agreed >= 2))
    text = (
        f"{evidence.agreed:,} of {possible:,} requests in {evidence.sessions:,} sessions, "
        f"{len(evidence.values)}{'+' if len(evidence.values) >= _SAMPLED else ''} values of {mean_bits:.0f} bits"
        + (f", one value in {shared:.0%} of the sessions" if shared else "")
    )
    return Judged(is_link and confidence >= (MIN_CONFIDENCE if is_strong else 0.6), confidence, text)


def _related(producer: Place, consumer: Place) -> bool:
    """Whether the names of the two places speak of the same sort of thing."""
    first, second = _words(last_name(producer[1])), _words(last_name(consumer[1]))
    is_path = consumer[1].startswith("path/")
    return bool(first & second) or (bool(first & _IDENTIFYING) and (is_path or bool(second & _IDENTIFYING)))


def _words(name: str) -> set[str]:
    return {part.lower() for part in _PARTS.findall(name)}
