"""mitmproxy's flow files → raw exchanges."""

from __future__ import annotations

import gzip
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from replay.errors import InputError
from replay.exchange import RawExchange
from replay.formats.flows import open_flows
from replay.formats.recording import LeftOut

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # mitmproxy calls pyparsing by its old names
    from mitmproxy import version
    from mitmproxy.io import FlowWriter, tnetstring
    from mitmproxy.test import tflow


def http_flow(**changes: Any) -> Any:
    flow = tflow.tflow(resp=True)
    flow.request.timestamp_start = 1_700_000_000.0
    flow.request.timestamp_end = 1_700_000_000.25
    flow.response.timestamp_start = 1_700_000_000.5
    flow.response.timestamp_end = 1_700_000_000.75
    for name, value in changes.items():
        setattr(flow.request, name, value)
    return flow


def packed(*flows: Any) -> bytes:
    file = BytesIO()
    for flow in flows:
        FlowWriter(file).add(flow)
    return file.getvalue()


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some.flows"
    path.write_bytes(content)
    return path


def read(folder: Path, content: bytes) -> list[RawExchange | LeftOut]:
    return list(open_flows(write(folder, content), "f0"))


def left_out(found: list[RawExchange | LeftOut]) -> list[tuple[str, str]]:
    return [(item.place, item.reason) for item in found if isinstance(item, LeftOut)]


def test_a_flow_gives_its_request_response_and_times(tmp_path: Path) -> None:
    (found,) = read(tmp_path, packed(http_flow(path="/items?id=7", scheme="https", host="shop.example")))

    assert isinstance(found, RawExchange)
    assert (found.request.method, found.request.scheme, found.request.path) == ("GET", "https", b"/items?id=7")
    assert found.request.body == b"content"
    assert found.response is not None
    assert (found.response.status, found.response.body) == (200, b"message")
    assert found.started == 1_700_000_000 * 10**9
    assert found.requested - found.started == pytest.approx(250 * 10**6, abs=1000)
    assert found.ended - found.started == pytest.approx(750 * 10**6, abs=1000)


def test_only_the_first_flow_on_an_upstream_connection_opened_it(tmp_path: Path) -> None:
    first, second = http_flow(), http_flow()
    second.server_conn = first.server_conn

    found = [item for item in read(tmp_path, packed(first, second)) if isinstance(item, RawExchange)]

    assert [bool(item.connect_started) for item in found] == [True, False]


def test_what_is_no_plain_http_is_left_out(tmp_path: Path) -> None:
    no_time = http_flow(timestamp_start=0.0)
    upgraded = http_flow()
    upgraded.response.status_code = 101

    found = read(
        tmp_path,
        packed(tflow.ttcpflow(), tflow.tdnsflow(), tflow.twebsocketflow(), upgraded, no_time, http_flow(path="*")),
    )

    assert [reason for _, reason in left_out(found)] == [
        "no http", "no http", "websocket", "websocket", "damaged", "no path"
    ]  # fmt: skip


def test_a_failed_flow_has_its_class_and_never_its_message(tmp_path: Path) -> None:
    failed = tflow.tflow(err=True)
    failed.error.msg = "client disconnected: hunter2"

    (found,) = read(tmp_path, packed(failed))

    assert isinstance(found, RawExchange)
    assert (found.response, found.error) == (None, "client")
    assert "hunter2" not in str(found.request)


def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    found = read(tmp_path, packed(http_flow(), http_flow(), http_flow())[:-30])

    assert len([item for item in found if isinstance(item, RawExchange)]) == 2
    assert left_out(found) == [("flow 3", "damaged")]


def test_a_flow_of_an_unknown_version_is_left_out_and_the_next_is_read(tmp_path: Path) -> None:
    state: dict[str, Any] = http_flow().get_state()
    state["version"] = version.FLOW_FORMAT_VERSION + 1
    broken: dict[str, Any] = http_flow().get_state()
    del broken["request"]

    found = read(
        tmp_path, packed(http_flow()) + tnetstring.dumps(state) + tnetstring.dumps(broken) + packed(http_flow())
    )

    assert left_out(found) == [("flow 2", "version"), ("flow 3", "damaged")]
    assert len([item for item in found if isinstance(item, RawExchange)]) == 2


def test_the_start_is_that_of_the_earliest_flow(tmp_path: Path) -> None:
    path = write(tmp_path, packed(http_flow(), http_flow(timestamp_start=1_600_000_000.0)))

    assert open_flows(path, "f0").started_ns == 1_600_000_000 * 10**9


def test_a_packed_file_is_read_too(tmp_path: Path) -> None:
    assert len(read(tmp_path, gzip.compress(packed(http_flow())))) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "flow 1: the file is empty"),
        (b"nonsense", "flow 1: the file is damaged or cut off here"),
        (b"\x00\xff" * 40, "flow 1: the file is damaged"),
        (b'{"log": {}}', "is JSON, no flow file. Import a HAR by"),
        (b'\xef\xbb\xbf{"log": {}}', "is JSON, no flow file"),
        (tnetstring.dumps({b"version": (0, 10)}), r"cannot read files with flow format version \(0, 10\)"),
        (tnetstring.dumps({"version": ["hunter2", "x"]}), "flow 1: its version is none"),
        (tnetstring.dumps(7), "flow 1: the file is damaged|flow 1: mitmproxy cannot read it"),
    ],
)
def test_a_file_of_another_kind_says_so_and_quotes_nothing(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        open_flows(write(tmp_path, content), "f0")

    assert "hunter2" not in str(caught.value)
