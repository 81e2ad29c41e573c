"""How fast access logs are read: lines/s of the parser alone, of the recording, and of the import with its sanitiser.

    python benchmarks/import_logs.py [--lines 200000]

Every figure is of one core. The log is made up: 400 paths, 50 clients, 200 requests a second.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from replay.capture.segments import SegmentWriter
from replay.exchange import RawExchange
from replay.formats.access_log import open_access_log
from replay.formats.intake import Source, take_in
from replay.formats.log_formats import chosen
from replay.sanitize.keys import KeySource, load_key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"


def made_up(lines: int, tail: Callable[[int], str]) -> Iterator[str]:
    """Lines of the combined format with a tail of their own."""
    for number in range(lines):
        second = number // 200
        clock = f"{10 + second // 3600 % 10:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        path = f"/api/products/{number * 7919 % 400}?page={number % 9}&sort=price"
        yield (
            f"192.0.2.{number % 50} - - [17/May/2025:{clock} +0000] "
            f'"GET {path} HTTP/1.1" 200 {number % 9000} '
            f'"https://shop.example.com/products" "{AGENT}"{tail(number)}\n'
        )


TAILS: dict[str, Callable[[int], str]] = {
    "combined": lambda _: "",
    "nginx-timed": lambda number: f" 0.{number % 900:03d}",
    "nginx-ingress": lambda number: (
        f" 512 0.{number % 900:03d} [web] [] 10.0.0.1:80 61 0.{number % 900:03d} 200 {number:032x}"
    ),
}


def per_second(count: int, started: float) -> str:
    """The rate since ``started``."""
    return f"{count / (time.process_time() - started):>12,.0f}"


def main() -> None:
    """Make the logs, read them, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=200_000)
    count = parser.parse_args().lines
    print(f"{'lines/s of one core':<20}{'parser':>12}{'recording':>12}{'sanitised':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name, tail in TAILS.items():
            path = Path(folder) / f"{name}.log"
            with path.open("w") as file:
                file.writelines(made_up(count, tail))
            read = chosen(name).reader("bench")
            lines = [line.rstrip("\n").encode() for line in made_up(min(count, 50_000), tail)]
            started = time.process_time()
            for number, line in enumerate(lines):
                read(line, number)
            parser_rate = per_second(len(lines), started)
            del lines
            started = time.process_time()
            found = sum(isinstance(item, RawExchange) for item in open_access_log(path, "bench"))
            recording_rate = per_second(found, started)
            whole_rate = sanitised_rate(path, Path(folder) / name)
            print(f"{name:<20}{parser_rate}{recording_rate}{whole_rate}")
    print(f"largest resident size: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


def sanitised_rate(path: Path, folder: Path) -> str:
    """The rate of the import as a whole: reading, the sanitiser under builtin:strict, and segments on disk."""
    folder.mkdir()
    recording = open_access_log(path, "bench")
    cleaner = Sanitizer(
        load_policy("builtin:strict"), load_key(KeySource()), recording.started_ns, "connection", repeats=True
    )
    started = time.process_time()
    result = take_in([Source(path, recording)], cleaner, SegmentWriter(folder, "bench"), "connection")
    return per_second(result.written, started)


if __name__ == "__main__":
    main()
