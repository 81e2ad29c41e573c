"""Planted exchanges on a real wire: a client of HTTP/1.1 and of HTTP/2, and the service that answers as planted."""

from __future__ import annotations

import itertools
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import h2.config
import h2.connection
import h2.errors
import h2.events
from recall import Plant

from replay.exchange import RawPair, RawResponse

MARK = b"x-plant"
"""The header that tells the service which answer is planted; the number in it is no secret."""
PATIENCE_S = 20.0
_FRAMING = {
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"connection",
    b"upgrade",
    b"te",
    b"expect",
    b"http2-settings",
}
_NO_BODY = {204, 304}


class Service(socketserver.ThreadingTCPServer):
    """Answers each request with the response that belongs to its plant."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, planted: Sequence[Plant]) -> None:
        self.answers: Mapping[int, RawResponse] = {p.number: p.raw.response for p in planted if p.raw.response}
        self.answered: set[int] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the proxy closed is no error here."""


class _Handler(socketserver.StreamRequestHandler):
    server: Service
    timeout = PATIENCE_S

    def handle(self) -> None:
        while head := _read_head(self.rfile):
            fields = _fields(head)
            if fields.get(b"transfer-encoding") == b"chunked":
                while size := int(self.rfile.readline() or b"0", 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            else:
                self.rfile.read(int(fields.get(b"content-length", b"0")))
            number = int(fields.get(MARK, b"-1"))
            answer = self.server.answers.get(number)
            if answer is None:
                return
            self.wfile.write(_answer(answer))
            self.server.answered.add(number)


@contextmanager
def serving(planted: Sequence[Plant]) -> Iterator[Service]:
    """The service while it runs."""
    with Service(planted) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


def send_http1(port: int, planted: Sequence[Plant], connections: int = 6) -> None:
    """Send every plant's request over keep-alive connections; one that the proxy refuses costs a connection."""
    threads = [
        threading.Thread(target=_send_http1, args=(port, planted[number::connections]))
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send_http1(port: int, planted: Sequence[Plant]) -> None:
    waiting = iter(planted)
    while plant := next(waiting, None):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
            file = client.makefile("rb")
            for each in itertools.chain([plant], waiting):
                client.sendall(_request(each))
                if not _skip_answer(file, each.raw.request.method):
                    break


def _request(plant: Plant) -> bytes:
    request = plant.raw.request
    own = [pair for pair in request.headers if pair[0].lower() != b"host"]
    hosts = [value for name, value in request.headers if name.lower() == b"host"]
    # The place that plants in the Host field has two; a client sends one.
    host = hosts[-1] if len(hosts) > 1 else request.host.encode()
    pairs = [(b"Host", host), (MARK, str(plant.number).encode()), *own]
    if request.body:
        pairs.append((b"Content-Length", str(len(request.body)).encode()))
    path = request.path.replace(b" ", b"%20")
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (request.method.encode(), path, _lines(pairs), request.body or b"")


def _answer(answer: RawResponse) -> bytes:
    body = b"" if answer.status in _NO_BODY else (answer.body or b"")
    pairs = [*answer.headers, (b"Content-Length", str(len(body)).encode())]
    return b"HTTP/1.1 %d Planted\r\n%s\r\n%s" % (answer.status, _lines(pairs), body)


def _lines(pairs: Sequence[RawPair]) -> bytes:
    return b"".join(b"%s: %s\r\n" % pair for pair in pairs)


def _skip_answer(file: object, method: str) -> bool:
    """Read one answer; False where the connection does not go on."""
    head = _read_head(file)
    while head.startswith(b"HTTP/1.1 100"):
        head = _read_head(file)
    fields = _fields(head)
    if not head or b"content-length" not in fields:
        return False
    file.read(int(fields[b"content-length"]))  # type: ignore[attr-defined]
    return fields.get(b"connection", b"").lower() != b"close"


def _read_head(file: object) -> bytes:
    lines = []
    with suppress(OSError):
        while (line := file.readline()) not in {b"", b"\r\n"}:  # type: ignore[attr-defined]
            lines.append(line)
    return b"".join(lines)


def _fields(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def send_http2(port: int, planted: Sequence[Plant]) -> int:
    """Send every plant's request over HTTP/2, one connection, a stream at a time; the number that was answered."""
    answered = 0
    waiting = iter(planted)
    while plant := next(waiting, None):
        with suppress(OSError, h2.exceptions.ProtocolError), _tls(port) as client:
            connection = h2.connection.H2Connection(
                h2.config.H2Configuration(header_encoding=None, validate_outbound_headers=False)
            )
            connection.initiate_connection()
            client.sendall(connection.data_to_send())
            for each in itertools.chain([plant], waiting):
                if not _exchange_http2(client, connection, each):
                    break
                answered += 1
    return answered


def _tls(port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    client = context.wrap_socket(plain, server_hostname="localhost")
    assert client.selected_alpn_protocol() == "h2"
    return client


def _exchange_http2(client: ssl.SSLSocket, connection: h2.connection.H2Connection, plant: Plant) -> bool:
    request = plant.raw.request
    stream = connection.get_next_available_stream_id()
    pseudo = [
        (b":method", request.method.encode()),
        (b":scheme", b"https"),
        (b":authority", request.host.encode()),
        (b":path", request.path.replace(b" ", b"%20")),
        (MARK, str(plant.number).encode()),
    ]
    own = [(name.lower(), value) for name, value in request.headers if name.lower() not in _FRAMING]
    connection.send_headers(stream, [*pseudo, *own], end_stream=not request.body)
    if request.body:
        for begin in range(0, len(request.body), 16_000):
            connection.send_data(stream, request.body[begin : begin + 16_000])
        connection.end_stream(stream)
    client.sendall(connection.data_to_send())
    while content := client.recv(65_536):
        ended: bool | None = None
        for event in connection.receive_data(content):
            if isinstance(event, h2.events.DataReceived):
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                ended = True
            elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                ended = isinstance(event, h2.events.StreamReset)
        client.sendall(connection.data_to_send())
        if ended is not None:
            return ended
    return False
