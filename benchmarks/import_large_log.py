"""A large access log: lines a second of one core, and the memory that its import takes.

    python benchmarks/import_large_log.py access.log [--mib 1024] [--varied 0.1]

The log is made from a real one of the combined format, as often as it takes. Each time it begins where the last time
ended, a third of the clients' addresses are others, sizes are others, and of the targets a share (``--varied``) gets
a number that no other has. It is made anew and deleted, and needs its size on the disk, and the capture's beside it.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from replay.capture.segments import SegmentWriter
from replay.formats.access_log import open_access_log
from replay.formats.intake import Source, take_in
from replay.sanitize.keys import KeySource, load_key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer

_TIME = "%d/%b/%Y:%H:%M:%S %z"


def varied(lines: list[str], share: float, draw: random.Random) -> Iterator[str]:
    """The lines again and again, with other times, clients, sizes and, for a share of them, targets."""
    began = datetime(2025, 5, 17, tzinfo=UTC)
    number = 0
    for again in count():
        for line in lines:
            client, _, rest = line.partition(" ")
            head, _, rest = rest.partition("[")
            request, _, rest = rest.partition("] ")[2].partition('" ')
            status, size, rest = rest.split(" ", 2)
            if again % 3 == 0:
                client = f"198.{18 + again % 2}.{again % 256}.{draw.randrange(256)}"
            if draw.random() < share:
                method, target, version = request.split(" ")
                request = f"{method} {target}{'&' if '?' in target else '?'}id={number} {version}"
            if size.isdigit():
                size = str(int(size) + draw.randrange(100))
            clock = (began + timedelta(seconds=number // 250)).strftime(_TIME)
            yield f'{client} {head}[{clock}] {request}" {status} {size} {rest}'
            number += 1


def main() -> None:
    """Make the log, import it, print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--varied", type=float, default=0.1)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    lines = [line for line in given.log.read_text("latin-1").splitlines(keepends=True) if line.count('"') == 6]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "access.log"
        size = 0
        with path.open("w", encoding="latin-1") as file:
            for line in varied(lines, given.varied, random.Random(7)):
                size += file.write(line)
                if size >= given.mib << 20:
                    break
        target = Path(folder) / "capture"
        target.mkdir()
        started, wall = time.process_time(), time.monotonic()
        recording = open_access_log(path, "bench")
        cleaner = Sanitizer(
            load_policy("builtin:strict"), load_key(KeySource()), recording.started_ns, "connection", repeats=True
        )
        result = take_in([Source(path, recording)], cleaner, SegmentWriter(target, "bench"), "connection")
        took = time.process_time() - started
        written = sum(file.stat().st_size for file in target.iterdir())
        print(
            f"{size / (1 << 20):,.0f} MiB, {result.seen:,} lines, {given.varied:.0%} of targets unique: "
            f"{result.seen / took:,.0f} lines/s of a core ({took:,.0f} s of CPU, {time.monotonic() - wall:,.0f} s), "
            f"{result.written:,} written ({written / (1 << 20):,.0f} MiB), {dict(result.left_out_counts)}, "
            f"largest resident size {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB"
        )


if __name__ == "__main__":
    main()
