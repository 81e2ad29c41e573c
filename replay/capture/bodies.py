"""What is kept of a body that streams by: at most a cap, out of a budget that all bodies share."""

from __future__ import annotations

from dataclasses import dataclass

CAP_BYTES = 4 << 20
BUDGET_BYTES = 64 << 20


@dataclass(slots=True)
class Budget:
    """Bytes of streaming bodies that may be held in memory at a time."""

    free_bytes: int = BUDGET_BYTES


class Tee:
    """Passes chunks on unchanged and keeps a copy, until the body outgrows the cap or the shared budget.

    It is what mitmproxy calls a *stream*: called with each chunk as it is on the wire, and once with ``b""``.
    """

    __slots__ = ("_budget", "_cap", "_kept", "complete", "kept", "size_bytes")

    def __init__(self, budget: Budget, cap_bytes: int = CAP_BYTES) -> None:
        self._budget = budget
        self._cap = cap_bytes
        self._kept: list[bytes] = []
        self.kept = True
        """All of the body so far is held."""
        self.complete = False
        self.size_bytes = 0
        """Length of the body so far, held or not."""

    def __call__(self, chunk: bytes) -> bytes:
        """Take note of ``chunk`` and return it."""
        size = len(chunk)
        self.size_bytes += size
        if not size:
            self.complete = True
        elif self.kept:
            if self.size_bytes > self._cap or size > self._budget.free_bytes:
                self.kept = False
                self._release(self.size_bytes - size)
            else:
                self._budget.free_bytes -= size
                self._kept.append(chunk)
        return chunk

    def take(self) -> bytes | None:
        """The body, or None where it was not held to its end; what was held goes back to the budget."""
        body = b"".join(self._kept) if self.kept and self.complete else None
        if self.kept:
            self.kept = False
            self._release(self.size_bytes)
        return body

    def _release(self, size: int) -> None:
        self._kept.clear()
        self._budget.free_bytes += size
