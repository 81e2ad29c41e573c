"""The container's health check: exit 0 while all is well, 1 where a capture has stopped to save its manifest.

A capture saves its manifest every two seconds, whatever the traffic; the container runs one verb, as process 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

SILENT_S = 10.0


def is_well(verb: str, manifests: Iterable[Path], now_s: float) -> bool:
    """Whether a container that runs ``verb`` is well, going by when ``manifests`` were saved (seconds since 1970)."""
    if verb != "capture":
        return True
    saved_s = [path.stat().st_mtime for path in manifests]
    return bool(saved_s) and now_s - max(saved_s) < SILENT_S


def verb_of(command_line: bytes) -> str:
    """The verb of ``… replay VERB …``, or '' where there is none."""
    words = command_line.decode(errors="replace").split("\0")
    places = [place for place, word in enumerate(words) if Path(word).name == "replay"]
    return words[places[0] + 1] if places and places[0] + 1 < len(words) else ""


if __name__ == "__main__":
    running = verb_of(Path("/proc/1/cmdline").read_bytes())
    sys.exit(not is_well(running, Path.cwd().glob("**/manifest.json"), time.time()))
