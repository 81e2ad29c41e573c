"""The learner's process, ``python -m replay.learn.worker FD FOLDER``: live raw exchanges → a proposed policy.

Recordings are read twice, traffic passes once. So exchanges are held, in memory only, until 32 MiB have come
together: their paths teach the routes. From then on the oldest is looked at, and forgotten, for each that comes; the
rest is looked at when the traffic has ended. Nothing but the policy is ever written.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

import msgspec

from replay.capture.serving import say, work
from replay.capture.wire import COUNTERS, EXCHANGE, Counters, Done, Frame
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, IncompleteError
from replay.exchange import RawExchange
from replay.learn.learning import Paths
from replay.learn.observe import Observation
from replay.learn.proposal import Proposal, propose, routes_of, writable
from replay.learn.templates import Learned
from replay.private_files import write_whole

HELD_BYTES = 32 << 20
"""Looked at within some 15 s when the traffic has ended."""


class Settings(msgspec.Struct, frozen=True):
    """What the launcher asks for."""

    output: str
    k: int
    session_by: str


class Learner:
    """Takes frames and makes a proposal of them, in bounded memory.

    An exchange that cannot be looked at is counted in ``failed``; it must not end the learning.
    """

    def __init__(self, k: int, session_by: str, held_bytes: int = HELD_BYTES) -> None:
        self.failed = 0
        self.in_order = False
        """The addon has said its last word."""
        self._k = k
        self._session_by = session_by
        self._limit_bytes = held_bytes
        self._decode = msgspec.msgpack.Decoder(RawExchange).decode
        self._held: deque[bytes] = deque()
        self._size_bytes = 0
        self._paths = Paths(k, session_by)
        self._learned: list[Learned] | None = None
        self._seen: Observation | None = None

    def take(self, frame: Frame) -> None:
        """Take one frame of the addon."""
        if frame.kind == COUNTERS:
            self.in_order = msgspec.msgpack.decode(frame.payload, type=Counters).final
        if frame.kind != EXCHANGE:
            return
        if self._seen is None:
            try:
                self._paths.take(self._decode(frame.payload))
            except Exception:  # noqa: BLE001 - as in _look
                self.failed += 1
                return
        self._held.append(frame.payload)
        self._size_bytes += len(frame.payload)
        while self._size_bytes > self._limit_bytes:
            self._look()

    def drop(self, reason: str) -> None:  # noqa: ARG002 - there is one reason only
        """Count an exchange that was lost on its way."""
        self.failed += 1

    def proposal(self) -> Proposal:
        """The policy that all exchanges suggest; nothing is held afterwards."""
        while self._held:
            self._look()
        seen, learned = self._begun()
        return propose(seen, learned, "live traffic")

    @property
    def exchanges(self) -> int:
        """Exchanges that were looked at."""
        return self._seen.exchanges if self._seen else 0

    def _look(self) -> None:
        payload = self._held.popleft()
        self._size_bytes -= len(payload)
        seen, _ = self._begun()
        try:
            seen.take(self._decode(payload))
        except Exception:  # noqa: BLE001 - one strange exchange must not end the learning; its message may quote it
            self.failed += 1

    def _begun(self) -> tuple[Observation, list[Learned]]:
        """What was seen, by the routes of the paths so far; they stand from the first call on."""
        if self._seen is None or self._learned is None:
            self._learned = writable(self._paths.templates(), self._k)
            self._seen = Observation(routes_of(self._learned), self._k, self._session_by)
        return self._seen, self._learned


class Writer(Learner):
    """A learner that writes its policy down at the end, if it has seen anything, and says what is in it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.k, settings.session_by)
        self._output = Path(settings.output)

    def tick(self, now_s: float) -> None:
        """Nothing is to be done in between."""

    def close(self, now_s: float) -> int:  # noqa: ARG002 - of a taker
        """Write the policy; raises IncompleteError where the disk does not take it."""
        proposal = self.proposal()
        if self.exchanges:
            try:
                write_whole(self._output, proposal.text.encode())
            except OSError as error:
                raise IncompleteError(f"{self._output}: cannot be written ({error.strerror}).") from None
        say(Done(proposal.counts | {"exchanges": self.exchanges, "failed": self.failed}))
        return EXIT_OK if self.in_order else EXIT_INCOMPLETE


def _writer(content: bytes) -> Writer:
    return Writer(msgspec.json.decode(content, type=Settings))


if __name__ == "__main__":
    sys.exit(work(_writer, "learner"))
