"""The addon copies what passes, whatever order the events come in, and never raises into the proxy."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.capture import addon
from replay.capture.addon import Capture
from replay.capture.bodies import BUDGET_BYTES, CAP_BYTES
from replay.capture.flows import error_class, must_stream
from replay.capture.wire import COUNTERS, EXCHANGE, Counters, Fault, FrameReader, Word, words
from replay.exchange import RawExchange

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pyparsing, about how mitmproxy calls it
    from mitmproxy import flow as mitm_flow
    from mitmproxy.test import taddons, tflow


@dataclass
class Heard:
    """What came out of the addon."""

    exchanges: list[RawExchange] = field(default_factory=list)
    counters: Counters | None = None
    words: list[Word] = field(default_factory=list)


def run(act: Callable[[Capture], None], *, reader_lives: bool = True, limit_bytes: int = 1 << 20) -> Heard:
    """Load the addon with real descriptors, let ``act`` play the proxy, and return what was handed over."""
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    capture = Capture(limit_bytes)
    if not reader_lives:
        os.close(reading)

    async def play() -> None:
        with taddons.context(capture) as context:
            context.configure(capture, replay_data_fd=writing, replay_control_fd=theirs.detach())
            act(capture)
            await asyncio.sleep(0.02)
            capture.done()

    asyncio.run(play())
    heard = Heard()
    if reader_lives:
        with os.fdopen(reading, "rb") as file:
            for frame in FrameReader().feed(file.read()):
                if frame.kind == EXCHANGE:
                    heard.exchanges.append(msgspec.msgpack.decode(frame.payload, type=RawExchange))
                elif frame.kind == COUNTERS:
                    heard.counters = msgspec.msgpack.decode(frame.payload, type=Counters)
    with ours:
        heard.words = words(ours.recv(1 << 16))
    if heard.counters is None:
        heard.counters = next(word for word in heard.words if isinstance(word, Counters) and word.final)
    return heard


def http_flow() -> Any:
    flow = tflow.tflow(resp=True)
    flow.server_conn.tls = False
    flow.request.content = b""
    flow.response.content = b"answer"
    return flow


def test_a_plain_exchange_is_copied_with_its_times() -> None:
    flow = http_flow()
    flow.request.timestamp_start, flow.request.timestamp_end = 1000.25, 1000.5
    flow.response.timestamp_start, flow.response.timestamp_end = 1001.0, 1002.0
    flow.server_conn.timestamp_start, flow.server_conn.timestamp_tcp_setup = 999.0, 999.5
    flow.request.headers["Host"] = "shop.example:8080"
    flow.request.path = "/a?q=1"

    def act(capture: Capture) -> None:
        for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
            hook(flow)

    heard = run(act)
    [found] = heard.exchanges

    assert (found.started, found.requested) == (1000_250_000_000, 1000_500_000_000)
    assert (found.connect_started, found.connected) == (999_000_000_000, 999_500_000_000)
    assert (found.first_byte, found.ended) == (1001_000_000_000, 1002_000_000_000)
    assert (found.request.host, found.request.path, found.error) == ("shop.example:8080", b"/a?q=1", "")
    assert found.response is not None
    assert (found.response.status, found.response.body, found.response.body_bytes) == (200, b"answer", 6)
    assert heard.counters is not None
    assert (heard.counters.seen, heard.counters.dropped, heard.counters.final) == (1, {}, True)


def test_the_opening_of_a_connection_belongs_to_its_first_exchange_alone() -> None:
    first, second = http_flow(), http_flow()
    second.server_conn = first.server_conn

    def act(capture: Capture) -> None:
        for flow in (first, second):
            for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
                hook(flow)

    opened = [exchange.connected for exchange in run(act).exchanges]

    assert opened[0] > 0
    assert opened[1] == 0


def test_streamed_bodies_are_put_together_though_the_answer_came_before_the_request_ended() -> None:
    flow = http_flow()
    flow.request.headers["content-length"] = "100000"
    del flow.response.headers["content-length"]

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        flow.request.content = None
        assert flow.request.stream(b"up") == b"up"
        capture.responseheaders(flow)
        flow.response.content = None
        for chunk in (b"do", b"wn", b""):
            assert flow.response.stream(chunk) == chunk
        capture.response(flow)
        flow.request.stream(b"load")
        flow.request.stream(b"")
        capture.request(flow)

    [found] = run(act).exchanges

    assert (found.request.body, found.request.body_bytes) == (b"upload", 6)
    assert found.response is not None
    assert (found.response.body, found.response.body_bytes) == (b"down", 4)


def test_a_body_beyond_the_cap_is_counted_and_not_kept() -> None:
    flow = http_flow()
    flow.response.headers["content-length"] = str(CAP_BYTES + 1)

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        capture.request(flow)
        capture.responseheaders(flow)
        flow.response.content = None
        flow.response.stream(b"x" * CAP_BYTES)
        flow.response.stream(b"x")
        flow.response.stream(b"")
        capture.response(flow)

    [found] = run(act).exchanges

    assert found.response is not None
    assert (found.response.body, found.response.body_bytes) == (None, CAP_BYTES + 1)


def test_a_client_that_leaves_after_the_answer_ends_the_exchange() -> None:
    flow = http_flow()

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        capture.responseheaders(flow)
        capture.response(flow)
        capture.client_disconnected(flow.client_conn)
        capture.error(flow)

    [found] = run(act).exchanges

    assert (found.response, found.error) == (None, "client")


def test_an_error_is_recorded_by_its_class_without_a_response() -> None:
    flow = http_flow()

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        capture.request(flow)
        capture.responseheaders(flow)
        flow.error = mitm_flow.Error("server closed connection")
        capture.error(flow)

    [found] = run(act).exchanges

    assert (found.response, found.error, found.ended) == (None, "reset", 0)


def test_a_stream_that_fails_gives_its_memory_back() -> None:
    flow = http_flow()
    flow.response.headers["content-length"] = "100000"
    free: list[int] = []

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        capture.request(flow)
        capture.responseheaders(flow)
        flow.response.stream(b"x" * 1000)
        free.append(capture.budget.free_bytes)
        flow.error = mitm_flow.Error("server closed connection")
        capture.error(flow)
        free.append(capture.budget.free_bytes)

    run(act)

    assert free == [BUDGET_BYTES - 1000, BUDGET_BYTES]


@pytest.mark.parametrize(
    ("message", "change", "expected"),
    [
        ("Client disconnected.", {}, "client"),
        ("HTTP/1 protocol error: peer closed connection without sending complete message body", {}, "reset"),
        ("HTTP/1 protocol error: illegal status line", {}, "protocol"),
        ("unexpected server response: b'secret'", {}, "protocol"),
        ("[Errno 110] Connection timed out", {}, "timeout"),
        ("[Errno 111] Connect call failed", {"timestamp_tcp_setup": None}, "connect"),
        ("certificate verify failed", {"tls": True, "timestamp_tls_setup": None}, "connect"),
        ("Received a, refusing to prevent request smuggling attacks.", {}, "protocol"),
    ],
)
def test_an_error_has_one_of_five_classes(message: str, change: dict[str, Any], expected: str) -> None:
    flow = http_flow()
    flow.error = mitm_flow.Error(message)
    for name, value in change.items():
        setattr(flow.server_conn, name, value)

    assert error_class(flow) == expected


def test_what_is_under_way_at_the_end_is_counted_as_unfinished() -> None:
    heard = run(lambda capture: capture.requestheaders(http_flow()))

    assert heard.counters is not None
    assert (heard.counters.seen, heard.counters.dropped) == (1, {"unfinished": 1})


def test_a_bug_of_ours_is_counted_and_told_by_its_place_alone() -> None:
    flow = http_flow()

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        flow.request.data.path = "a value that is no bytes: Gertrude"  # what no proxy does
        capture.request(flow)
        flow.response.data.status_code = object()
        capture.response(flow)

    heard = run(act)
    [fault] = [word for word in heard.words if isinstance(word, Fault)]

    assert heard.counters is not None
    assert heard.counters.dropped == {"addon-fault": 1}
    assert "Gertrude" not in fault.where
    assert fault.where.startswith("TypeError at ")


def test_the_end_of_the_sanitiser_is_counted_and_hurts_nobody() -> None:
    def act(capture: Capture) -> None:
        for _ in range(3):
            flow = http_flow()
            for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
                hook(flow)

    heard = run(act, reader_lives=False)

    assert heard.counters is not None
    assert heard.counters.seen == 3
    assert heard.counters.dropped["sanitiser-died"] >= 3


def test_what_overflows_is_dropped_and_counted() -> None:
    def act(capture: Capture) -> None:
        for _ in range(10):
            flow = http_flow()
            flow.response.content = b"x" * 10_000
            for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
                hook(flow)

    heard = run(act, limit_bytes=35_000)

    assert heard.counters is not None
    assert len(heard.exchanges) == 3
    assert (heard.counters.seen, heard.counters.dropped) == (10, {"overflow": 7})


def test_a_websocket_is_its_handshake_and_its_frames_are_forgotten() -> None:
    flow = tflow.twebsocketflow()

    def act(capture: Capture) -> None:
        for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
            hook(flow)
        capture.websocket_message(flow)

    heard = run(act)

    assert heard.exchanges[0].response is not None
    assert heard.exchanges[0].response.status == 101
    assert flow.websocket.messages == []
    assert heard.counters is not None
    assert heard.counters.notes == {"websocket-frame": 1}


@pytest.mark.parametrize(
    ("length", "expected"),
    [("0", False), ("65536", False), ("65537", True), ("", True), ("5, 5", True), ("²", True), ("-1", True)],
)
def test_only_short_bodies_of_known_length_are_buffered(length: str, expected: bool) -> None:
    flow = http_flow()
    flow.response.headers["content-length"] = length

    assert must_stream(flow.response) is expected


def test_the_script_leaves_its_folder_off_the_module_path() -> None:
    script = Path(addon.__file__)
    code = (
        "import sys; from mitmproxy.addons.script import load_script\n"
        f"module = load_script({str(script)!r})\n"
        f"assert module.addons, module\nassert {str(script.parent)!r} not in sys.path, sys.path\n"
    )

    done = subprocess.run([sys.executable, "-P", "-c", code], cwd="/", capture_output=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({}, True),
        ({"content-length": "10"}, True),
        ({"content-length": "9999999"}, False),
        ({"transfer-encoding": "chunked"}, False),
    ],
)
def test_a_replayed_request_ends_at_the_proxy_and_is_counted(headers: dict[str, str], answered: bool) -> None:
    flow = tflow.tflow()
    flow.live = True
    flow.request.headers = type(flow.request.headers)(
        [(name.encode(), value.encode()) for name, value in (headers | {"x-dress-rehearsal": "cafe-1"}).items()]
    )

    def act(capture: Capture) -> None:
        capture.requestheaders(flow)
        capture.error(flow)

    heard = run(act)

    assert heard.counters is not None
    assert (heard.counters.seen, heard.counters.dropped, heard.exchanges) == (1, {"rehearsal": 1}, [])
    assert not flow.request.stream
    if answered:
        assert flow.response.status_code == 403
        assert flow.response.content.count(b"\n") == 1
    else:
        assert flow.error.msg == mitm_flow.Error.KILLED_MESSAGE


def test_a_replayed_request_that_cannot_be_looked_at_is_ended_and_counted() -> None:
    flow = tflow.tflow()
    flow.live = True
    flow.request.headers["x-dress-rehearsal"] = "cafe-1"

    class Odd(type(flow.request)):  # type: ignore[misc]
        @property
        def is_http2(self) -> bool:
            raise RuntimeError("a bug of ours")

    flow.request.__class__ = Odd
    flow.request.headers.pop("content-length", None)

    heard = run(lambda capture: capture.requestheaders(flow))

    assert flow.error.msg == mitm_flow.Error.KILLED_MESSAGE
    assert flow.response is None
    assert heard.counters is not None
    assert (heard.counters.seen, heard.counters.dropped) == (1, {"addon-fault": 1})
    assert any(isinstance(word, Fault) for word in heard.words)


def test_a_connection_that_cannot_be_pinned_is_not_opened() -> None:
    class Server:
        error: str | None = None
        address: object = None

    class Data:
        server = Server()

    capture = Capture()
    with taddons.context(capture) as context:
        context.configure(capture, replay_pin="127.0.0.9")
        with pytest.raises(TypeError):
            capture.server_connect(Data())
        assert Data.server.error
        Data.server.address = ("name", 80)
        capture.server_connect(Data())

    assert (Data.server.error, Data.server.address) == (None, ("127.0.0.9", 80))
