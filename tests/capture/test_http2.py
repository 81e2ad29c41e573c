"""HTTP/2 over TLS from the client, HTTP/1.1 to the service."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from replay.capture.segments import CaptureReader

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def certificate(path: Path) -> Path:
    """A PEM with a fresh key and a certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def exchange_all(port: int, trusted: Path, requests: list[tuple[str, str, bytes]]) -> list[bytes]:
    """Send all requests at once on one HTTP/2 connection, none with a Content-Length; the answers in order."""
    context = ssl.create_default_context(cafile=trusted)
    context.set_alpn_protocols(["h2"])
    bodies: dict[int, bytes] = {}
    open_streams = set()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"
        client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        client.initiate_connection()
        for number, (method, path, body) in enumerate(requests):
            stream = 2 * number + 1
            head = [(":method", method), (":path", path), (":authority", "localhost"), (":scheme", "https")]
            client.send_headers(stream, head, end_stream=not body)
            for begin in range(0, len(body), 16_000):
                client.send_data(stream, body[begin : begin + 16_000], end_stream=begin + 16_000 >= len(body))
            open_streams.add(stream)
            bodies[stream] = b""
        secure.sendall(client.data_to_send())
        while open_streams:
            for event in client.receive_data(secure.recv(1 << 16)):
                if isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    open_streams.discard(event.stream_id)
            secure.sendall(client.data_to_send())
    return [bodies[stream] for stream in sorted(bodies)]


def test_http2_reaches_an_http1_service_and_is_recorded_as_the_client_sent_it(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    pem = certificate(tmp_path / "localhost.pem")
    running = start("--tls-cert", str(pem))
    answers = exchange_all(
        running.port,
        pem,
        [("GET", "/items", b""), ("POST", "/search", b"z" * 50_000), ("POST", "/search", b"q" * 10)],
    )

    assert running.stop() == 0, running.said()
    assert answers == [b'{"id": 8203716, "surname": "Qanarywerth"}', b'{"got": 50000}', b'{"got": 10}']
    found = sorted(CaptureReader(running.folder), key=lambda exchange: exchange.bytes_out)
    assert [(exchange.request.scheme, exchange.status, exchange.bytes_out) for exchange in found] == [
        ("https", 200, 0),
        ("https", 200, 10),
        ("https", 200, 50_000),
    ]
    assert len({exchange.connection for exchange in found}) == 1
    assert not [
        name for exchange in found for name, _ in exchange.request.headers if name.lower() == "transfer-encoding"
    ]
    assert not (tmp_path / "tls-secrets").exists()
