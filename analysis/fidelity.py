"""How like production a replay was, beside how it was answered: order, writes, concurrency, connections, bursts.

A service may be quick because it was asked otherwise than production asks it. Nothing here decides; the report shows
both runs beside each other. What a path or a key was, samples do not say: how addresses repeat stands in
manifests, of a whole baseline and a whole schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from analysis.columns import flags, indices, numbers
from analysis.histogram import Floats
from analysis.samples import Repetition
from analysis.tally import Tally, Window

COLUMNS = ("method", "session", "clone", "due", "sent", "end", "reused")
READS = ("GET", "HEAD", "OPTIONS")
BIN_NS = 100_000_000
"""Requests in flight are counted at the end of each tenth of a second."""


class FidelityRow(msgspec.Struct, frozen=True):
    """One trait of the traffic in both runs."""

    name: str
    unit: str
    """``share``, ``number`` or ``rate``."""
    baseline: float
    candidate: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one run's traffic was like, within its window."""

    n: int
    rate_per_s: float
    write_share: float
    disordered_share: float
    """Of requests that follow another of their session, those sent before it."""
    overtaking_share: float
    """Of requests, those sent before one that was due earlier, whatever its session."""
    clone_share: float
    """Requests that repeat another's at a higher load."""
    in_flight_mean: float
    in_flight_most: float
    new_connection_share: float
    burst_index: float
    """Variance over mean of requests a second (index of dispersion): 1 where they come independently."""


def fidelity_of(baseline: Tally, candidate: Tally, mix_distance: float) -> list[FidelityRow]:
    """The traits of both runs, in the order in which a person would ask for them."""
    a, b = traffic_of(baseline), traffic_of(candidate)

    def row(name: str, unit: str, trait: str, meaning: str) -> FidelityRow:
        return FidelityRow(name, unit, getattr(a, trait), getattr(b, trait), meaning)

    return [
        row("load", "rate", "rate_per_s", "requests a second"),
        FidelityRow("mix of routes", "share", 0.0, mix_distance, "total-variation distance from the baseline's"),
        row("writes", "share", "write_share", "requests that are not GET, HEAD or OPTIONS"),
        row("order within sessions", "share", "disordered_share", "sent before the request that it followed"),
        row("order of all", "share", "overtaking_share", "sent before one that was due earlier"),
        row("repeated by clones", "share", "clone_share", "the same request again, which a cache may answer"),
        *_repetition(baseline, candidate),
        row("in flight, mean", "number", "in_flight_mean", "requests that wait for their answers"),
        row("in flight, most", "number", "in_flight_most", "at the end of any tenth of a second"),
        row("new connections", "share", "new_connection_share", "requests that had to open one"),
        row("burst index", "number", "burst_index", "variance over mean of requests a second; 1: independent"),
    ]


def _repetition(baseline: Tally, candidate: Tally) -> list[FidelityRow]:
    """What caches live on; nothing where one of the runs does not know."""
    a, b = baseline.run.manifest.repetition, candidate.run.manifest.repetition
    if a is None or b is None:
        return []

    def row(name: str, unit: str, of: Callable[[Repetition], float], meaning: str) -> FidelityRow:
        return FidelityRow(name, unit, of(a), of(b), meaning)

    return [
        row("different addresses", "share", lambda r: r.addresses / max(r.reads, 1), "of reads; others repeat one"),
        row("reads of a key", "number", lambda r: r.keyed / max(r.keys, 1), "of one path with a parameter, mean"),
    ]


def traffic_of(run: Tally) -> Traffic:
    """What the traffic of ``run`` was like, of several days on the plan's own.

    Memory is bounded by one batch and the window's tenths of seconds.

    Raises:
        ArtefactError: a samples file is damaged or foreign.
    """
    window = run.window
    length_ns = window.end_ns - window.start_ns
    bins = max(1, length_ns // BIN_NS)
    seconds = np.zeros(max(1, length_ns // 10**9))
    begun, ended = np.zeros(bins + 1), np.zeros(bins + 1)
    n = writes = followers = disordered = overtaking = clones = opened = 0
    busy_ns = 0.0
    for part in _parts(run.run.batches(COLUMNS), window):
        n += part.sent.size
        writes += int(part.is_write.sum())
        clones += int((part.clone > 0).sum())
        opened += int(part.is_new.sum())
        busy_ns += float((np.minimum(part.end, window.end_ns) - part.sent).clip(0).sum())
        seconds += _counts((part.sent - window.start_ns) // 10**9, seconds.size)
        begun += np.bincount(((part.sent - window.start_ns) // BIN_NS).clip(0, bins), minlength=bins + 1)
        ended += np.bincount(((part.end - window.start_ns) // BIN_NS).clip(0, bins), minlength=bins + 1)
        overtaking += int((np.maximum.accumulate(part.sent) > part.sent).sum())
        order = np.lexsort((part.due, part.clone, part.session))
        session, clone, sent = part.session[order], part.clone[order], part.sent[order]
        follows = (session[1:] == session[:-1]) & (clone[1:] == clone[:-1])
        followers += int(follows.sum())
        disordered += int((follows & (sent[1:] < sent[:-1])).sum())
    mean = float(seconds.mean())
    return Traffic(
        n=n,
        rate_per_s=n / max(length_ns / 1e9, 1e-9),
        write_share=writes / max(n, 1),
        disordered_share=disordered / max(followers, 1),
        overtaking_share=overtaking / max(n, 1),
        clone_share=clones / max(n, 1),
        in_flight_mean=busy_ns / max(length_ns, 1),
        in_flight_most=float(np.cumsum(begun - ended)[:bins].max()),
        new_connection_share=opened / max(n, 1),
        burst_index=float(seconds.var()) / mean if mean else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one batch sent within the window, in order of ``due``; arrays of one length."""

    is_write: np.ndarray
    is_new: np.ndarray
    session: np.ndarray
    clone: np.ndarray
    due: np.ndarray
    sent: np.ndarray
    end: np.ndarray


def _parts(batches: Iterable[pa.RecordBatch], window: Window) -> Iterator[_Part]:
    for batch in batches:
        values = {name: numbers(batch, name) for name in ("session", "clone", "due", "sent", "end")}
        sent = values["sent"]
        inside = (sent >= max(window.start_ns, 1)) & (sent < window.end_ns)
        method = batch.column("method")
        writes = np.array([(name or "") not in READS for name in method.dictionary.to_pylist()] or [False])
        is_write = writes[indices(method)]
        is_new = ~flags(batch, "reused", missing=True)
        order = np.flatnonzero(inside)[np.argsort(values["due"][inside], kind="stable")]
        yield _Part(is_write[order], is_new[order], **{name: column[order] for name, column in values.items()})


def _counts(places: np.ndarray, size: int) -> Floats:
    inside = (places >= 0) & (places < size)
    return np.bincount(places[inside], minlength=size).astype(np.float64)
