"""Tells what a path is: a capture, a plan or a run; for the verbs that take any of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from replay.artefacts import named
from replay.capture.manifest import MANIFEST_NAME as CAPTURE
from replay.capture.manifest import CaptureManifest, read_capture_manifest
from replay.capture.segments import CaptureReader
from replay.cli.captures import exchanges
from replay.errors import InputError
from replay.plan.store import MANIFEST_NAME as PLAN
from replay.plan.store import PlanManifest, open_plan
from replay.runs import MANIFEST_NAME as RUN
from replay.runs import RunManifest, read_run_manifest
from replay.samples import read_batches, sample_files
from replay.stores import is_address
from replay.traces import trace_id

REPORTS = ("verdict.json", "capacity.json", "calibration.json", "history.json", "comparison.json")
"""The JSON files of the reports, in the order in which a folder's own one is told."""

type Manifest = CaptureManifest | PlanManifest | RunManifest


def locate(name: str) -> Path:
    """The folder that NAME means: a path, a capture, a run or a plan; raises InputError where there is none."""
    if is_address(name):
        path = named(name, ".", whole=False)
        if path.exists():
            return path
        raise InputError(f"{name}: nothing is there. Check the address.")
    for path in (Path(name), named(name, "captures"), named(name, "runs"), Path(f"{name}.plan")):
        if path.exists():
            return path
    raise InputError(f"{name}: no such artefact, neither as a path nor under captures/ or runs/. Check the name.")


def manifest_of(folder: Path) -> Manifest:
    """The manifest of the artefact in ``folder``; raises InputError where it is none of ours."""
    if (folder / CAPTURE).exists():
        return read_capture_manifest(folder)
    if (folder / PLAN).exists():
        return open_plan(folder).manifest
    if (folder / RUN).exists():
        return read_run_manifest(folder)
    raise InputError(f"{folder}: is no capture, plan or run (it holds no {CAPTURE}, {PLAN} or {RUN}).")


def report_of(path: Path) -> dict[str, Any] | None:
    """What is told by the report at ``path``, a folder or its JSON file; None where there is none."""
    files = [path] if path.is_file() else [path / name for name in REPORTS if (path / name).exists()]
    if not files:
        return None
    try:
        found = msgspec.json.decode(files[0].read_bytes(), type=dict[str, Any])
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        found = {}
    known = {f"{name.removesuffix('.json')}/1" for name in REPORTS}
    if found.get("format") not in known:
        raise InputError(f"{files[0]}: is no report of this version. Name a capture, a plan, a run or a report.")
    return found


def records(name: str, identity: Path | None) -> Iterator[object]:
    """The records of the artefact that NAME means, ready for JSON; ``identity`` opens an encrypted capture."""
    folder = locate(name)
    match manifest_of(folder):
        case CaptureManifest():
            reader = CaptureReader(folder, identity)
            yield from (msgspec.to_builtins(exchange) for exchange in exchanges(reader, allow_damaged=False))
        case PlanManifest():
            for batch in open_plan(folder).batches():
                for row in batch.to_pylist():
                    yield {**row, "wire": row["wire"].decode("utf-8", "replace")}
        case RunManifest(mark=mark, traceparent=True):
            for sample in _samples(folder):
                yield {**sample, "trace_id": trace_id(mark, sample["trace"]) if sample["trace"] else ""}
        case RunManifest():
            yield from _samples(folder)


def _samples(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sample_files(folder):
        for batch in read_batches(path):
            yield from batch.to_pylist()
