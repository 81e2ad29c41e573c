"""The journal that every engine keeps beside its samples: a tick a second, and one end record.

It is written as the run goes, so that a run whose engine was killed still says how its generator felt until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from replay.runs import Tick


class EngineTick(msgspec.Struct, frozen=True, tag_field="kind", tag="tick"):
    """One second of one engine."""

    tick: Tick
    errors: int = 0
    """Requests that ended without a response in this second."""
    failed: int = 0
    """Answers of another status class than recorded in this second."""
    lanes: int = 0
    """Lanes that the engine ran at the end of this second."""


class EngineEnd(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """The last word of an engine; an engine without one was lost."""

    worker: int
    ended: str
    """As ``RunManifest.ended``."""
    reason: str
    at_ns: int
    """On the run clock."""
    planned: int
    """This worker's part of ``RunManifest.planned``."""
    samples: int
    lost: int
    creations: dict[str, int] = {}
    """This worker's part of ``RunManifest.creations``."""
    hook_failures: dict[str, int] = {}
    """This worker's part of ``RunManifest.hook_failures``."""


type Entry = EngineTick | EngineEnd

_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def journal_path(folder: Path, worker: int) -> Path:
    """Where worker ``worker`` keeps its journal."""
    return folder / f"engine-{worker}.jsonl"


@dataclass(slots=True)
class JournalReader:
    """Follows a journal while it grows."""

    path: Path
    _offset: int = 0

    def new(self) -> list[Entry]:
        """The entries since the last call; a line that is not yet whole waits for the next."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [_DECODER.decode(line) for line in whole.splitlines()]
