"""What an OpenTelemetry endpoint receives: a real server on loopback, its messages decoded by OpenTelemetry's own."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.cli.main import main
from replay.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from tests.runs import Samples, write_run

service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")


class Receiver(ThreadingHTTPServer):
    """Takes what is exported and keeps it decoded."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.location = ""
        self.paths: list[str] = []
        self.metrics: dict[str, Any] = {}
        self.resource: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.paths.append(self.path)
        for told in service.ExportMetricsServiceRequest.FromString(body).resource_metrics:
            self.server.resource = {each.key: each.value.string_value for each in told.resource.attributes}
            self.server.metrics = {each.name: each for scope in told.scope_metrics for each in scope.metrics}
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def serving(status: int) -> Iterator[Receiver]:
    with Receiver(status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from serving(200)


@pytest.fixture
def refusing() -> Iterator[Receiver]:
    yield from serving(400)


@pytest.fixture
def redirecting(receiver: Receiver) -> Iterator[Receiver]:
    for server in serving(307):
        server.location = receiver.url
        yield server


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    response_s = np.array([0.0009, 0.2, 0.2, 40.0])
    return write_run(tmp_path / "build", Samples(["GET /a"] * 4, np.arange(4.0), response_s))


def pushed(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["metrics", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_run_that_is_over_is_told_once_and_in_full(receiver: Receiver, finished: Path) -> None:
    assert pushed(finished, "--otlp", receiver.url) == EXIT_OK
    assert receiver.paths == ["/v1/metrics"]
    assert receiver.resource["service.name"] == "dress-rehearsal"
    assert receiver.resource["replay.artefact"] == "build"

    found = receiver.metrics["replay_run_response_seconds"]
    (point,) = found.histogram.data_points
    counts = dict(zip([*point.explicit_bounds, np.inf], point.bucket_counts, strict=True))
    assert found.unit == "s"
    assert (point.count, sum(counts.values())) == (4, 4)
    assert (counts[0.001], counts[0.25], counts[np.inf]) == (1, 2, 1)
    assert point.sum == pytest.approx(40.4009)
    assert [(each.key, each.value.string_value) for each in point.attributes] == [("route", "GET /a")]

    ended = receiver.metrics["replay_run_requests_ended"]
    assert ended.sum.is_monotonic
    assert sum(each.as_int for each in ended.sum.data_points) == 4
    assert receiver.metrics["replay_run_up"].gauge.data_points[0].as_int == 0


def test_an_endpoint_that_does_not_take_the_last_figures_is_said(
    refusing: Receiver, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pushed(finished, "--otlp", refusing.url + "/own/path", "--once") == EXIT_INCOMPLETE
    assert refusing.paths == ["/own/path"]
    assert "did not take the last figures" in capsys.readouterr().err


def test_a_redirect_is_neither_followed_nor_taken_for_a_success(
    redirecting: Receiver, receiver: Receiver, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pushed(finished, "--otlp", redirecting.url, "--once") == EXIT_INCOMPLETE
    assert (len(redirecting.paths), receiver.paths) == (1, [])
    assert "did not take the last figures" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["collector:4318", "http://[::1", "http://collector:99999", "http:///v1"])
def test_an_endpoint_that_is_no_url_is_a_usage_error(
    finished: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert pushed(finished, "--otlp", url) == EXIT_USAGE
    assert "is no http(s) URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    ["htps://key:geheim@collector", "http://key:geheim@collector", "http://c/v1?key=geheim", "http://[key@geheim"],
)
def test_an_endpoint_that_holds_a_credential_is_refused_and_not_quoted(
    finished: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert pushed(finished, "--otlp", url) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "OTEL_EXPORTER_OTLP_HEADERS" in said
    assert "geheim" not in said
