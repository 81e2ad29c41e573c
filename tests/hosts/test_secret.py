"""The secret is taken from where it is, and whoever has another one is no peer."""

from __future__ import annotations

import os
import ssl

import pytest

from replay.errors import ReplayError
from replay.hosts.secret import take_secret, tls_contexts

SECRET = b"0123456789abcdef0123456789abcdef"


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Let the two prove themselves to each other in memory; raises ssl.SSLError where one does not."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(a, b), server.wrap_bio(b, a, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
                end.read(1)
            except ssl.SSLWantReadError:
                continue


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return tls_contexts(SECRET)


def test_two_hosts_with_one_secret_are_peers(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = contexts

    shake_hands(server, client)


def test_a_worker_with_another_secret_is_refused_and_refuses(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = contexts
    foreign_server, foreign_client = tls_contexts(SECRET[::-1])

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(foreign_server, client)
    foreign_client.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLError):
        shake_hands(server, foreign_client)


def test_a_client_without_a_certificate_is_refused(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.verify_mode = ssl.CERT_NONE

    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shake_hands(contexts[0], bare)


def test_a_secret_leaves_the_environment_that_children_get() -> None:
    environment = {"SHARED": SECRET.decode() + "\n", "OTHER": "x"}

    assert take_secret("env:SHARED", environment) == SECRET
    assert environment == {"OTHER": "x"}


def test_a_secret_comes_from_a_descriptor() -> None:
    reading, writing = os.pipe()
    os.write(writing, SECRET + b"\n")
    os.close(writing)

    assert take_secret(f"fd:{reading}", {}) == SECRET


@pytest.mark.parametrize(
    ("source", "environment", "why"),
    [
        ("env:SHARED", {}, "the environment has no SHARED"),
        ("env:SHARED", {"SHARED": "guess-me"}, "8 characters"),
        ("fd:987", {}, "cannot be read"),
        ("guess-me-guess-me-guess-me-guess-me", {}, "never typed here"),
    ],
    ids=["absent", "short", "closed", "typed"],
)
def test_a_secret_that_is_none_is_said_and_not_shown(source: str, environment: dict[str, str], why: str) -> None:
    with pytest.raises(ReplayError, match=why) as said:
        take_secret(source, environment)

    assert "guess-me" not in str(said.value)
