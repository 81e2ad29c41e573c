"""The addon of a capture: copies each exchange and hands it to the sanitiser's pipe; it decides nothing.

Loaded by path (``mitmdump -s …/addon.py``) with two inherited descriptors: ``replay_data_fd``, the pipe to the
sanitiser, and ``replay_control_fd``, a socket to the launcher whose end stops the proxy. Nothing here may hurt the
traffic: every hook is guarded and counted, nothing waits, and whatever cannot be handed over is dropped and counted.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ != "replay.capture.addon":  # loaded by path: that put this folder, not the project's, on sys.path
    _FOLDER = str(Path(__file__).resolve().parent)
    sys.path[:] = [path for path in sys.path if path != _FOLDER]
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from mitmproxy import ctx, http

from replay.capture.bodies import Budget, Tee
from replay.capture.flows import (
    TRANSFER_ENCODING,
    Pending,
    error_class,
    exchange_of,
    field,
    is_short,
    must_be_chunked,
    must_stream,
)
from replay.capture.logs import Counting
from replay.capture.outbox import LIMIT_BYTES, Outbox
from replay.capture.process import forbid_dumps, place
from replay.capture.stock import remove_idle, stay_loaded
from replay.capture.wire import (
    CONFDIR_PREFIX,
    COUNTERS,
    EXCHANGE,
    STARTED,
    Counters,
    Fault,
    Opened,
    Started,
    Word,
    frame,
    line,
)
from replay.exchange import MARK_HEADER

CLOSE_PATIENCE_S = 10.0
DRAIN_PATIENCE_S = 5.0
MAX_FAULTS_TOLD = 20
_CLOCK_STEP_S = 0.05
_MARK = MARK_HEADER.lower().encode()
REFUSAL = b"This is a capture proxy in front of production: replayed requests are refused. Name staging instead.\n"


type Hook = Callable[["Capture", Any], None]


def _guarded(hook: Hook) -> Hook:
    @functools.wraps(hook)
    def call(self: Capture, subject: Any) -> None:
        try:
            hook(self, subject)
        except Exception as error:  # noqa: BLE001 - the traffic goes on, whatever we did wrong
            self.fault(subject, error)

    return call


def count(table: dict[str, int], reason: str, number: int = 1) -> None:
    """Add to one of the counters; a reason that never came is not in the table."""
    if number:
        table[reason] = table.get(reason, 0) + number


class Capture:
    """The hooks; mitmproxy calls them in one thread, inside its event loop."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._outbox: Outbox | None = None
        self._control: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.budget = Budget()
        self._pending: dict[str, dict[str, Pending]] = {}  # client connection → flow → exchange
        self._opened: set[str] = set()  # upstream connections whose opening is attributed
        self._seen = 0
        self._dropped: dict[str, int] = {}
        self._notes: dict[str, int] = {}
        self._faults: set[str] = set()
        self._offset_s = 0.0
        self._stopping = False

    # -- life ------------------------------------------------------------------------------------------------------

    def load(self, loader: Any) -> None:
        """Declare the options."""
        loader.add_option("replay_data_fd", int, -1, "Pipe to the sanitiser.")
        loader.add_option("replay_control_fd", int, -1, "Socket to the launcher.")
        loader.add_option("replay_pin", str, "", "Address of the target; empty in front of production.")
        loader.add_option("replay_rehearsal", str, "", "Run whose requests may pass: not production is behind.")

    def configure(self, updated: set[str]) -> None:
        """Take over the descriptors; the port opens after this."""
        if "replay_data_fd" in updated and ctx.options.replay_data_fd >= 0:
            forbid_dumps()
            self._loop = asyncio.get_running_loop()
            self._outbox = Outbox(ctx.options.replay_data_fd, self._loop, limit=self._limit_bytes)
            self._outbox.put(frame(STARTED, Started(time.time_ns())), always=True)
        if "replay_control_fd" in updated and ctx.options.replay_control_fd >= 0:
            self._control = socket.socket(fileno=ctx.options.replay_control_fd)
            self._control.setblocking(False)

    def running(self) -> None:
        """The port is open."""
        logging.disable(logging.WARNING)  # the proxy logs addresses and URLs at info and warning
        logging.getLogger().addHandler(Counting(self.count_log_error))
        remove_idle(ctx.master.addons)
        stay_loaded(ctx.master.addons)
        self._offset_s = time.time() - time.monotonic()
        if self._control and self._loop:
            self._loop.add_reader(self._control.fileno(), self._on_control)
            addresses = ctx.master.addons.get("proxyserver").listen_addrs()
            self._say(Opened(addresses[0][1] if addresses else 0))
        self._tick()

    def done(self) -> None:
        """Everything that is still under way is counted; hand over what is held and close the pipe."""
        if not self._outbox:
            return
        count(self._dropped, "unfinished", sum(len(flows) for flows in self._pending.values()))
        self._pending.clear()
        outbox, self._outbox = self._outbox, None
        outbox.put(frame(COUNTERS, self._counters(outbox, final=True)), always=True)
        outbox.close(CLOSE_PATIENCE_S)
        if self._control:
            if self._loop:
                self._loop.remove_reader(self._control.fileno())
            self._control.setblocking(True)
            self._control.settimeout(1.0)
            self._say(self._counters(outbox, final=True))
            self._control.close()
        if Path(ctx.options.confdir).name.startswith(CONFDIR_PREFIX):
            shutil.rmtree(ctx.options.confdir, ignore_errors=True)

    def _tick(self) -> None:
        if not self._outbox or not self._loop:
            return
        offset_s = time.time() - time.monotonic()
        if abs(offset_s - self._offset_s) > _CLOCK_STEP_S:
            count(self._notes, "clock-step")
        self._offset_s = offset_s
        counters = self._counters(self._outbox)
        self._outbox.put(frame(COUNTERS, counters), always=True)
        self._say(counters)
        self._loop.call_later(1.0, self._tick)

    def _on_control(self) -> None:
        """The launcher hung up: let what is under way end, then stop."""
        if not self._control or not self._loop or self._stopping:
            return
        try:
            if self._control.recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._stopping = True
        self._loop.remove_reader(self._control.fileno())
        ctx.options.update(server=False)  # closes the port
        self._stop_when_idle(self._loop.time() + DRAIN_PATIENCE_S)

    def _stop_when_idle(self, until: float) -> None:
        if self._loop and any(self._pending.values()) and self._loop.time() < until:
            self._loop.call_later(0.02, self._stop_when_idle, until)
        else:
            ctx.master.shutdown()

    # -- hooks -----------------------------------------------------------------------------------------------------

    def server_connect(self, data: Any) -> None:
        """A connection to a target is about to be opened: to its pinned address, whatever its name means now."""
        if ctx.options.replay_pin:
            data.server.error = "not pinned"  # which ends the connection, where the next line fails
            data.server.address = (ctx.options.replay_pin, data.server.address[1])
            data.server.error = None

    @_guarded
    def requestheaders(self, flow: Any) -> None:
        """An exchange begins; a replayed one ends here, for behind this proxy is production."""
        self._seen += 1
        mark, allowed = field(flow.request, _MARK), ctx.options.replay_rehearsal
        if mark is not None if not allowed else not (mark or b"").startswith(f"{allowed}-".encode()):
            self._refuse(flow)
            return
        pending = Pending(flow)
        self._pending.setdefault(flow.client_conn.id, {})[flow.id] = pending
        if must_be_chunked(flow):
            pending.chunked = True
            flow.request.headers[TRANSFER_ENCODING] = b"chunked"
        if must_stream(flow.request):
            pending.request_body = flow.request.stream = Tee(self.budget)

    @_guarded
    def request(self, flow: Any) -> None:
        """The request is complete; with streaming, its answer may have come before."""
        pending = self._find(flow)
        if pending:
            pending.requested = True
            if pending.answered:
                self._finish(pending, "")

    @_guarded
    def responseheaders(self, flow: Any) -> None:
        """The head of the answer is there."""
        pending = self._find(flow)
        if pending:
            self._attribute_opening(pending)
            if must_stream(flow.response):
                pending.response_body = flow.response.stream = Tee(self.budget)

    @_guarded
    def response(self, flow: Any) -> None:
        """The answer is complete at the proxy. Of a WebSocket this is the handshake, which is all that is kept."""
        pending = self._find(flow)
        if pending:
            pending.answered = True
            if pending.requested:
                self._finish(pending, "")

    @_guarded
    def error(self, flow: Any) -> None:
        """The exchange failed outside of HTTP."""
        pending = self._find(flow)
        if pending:
            self._attribute_opening(pending)
            self._finish(pending, error_class(flow))

    @_guarded
    def websocket_message(self, flow: Any) -> None:
        """A frame passed: forget it, or the proxy would keep all of them."""
        count(self._notes, "websocket-frame")
        flow.websocket.messages.clear()

    @_guarded
    def tcp_message(self, flow: Any) -> None:
        """Bytes of an upgraded connection passed: forget them."""
        count(self._notes, "upgraded-bytes")
        flow.messages.clear()

    @_guarded
    def client_disconnected(self, client: Any) -> None:
        """Exchanges that were answered but whose request never ended get no other event."""
        for pending in list(self._pending.get(client.id, {}).values()):
            self._finish(pending, "client")

    @_guarded
    def server_disconnected(self, data: Any) -> None:
        """Forget the upstream connection."""
        self._opened.discard(data.server.id)

    @_guarded
    def server_connect_error(self, _data: Any) -> None:
        """The upstream did not take a connection; with eager connecting no exchange has begun then."""
        count(self._notes, "upstream-connect-error")

    def _refuse(self, flow: Any) -> None:
        """Answer a replayed request, or end it; whatever we do wrong, it does not get through."""
        try:
            if is_short(flow.request):
                flow.response = http.Response.make(403, REFUSAL, {"Content-Type": "text/plain"})
            else:
                flow.kill()  # to answer it, the proxy would hold all of its body
        except Exception as error:  # noqa: BLE001 - as in _guarded, but this one must not go on
            flow.kill()
            self.fault(flow, error)
        else:
            count(self._dropped, "rehearsal")

    def _find(self, flow: Any) -> Pending | None:
        return self._pending.get(flow.client_conn.id, {}).get(flow.id)

    def _attribute_opening(self, pending: Pending) -> None:
        """The time to open an upstream connection belongs to the first exchange on it."""
        server = pending.flow.server_conn
        if server and server.timestamp_start and server.id not in self._opened:
            self._opened.add(server.id)
            pending.opening = server

    def _finish(self, pending: Pending, error: str) -> None:
        self._forget(pending.flow)
        try:
            content = frame(EXCHANGE, exchange_of(pending, error))
        finally:
            pending.release()
        if not self._outbox:
            count(self._dropped, "unfinished")
        elif not self._outbox.put(content):
            count(self._dropped, "sanitiser-died" if self._outbox.broken else "overflow")

    def _forget(self, flow: Any) -> None:
        flows = self._pending.get(flow.client_conn.id, {})
        flows.pop(flow.id, None)
        if not flows:
            self._pending.pop(flow.client_conn.id, None)

    # -- counting --------------------------------------------------------------------------------------------------

    def count_log_error(self) -> None:
        """The proxy logged an error; its text may hold anything, so only its number is kept."""
        count(self._notes, "proxy-error")

    def fault(self, subject: Any, error: Exception) -> None:
        """A hook failed: the exchange is lost and counted, its type and place are told once, the traffic goes on."""
        count(self._dropped, "addon-fault")
        if hasattr(subject, "client_conn"):
            self._forget(subject)
        where = place(error)
        if where not in self._faults and len(self._faults) < MAX_FAULTS_TOLD:
            self._faults.add(where)
            self._say(Fault(where))

    def _counters(self, outbox: Outbox, *, final: bool = False) -> Counters:
        dropped = dict(self._dropped)
        count(dropped, "sanitiser-died", outbox.forgotten)
        return Counters(self._seen, dropped, dict(self._notes), time.time_ns(), final)

    def _say(self, word: Word) -> None:
        if self._control:
            try:
                self._control.send(line(word))
            except OSError:
                count(self._notes, "unheard")


addons = [Capture()]
