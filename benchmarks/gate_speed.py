"""How long does ``replay gate`` take on two large runs, and how much memory?

    python benchmarks/gate_speed.py [--rows 1000000 3000000 10000000] [--routes 100] [--count-only | --gate-only]

Prints one line a size: seconds and peak memory of the whole command in a process of its own, on one core, and
counting per route, and per route and slice, beside pandas ``groupby.quantile`` by the same keys on the same rows.
Counting is stated alone and with the quantiles that are taken from it; pandas gives a route's quantiles in every
slice, we give the route's own and how sure they are. 30 M rows a run take 1.4 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from replay.artefacts import write_manifest  # noqa: E402
from replay.runs import MANIFEST_NAME, RUN_FORMAT, RunManifest, Tick  # noqa: E402
from replay.samples import SCHEMA  # noqa: E402

LENGTH_S = 3600
QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99]
GOES = 7


def write(folder: Path, rows: int, routes: int, seed: int, kind: str) -> None:
    """A run of one hour with ``rows`` samples of ``routes`` skewed routes."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    names = pa.array([f"GET /route/{i}/{{id}}" for i in range(routes)])
    group = 1 << 20
    with pq.ParquetWriter(folder / "samples-0.parquet", SCHEMA, compression="zstd") as writer:
        for first in range(0, rows, group):
            n = min(group, rows - first)
            span = LENGTH_S * 1e9 / rows
            intended = ((first + np.sort(rng.uniform(0, n, n))) * span).astype(np.int64)
            ready = intended + rng.exponential(50_000, n).astype(np.int64)
            took = (50e6 * np.exp(rng.normal(0, 0.6, n))).astype(np.int64)
            route = np.minimum((routes * rng.random(n) ** 2).astype(np.int32), routes - 1)
            plain = {name: pa.array(np.zeros(n, kind_.to_pandas_dtype())) for name, kind_ in numbers().items()}
            empty = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([""]))
            columns = plain | {
                "route": pa.DictionaryArray.from_arrays(pa.array(route), names),
                "method": empty,
                "protocol": empty,
                "error": empty,
                "due": pa.array(intended),
                "intended": pa.array(intended),
                "ready": pa.array(ready),
                "sent": pa.array(ready),
                "end": pa.array(intended + took),
                "status": pa.array(np.where(rng.random(n) < 0.001, 500, 200).astype(np.int32)),
                "expected_status": pa.array(np.full(n, 200, np.int32)),
            }
            writer.write_table(pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA))
    manifest = RunManifest(
        format=RUN_FORMAT,
        kind=kind,
        name=folder.name,
        created="",
        versions={},
        capture_id="c",
        plan_hash="" if kind == "production" else "p",
        templates="t",
        duration_ns=LENGTH_S * 10**9,
        workers=1,
        requests=rows,
        planned=rows,
        production_requests=rows,
        ticks=[] if kind == "production" else [Tick(0, s, 1, 1, 1, 0.2, 10**6) for s in range(LENGTH_S)],
    )
    write_manifest(folder / MANIFEST_NAME, manifest)


def numbers() -> dict[str, pa.DataType]:
    """The columns that are no names."""
    return {field.name: field.type for field in SCHEMA if not pa.types.is_dictionary(field.type)}


def rates(run: Path, slices: int) -> list[float]:
    """Million rows a second of counting, of counting and taking what the verdict takes, and of pandas.

    They take turns on the same rows, since a machine's speed wanders; each figure is the best of ``GOES``.
    """
    work = (counting(run, slices, takes=False), counting(run, slices, takes=True), grouping(run, slices))
    took: list[list[float]] = [[] for _ in work]
    for _ in range(GOES):
        for each, times in zip(work, took, strict=True):
            begin = time.perf_counter()
            each()
            times.append(time.perf_counter() - begin)
    rows = pq.read_metadata(run / "samples-0.parquet").num_rows
    return [rows / min(times) / 1e6 for times in took]


def grouping(run: Path, slices: int) -> Callable[[], object]:
    """What has pandas take five quantiles a route (and slice), reading and the slice of each row not counted."""
    frame = pq.read_table(run / "samples-0.parquet", columns=["route", "intended", "end"]).to_pandas()
    frame["took"] = frame["end"] - frame["intended"]
    frame["slice"] = frame["intended"] // (LENGTH_S * 10**9 // slices)
    by = ["route", "slice"] if slices > 1 else ["route"]
    return lambda: frame.groupby(by, observed=True)["took"].quantile(QUANTILES)


def counting(run: Path, slices: int, *, takes: bool) -> Callable[[], object]:
    """What fills one histogram a route (and slice), reading not counted.

    Where it ``takes`` too: five quantiles a route, with their errors; per slice those are made from how many of each
    slice lie below the route's quantiles.
    """
    from analysis.histogram import BUCKETS, SliceCounter, cells_of
    from analysis.samples import BATCH_ROWS
    from analysis.variance import estimate_quantiles

    table = pq.read_table(run / "samples-0.parquet", columns=["route", "intended", "end"])
    route = table["route"].combine_chunks().indices.to_numpy().astype(np.int64)
    intended = table["intended"].to_numpy()
    took = table["end"].to_numpy() - intended
    length_ns = LENGTH_S * 10**9 // slices

    def count() -> None:
        counter = SliceCounter(slices, BUCKETS)
        for first in range(0, took.size, BATCH_ROWS):
            part = slice(first, first + BATCH_ROWS)
            counter.add(route[part], intended[part] // length_ns, cells_of(took[part]))
        for histogram in counter.histograms(int(route.max()) + 1):
            if takes:
                estimate_quantiles(histogram, QUANTILES)

    return count


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--routes", type=int, default=100)
    parser.add_argument("--gate-only", action="store_true", help="leave counting beside pandas out")
    parser.add_argument("--count-only", action="store_true", help="leave the whole command out")
    asked = parser.parse_args()
    print(f"{'rows a run':>12s}{'gate, s':>10s}{'CPU, s':>10s}{'peak MiB':>10s}   million rows a second", end="")
    print(", by route, then by route and slice: counted (times pandas), with quantiles (times pandas), pandas")
    os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write(folder / "a", rows, asked.routes, 1, "production")
            print(f"{rows:12,d}", end="" if not asked.count_only else " " * 30, flush=True)
            if not asked.count_only:
                write(folder / "b", rows, asked.routes, 2, "load")
                print(gate(folder), end="", flush=True)
            for slices in () if asked.gate_only else (1, LENGTH_S // 5):
                counted, taken, theirs = rates(folder / "a", slices)
                print(f"{counted:8.1f} ({counted / theirs:.1f}){taken:8.1f} ({taken / theirs:.1f})", end="")
                print(f"{theirs:8.1f}", end="", flush=True)
            print()


def gate(folder: Path) -> str:
    """Seconds, CPU seconds and MiB of the whole command on the runs ``a`` and ``b`` of ``folder``."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "replay", "gate", "a", "b", "-o", "report"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in {0, 1, 3}:
        raise RuntimeError(f"replay gate ended with exit {child.returncode}")
    took, busy = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    return f"{took:10.1f}{busy:10.1f}{used.ru_maxrss / 1024:10.0f}"


if __name__ == "__main__":
    main()
