"""How long does ``replay gate`` take on two large runs, and how much memory?

    python benchmarks/gate_speed.py [--rows 1000000 3000000 10000000] [--routes 100]

Prints one line a size: seconds and peak memory of the whole command in a process of its own, and counting alone
beside pandas ``groupby.quantile`` on the same rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
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


def pandas_rate(run: Path) -> float:
    """Million rows a second that pandas takes for five quantiles a route, reading not counted."""
    frame = pq.read_table(run / "samples-0.parquet", columns=["route", "intended", "end"]).to_pandas()
    frame["took"] = frame["end"] - frame["intended"]
    begin = time.perf_counter()
    frame.groupby("route", observed=True)["took"].quantile([0.5, 0.75, 0.9, 0.95, 0.99])
    return len(frame) / (time.perf_counter() - begin) / 1e6


def counting_rate(run: Path, slices: int) -> float:
    """Million rows a second that go into one histogram per route (and slice), reading not counted."""
    from analysis.histogram import BUCKETS, SliceCounter, cells_of

    table = pq.read_table(run / "samples-0.parquet", columns=["route", "intended", "end"])
    route = table["route"].combine_chunks().indices.to_numpy().astype(np.int64)
    intended = table["intended"].to_numpy()
    took = table["end"].to_numpy() - intended
    counter = SliceCounter(slices, BUCKETS)
    length_ns = LENGTH_S * 10**9 // slices
    begin = time.perf_counter()
    for first in range(0, took.size, 1 << 18):
        part = slice(first, first + (1 << 18))
        counter.add(route[part], intended[part] // length_ns, cells_of(took[part]))
    counter.histograms(int(route.max()) + 1)
    return took.size / (time.perf_counter() - begin) / 1e6


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--routes", type=int, default=100)
    asked = parser.parse_args()
    names = ("rows a run", "gate, s", "CPU, s", "peak MiB", "by route M/s", "and slice M/s", "pandas M/s")
    print("".join(f"{name:>15s}" for name in names))
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write(folder / "a", rows, asked.routes, 1, "production")
            write(folder / "b", rows, asked.routes, 2, "load")
            one_core = {next(iter(os.sched_getaffinity(0)))}
            begin = time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, "-m", "replay", "gate", "a", "b", "-o", "report"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=lambda core=one_core: os.sched_setaffinity(0, core),
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            took, busy = time.perf_counter() - begin, used.ru_utime + used.ru_stime
            rates = [counting_rate(folder / "a", slices) for slices in (1, LENGTH_S // 5)]
            rates.append(pandas_rate(folder / "a"))
            print(
                f"{rows:15,d}{took:15.1f}{busy:15.1f}{used.ru_maxrss / 1024:15.0f}"
                + "".join(f"{rate:15.1f}" for rate in rates)
                + f"   exit {child.returncode}",
                flush=True,
            )


if __name__ == "__main__":
    main()
