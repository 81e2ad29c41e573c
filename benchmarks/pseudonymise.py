"""How fast ``replay pseudonymise`` maps a table, and that its memory does not grow with it.

    python benchmarks/pseudonymise.py [--rows 100000]

A table of customers (id, e-mail, name, a code, a time, a note) in every format, a tenth of the rows and all of them;
a plain copy of the CSV by Python's own reader and writer stands beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ("id", "email", "full_name", "code", "created_at", "note")


def customers(count: int) -> Iterator[tuple[int, str, str, str, str, str]]:
    chance = random.Random(3)
    for number in range(count):
        given, family = (f"{chance.choice('ABCDEFGHK')}{chance.randrange(26**4):x}" for _ in range(2))
        when = f"2026-0{chance.randint(1, 9)}-1{chance.randint(0, 9)} 0{chance.randint(0, 9)}:15:00+00"
        yield (
            chance.randrange(10**8),
            f"{given}.{family}@mail{number % 50}.org".lower(),
            f"{given} {family}",
            f"{chance.choice('ABC')}{chance.choice('XYZ')}-{chance.randrange(10**5):05d}",
            when,
            f"called about order {chance.randrange(10**6)}, calls back on monday",
        )


def written(folder: Path, count: int) -> dict[str, Path]:
    """The table in each format."""
    rows = list(customers(count))
    paths = {form: folder / f"{count}.{form}" for form in ("csv", "copy", "jsonl", "parquet")}
    with paths["csv"].open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])
    paths["copy"].write_text("".join("\t".join(map(str, row)) + "\n" for row in [NAMES, *rows]))
    paths["jsonl"].write_text("".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in rows))
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), paths["parquet"], row_group_size=20_000)
    return paths


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and the highest resident memory in MB."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {process.returncode}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    copy = "import csv,sys;csv.writer(open(sys.argv[2],'w')).writerows(csv.reader(open(sys.argv[1])))"
    print(f"{'format':14} {'rows':>9} {'MB':>6} {'s':>7} {'rows/s':>9} {'MB/s':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "a.key").write_text(secrets.token_hex(32))
        (folder / "a.key").chmod(0o600)
        for count in (options.rows // 10, options.rows):
            for form, path in written(folder, count).items():
                out = folder / f"out-{path.name}"
                ours = [
                    sys.executable,
                    "-m",
                    "replay",
                    "pseudonymise",
                    str(path),
                    "-o",
                    str(out),
                    "--key-file",
                    "a.key",
                ]
                commands = {form: ours}
                if form == "csv":
                    commands["csv, copied"] = [sys.executable, "-c", copy, str(path), str(folder / f"copy-{count}")]
                for title, command in commands.items():
                    seconds, peak_mb = measured(command, folder)
                    size_mb = path.stat().st_size / 1e6
                    rates = f"{count / seconds:9,.0f} {size_mb / seconds:6.1f}"
                    print(f"{title:14} {count:9,} {size_mb:6.1f} {seconds:7.1f} {rates} {peak_mb:8.0f}", flush=True)


if __name__ == "__main__":
    main()
