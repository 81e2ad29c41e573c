"""What is said of a target before the load."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.cli.run_preflight import reach
from replay.errors import IncompleteError
from replay.runs import Target
from replay.tls import TLSFiles
from tests.loadtests.test_connections import certificate


@contextlib.contextmanager
def shaking_hands(context: ssl.SSLContext | None) -> Iterator[int]:
    """A server that accepts, shakes hands, and waits for a request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) if context else connection as secured:
                    secured.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(5)


def target(port: int) -> list[Target]:
    return [Target("", f"https://staging.example:{port}", "127.0.0.1")]


def test_a_target_that_wants_a_client_certificate_says_so(tmp_path: Path) -> None:
    server, mine = certificate(tmp_path, "staging.example"), certificate(tmp_path, "me.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(mine[0])
    with shaking_hands(context) as port, pytest.raises(IncompleteError, match="--cert"):
        reach(target(port), TLSFiles(str(server[0])))
    with shaking_hands(context) as port:
        reach(target(port), TLSFiles(str(server[0]), cert=str(mine[0]), key=str(mine[1])))


def test_a_certificate_that_is_not_trusted_names_the_cure(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "staging.example"))
    with shaking_hands(context) as port, pytest.raises(IncompleteError, match="--ca"):
        reach(target(port), TLSFiles())
    with shaking_hands(context) as port:
        reach(target(port), TLSFiles(insecure=True))
