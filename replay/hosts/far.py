"""What a master knows of the hosts of a run, and what it has them do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from replay.hosts.peer import Bye, Peer, Refused
from replay.runs import Host, Target
from replay.runspec import RunSpec


@dataclass(slots=True)
class FarHost:
    """A host that takes part."""

    name: str
    address: str
    peer: Peer
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    workers: set[int] = field(default_factory=set)
    """The run's workers that were started there, as their journals say."""
    prepared: list[Target] | None = None
    refused: Refused | None = None
    ended: bool = False
    bye: Bye | None = None
    lost: str = ""
    """Why it was lost; '' while it was not."""

    @property
    def label(self) -> str:
        """What a person is told of it."""
        return f"{self.name} ({self.address})"

    def manifest(self) -> Host:
        """The host as the run's manifest names it."""
        return Host(
            name=self.name,
            address=self.address,
            workers=sorted(self.workers),
            targets=self.prepared or [],
            clock_offset_ns=self.bye.at_start.offset_ns if self.bye else None,
            clock_error_ns=self.bye.at_start.error_ns if self.bye else None,
            clock_drift_ns=self.bye.at_end.offset_ns - self.bye.at_start.offset_ns if self.bye else None,
            wall_offset_ns=self.bye.at_start.wall_ns if self.bye else None,
            lost=self.lost,
        )


@dataclass(frozen=True, slots=True)
class Task:
    """What the hosts are to do, and where what they send goes."""

    run: str
    spec: RunSpec
    plan: Path
    out: Path
    processes: int
    """Locust workers that each host starts."""
    locust_port: int
    """Of the Locust master, on loopback."""
