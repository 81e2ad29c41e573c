"""The metrics of a capture or a run for OpenTelemetry: the families that Prometheus is told, by OTLP over HTTP.

It needs the optional packages of ``dress-rehearsal[otel]``. What OpenTelemetry's own variables say holds here too:
``OTEL_EXPORTER_OTLP_HEADERS``, ``…_CERTIFICATE``, ``…_COMPRESSION``, ``OTEL_RESOURCE_ATTRIBUTES``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric, Sample

from replay import __version__
from replay.errors import RefusedError, ReplayError

_PATH = "/v1/metrics"
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}


class OtlpPusher:
    """Pushes families to one endpoint.

    Args:
        url: an OTLP endpoint, as ``http://collector:4318``; without a path that of metrics is added.
        artefact: the name of the capture or run, told as the resource's ``replay.artefact``.

    Raises:
        ReplayError: ``url`` is none.
        RefusedError: it holds user information or a query, which would stand in arguments and logs.
    """

    def __init__(self, url: str, artefact: str) -> None:
        if {"@", "?", "#"} & set(url):
            raise RefusedError(
                "--otlp: holds user information or a query. Credentials go into OTEL_EXPORTER_OTLP_HEADERS."
            )
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:
            raise ReplayError(f"--otlp {url[:60]}: is no http(s) URL. Write it as http://collector:4318.")
        session = requests.Session()
        session.hooks["response"].append(_refuse_redirect)
        endpoint = url if parts.path.strip("/") else url.rstrip("/") + _PATH
        self._exporter = OTLPMetricExporter(endpoint=endpoint, session=session)
        self._resource = Resource.create({"service.name": "dress-rehearsal", "replay.artefact": artefact})
        self._scope = InstrumentationScope("replay.telemetry", __version__)

    def push(self, families: Iterable[Metric], now_ns: int) -> bool:
        """Send the families as they are at ``now_ns``, since the epoch; whether the endpoint took them."""
        scope = otel.ScopeMetrics(self._scope, list(converted(families, now_ns)), "")
        data = otel.MetricsData([otel.ResourceMetrics(self._resource, [scope], "")])
        return bool(self._exporter.export(data) is otel.MetricExportResult.SUCCESS)

    def close(self) -> None:
        """Give the connection up."""
        self._exporter.shutdown()


def _refuse_redirect(response: requests.Response, *_: object, **__: object) -> None:
    """Neither take the headers, which may hold a token, to where nobody said, nor take a redirect for a success."""
    if 300 <= response.status_code < 400:
        raise requests.TooManyRedirects("the endpoint redirects; name the place itself", response=response)


def converted(families: Iterable[Metric], now_ns: int) -> Iterator[otel.Metric]:
    """Prometheus' families as OpenTelemetry's metrics, cumulative from a start that is not told."""
    cumulative = otel.AggregationTemporality.CUMULATIVE
    for family in families:
        data: otel.Sum | otel.Gauge | otel.Histogram
        if family.type == "histogram":
            data = otel.Histogram(list(_spreads(family.samples, now_ns)), cumulative)
        else:
            points = [otel.NumberDataPoint(sample.labels, 0, now_ns, sample.value) for sample in family.samples]
            is_count = family.type == "counter"
            data = otel.Sum(points, cumulative, is_monotonic=True) if is_count else otel.Gauge(points)
        unit = _UNITS.get(family.name.rpartition("_")[2], "1")
        yield otel.Metric(family.name, family.documentation, unit, data)


def _spreads(samples: Iterable[Sample], now_ns: int) -> Iterator[otel.HistogramDataPoint]:
    """A point for each set of labels; Prometheus' buckets hold what is in the smaller ones too."""
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))].append(sample)
    for labels, group in groups.items():
        buckets = [(float(each.labels["le"]), int(each.value)) for each in group if each.name.endswith("_bucket")]
        reached = [0, *(count for _, count in buckets)]
        yield otel.HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=0,
            time_unix_nano=now_ns,
            count=reached[-1],
            sum=next(each.value for each in group if each.name.endswith("_sum")),
            bucket_counts=[count - before for before, count in pairwise(reached)],
            explicit_bounds=[bound for bound, _ in buckets[:-1]],
            min=None,
            max=None,
        )
