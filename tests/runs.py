"""Runs made from numbers, for the tests of analysis and of the verbs that read runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from replay.artefacts import write_manifest
from replay.runs import MANIFEST_NAME, RUN_FORMAT, RunManifest, Tick
from replay.samples import SCHEMA, SampleWriter, compact


@dataclass
class Samples:
    """Columns of a run under construction; every row defaults to a request that went well."""

    route: list[str]
    intended_s: np.ndarray
    response_s: np.ndarray
    lag_s: np.ndarray | float = 0.0001
    status: np.ndarray | int = 200
    expected_status: np.ndarray | int = 200
    error: list[str] | str = ""
    extra: dict[str, object] = field(default_factory=dict)

    def batch(self) -> pa.RecordBatch:
        n = len(self.route)
        intended = np.round(self.intended_s * 1e9).astype(np.int64)
        ready = intended + np.round(np.broadcast_to(self.lag_s, n) * 1e9).astype(np.int64)
        columns: dict[str, object] = {
            "request": np.arange(n),
            "session": np.arange(n) // 5,
            "connection": np.zeros(n, np.int64),
            "due": intended,
            "intended": intended,
            "ready": ready,
            "sent": ready,
            "first_byte": ready,
            "end": intended + np.round(self.response_s * 1e9).astype(np.int64),
            "bytes_out": np.zeros(n, np.int64),
            "bytes_in": np.zeros(n, np.int64),
            "trace": np.zeros(n, np.int64),
            "clone": np.zeros(n, np.int32),
            "worker": np.zeros(n, np.int32),
            "attempt": np.ones(n, np.int32),
            "status": np.broadcast_to(self.status, n).astype(np.int32),
            "expected_status": np.broadcast_to(self.expected_status, n).astype(np.int32),
            "reused": np.ones(n, bool),
            "route": self.route,
            "method": ["GET"] * n,
            "protocol": ["h1"] * n,
            "error": [self.error] * n if isinstance(self.error, str) else self.error,
            **self.extra,
        }
        arrays = []
        for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True):
            values = columns[name]
            if pa.types.is_dictionary(kind):
                arrays.append(pa.array(values, pa.string()).dictionary_encode())
            else:
                arrays.append(pa.array(values, kind))
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def write_run(folder: Path, samples: Samples, *, tables: bool = True, **manifest: object) -> Path:
    """Write a run folder from samples; keyword arguments go into its manifest."""
    folder.mkdir(parents=True)
    writer = SampleWriter(folder / "samples-0.arrow")
    batch = samples.batch()
    for first in range(0, batch.num_rows, 5000):
        writer.write(batch.slice(first, 5000))
    writer.close()
    if tables:
        compact(folder)
    duration_s = float(np.ceil(samples.intended_s.max())) if len(samples.route) else 60.0
    seconds = int(duration_s)
    known: dict[str, object] = {
        "format": RUN_FORMAT,
        "kind": "load",
        "name": folder.name,
        "created": "2026-01-02",
        "versions": {"dress-rehearsal": "0.1.0"},
        "capture_id": "c0ffee",
        "plan_hash": "",
        "templates": "74e3",
        "duration_ns": int(duration_s * 1e9),
        "zero_ns": 0,
        "workers": 1,
        "requests": batch.num_rows,
        "planned": batch.num_rows,
        "production_requests": batch.num_rows,
        "ticks": [Tick(0, s, 10, 10, 1, 0.2, 1_000_000) for s in range(seconds)],
    }
    if manifest.get("kind") == "production":
        known |= {"ticks": [], "workers": 0}
    else:
        known["plan_hash"] = "91a0"
    write_manifest(folder / MANIFEST_NAME, RunManifest(**(known | manifest)))  # type: ignore[arg-type]
    return folder


SHOP = {"GET /": 0.020, "GET /search": 0.060, "GET /products/{product_id}": 0.035}


def shop(
    seed: int,
    *,
    length_s: float = 400.0,
    rate_per_s: float = 30.0,
    slower: dict[str, float] | None = None,
    failing: dict[str, float] | None = None,
    schedule_seed: int = 7,
    routes: dict[str, float] = SHOP,
) -> Samples:
    """Samples of a small shop: lognormal latencies of three routes around their medians, in seconds.

    Two shops with one ``schedule_seed`` follow one schedule; ``slower`` multiplies a route's latencies and
    ``failing`` gives the share of 500s.
    """
    schedule = np.random.default_rng(schedule_seed)
    n = int(length_s * rate_per_s)
    intended = np.sort(schedule.uniform(0, length_s, n))
    names = schedule.choice(list(routes), n)
    rng = np.random.default_rng(seed)
    factor = np.array([routes[name] * (slower or {}).get(name, 1.0) for name in names])
    response = factor * np.exp(rng.normal(0, 0.3, n))
    failed = rng.random(n) < np.array([(failing or {}).get(name, 0.0) for name in names])
    return Samples(list(names), intended, response, status=np.where(failed, 500, 200))
