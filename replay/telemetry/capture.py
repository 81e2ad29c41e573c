"""A capture as metrics: its manifest, which the sanitiser saves every two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, read_capture_manifest

FRESH_S = 10.0
"""A capture whose manifest is older than this is not under way, whatever it says."""
LAG_NOTE = "lag-max-ms"


def capture_metrics(folder: Path, clock: Callable[[], float] = time.time) -> Iterator[Metric]:
    """What the capture in ``folder`` says of itself; counts are those since it began.

    Raises:
        InputError: there is no capture.
    """
    try:
        saved_s = (folder / MANIFEST_NAME).stat().st_mtime
    except FileNotFoundError:
        saved_s = 0.0
    manifest = read_capture_manifest(folder)
    age_s = clock() - saved_s
    yield GaugeMetricFamily(
        "replay_capture_up", "Whether the capture is under way.", int(not manifest.complete and age_s < FRESH_S)
    )
    yield CounterMetricFamily("replay_capture_exchanges_seen", "Exchanges that began at the proxy.", manifest.seen)
    yield CounterMetricFamily("replay_capture_exchanges_written", "Exchanges in the segments.", manifest.written)
    yield _by_label(
        "replay_capture_exchanges_dropped", "Exchanges that are not in the segments.", "reason", manifest.dropped
    )
    notes = {name: count for name, count in manifest.notes.items() if name != LAG_NOTE}
    yield _by_label("replay_capture_notes", "What was noticed beside them.", "note", notes)
    yield CounterMetricFamily("replay_capture_written_bytes", "Bytes of closed segments.", _size_bytes(manifest))
    yield GaugeMetricFamily(
        "replay_capture_sanitise_lag_max_seconds",
        "Longest wait of an exchange for the sanitiser since the capture began.",
        manifest.notes.get(LAG_NOTE, 0) / 1e3,
    )


def _size_bytes(manifest: CaptureManifest) -> int:
    return sum(segment.size_bytes for segment in manifest.segments)


def _by_label(name: str, told: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, told, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
