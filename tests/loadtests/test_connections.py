"""HTTP/1.1 as servers really speak it: framing, keep-alive, early closes, time-outs, TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.pool import Limits, Pool
from loadtests.engine.session_pool import KEEP_IDLE_NS, SessionPool
from replay.errors import ReplayError
from replay.tls import TLSFiles, tls_context

METHODS = ["GET", "HEAD", "POST"]
MS = 1_000_000


@dataclass
class Ended:
    """What the pool said of a call."""

    call: Call
    status: int
    error: str
    bytes_in: int


@dataclass
class Client:
    """A pool, and what it says of its calls."""

    ended: list[Ended] = field(default_factory=list)
    exhausted: list[str] = field(default_factory=list)
    pool: Pool | None = None
    calls: int = 0

    def done(self, call: Call, status: int, error: str, end_ns: int, bytes_in: int) -> None:
        self.ended.append(Ended(call, status, error, bytes_in))

    async def ask(self, method: str = "GET", wait: bool = True, session: int = 0) -> Ended:
        """Send one request and wait for its end."""
        self.calls += 1
        row = Row(0, self.calls, session, 0, -1, 0, 0, METHODS.index(method), 0, 200, False, b"")
        call = Call(row, Lane(0, 0, 0), 0, 1, f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        call.ready = time.monotonic_ns()
        assert self.pool is not None
        self.pool.send(call)
        while wait and not any(ended.call is call for ended in self.ended):
            await asyncio.sleep(0.005)
            self.pool.expire(time.monotonic_ns())
        return next((ended for ended in self.ended if ended.call is call), Ended(call, 0, "open", 0))


type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def client_of(
    serve: Serve,
    asks: Callable[[Client], Awaitable[None]],
    *,
    connections: int = 100,
    timeout_ms: int = 5000,
    client_tls: ssl.SSLContext | None = None,
    server_tls: ssl.SSLContext | None = None,
    server_name: str = "127.0.0.1",
    address: str = "127.0.0.1",
    kind: type[Pool] = Pool,
) -> Client:
    """Run ``asks`` with a client of a server that does ``serve`` on each connection."""
    client = Client()

    async def run() -> None:
        listener = await asyncio.start_server(serve, address, 0, ssl=server_tls)
        port = listener.sockets[0].getsockname()[1]
        limits = Limits(connections, 2000 * MS, timeout_ms * MS, timeout_ms * MS)
        client.pool = kind(
            asyncio.get_running_loop(),
            address,
            port,
            client_tls,
            server_name,
            limits,
            time.monotonic_ns,
            client.done,
            METHODS,
            client.exhausted.append,
        )
        async with asyncio.timeout(10):
            await asks(client)
        await client.pool.close()
        listener.close()
        await asyncio.sleep(0.01)

    uvloop.run(run())
    return client


def answering(*answers: bytes, close_after: int = 0) -> Serve:
    """A server that gives these answers in turn, the last one for ever; closes after so many if told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while not close_after or number < close_after:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answers[min(number, len(answers) - 1)])
                await writer.drain()
                number += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return serve


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def asking(*methods: str) -> Callable[[Client], Awaitable[None]]:
    async def ask(client: Client) -> None:
        for method in methods:
            await client.ask(method)

    return ask


@pytest.mark.parametrize(
    ("answer", "status", "bytes_in"),
    [
        pytest.param(PLAIN, 200, 5, id="content-length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            200,
            5,
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
            200,
            3,
            id="trailers",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, 0, id="no body"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, 0, id="not modified"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, 200, 5, id="interim answer"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PLAIN, 200, 5, id="early hints"),
        pytest.param(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, 0, id="server error"),
    ],
)
def test_a_kept_alive_connection_carries_one_answer_after_the_other(
    answer: bytes, status: int, bytes_in: int
) -> None:
    client = client_of(answering(answer), asking("GET", "GET", "GET"))

    assert [(ended.status, ended.error, ended.bytes_in) for ended in client.ended] == [(status, "", bytes_in)] * 3
    assert [ended.call.reused for ended in client.ended] == [False, True, True]
    assert len({ended.call.connection for ended in client.ended}) == 1


def test_the_answer_to_head_has_no_body_whatever_it_announces() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    client = client_of(answering(head, PLAIN, head), asking("HEAD", "GET", "HEAD"))

    assert [(ended.status, ended.bytes_in) for ended in client.ended] == [(200, 0), (200, 5), (200, 0)]
    assert client.ended[2].call.reused


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", id="body up to the end of the connection"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\nuntil the end", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\nuntil the end", id="close"),
    ],
)
def test_an_answer_may_end_with_its_connection(answer: bytes) -> None:
    client = client_of(answering(answer, close_after=1), asking("GET", "GET"))

    assert [(ended.status, ended.bytes_in) for ended in client.ended] == [(200, 13)] * 2
    assert not client.ended[1].call.reused


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "reset", id="cut off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "reset", id="cut off in a chunk"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", "reset", id="cut off in the head"),
        pytest.param(b"", "reset", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "protocol", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "protocol", id="no length"),
    ],
)
def test_half_an_answer_is_an_error(answer: bytes, error: str) -> None:
    client = client_of(answering(answer, close_after=1), asking("GET"))

    assert [(ended.status, ended.error, ended.call.attempt) for ended in client.ended] == [(0, error, 1)]


def test_an_answer_in_single_bytes_is_one_answer() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in PLAIN:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    client = client_of(drip, asking("GET"))

    assert [(ended.status, ended.bytes_in) for ended in client.ended] == [(200, 5)]
    assert client.ended[0].call.first_byte > client.ended[0].call.sent


def closes_kept_connections() -> Serve:
    """Answers the first request of every connection and closes on the second, without a byte."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PLAIN)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    return serve


def test_a_server_that_ends_a_kept_connection_gets_a_safe_request_once_more() -> None:
    client = client_of(closes_kept_connections(), asking("GET", "GET"))

    assert [(ended.status, ended.error, ended.call.attempt) for ended in client.ended] == [(200, "", 1), (200, "", 2)]
    assert client.ended[0].call.connection != client.ended[1].call.connection


def test_a_write_is_never_sent_twice() -> None:
    client = client_of(closes_kept_connections(), asking("GET", "POST"))

    assert [(ended.error, ended.call.attempt) for ended in client.ended] == [("", 1), ("reset", 1)]


def test_a_request_is_tried_twice_at_most() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(PLAIN)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    client = client_of(serve, asking("GET", "GET"))

    assert [(ended.error, ended.call.attempt) for ended in client.ended] == [("", 1), ("reset", 2)]
    assert connections == 2


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    client = client_of(answering(PLAIN + PLAIN, PLAIN), asking("GET", "GET"))

    assert [(ended.status, ended.bytes_in) for ended in client.ended] == [(200, 5), (200, 5)]
    assert not client.ended[1].call.reused


def test_calls_beyond_the_connections_wait_their_turn() -> None:
    async def ask(client: Client) -> None:
        await asyncio.gather(*(client.ask() for _ in range(6)))

    client = client_of(answering(PLAIN), ask, connections=2)

    assert [ended.status for ended in client.ended] == [200] * 6
    assert len({ended.call.connection for ended in client.ended}) == 2
    assert sorted(ended.call.row.request for ended in client.ended) == list(range(1, 7))


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_a_call_that_waits_for_a_connection_times_out_too() -> None:
    async def ask(client: Client) -> None:
        await asyncio.gather(client.ask(), client.ask())

    client = client_of(_silent, ask, connections=1, timeout_ms=100)

    assert [ended.error for ended in client.ended] == ["timeout", "timeout"]


def test_dropped_calls_are_stopped_and_others_are_not() -> None:
    async def ask(client: Client) -> None:
        assert client.pool is not None
        await client.ask(wait=False)
        kept = await client.ask(wait=False)
        await asyncio.sleep(0.05)
        client.pool.drop(lambda call: call is not kept.call, time.monotonic_ns())
        client.pool.drop(lambda call: True, time.monotonic_ns())

    client = client_of(_silent, ask)

    assert [(ended.call.row.request, ended.error) for ended in client.ended] == [(1, "stopped"), (2, "stopped")]


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    alternative: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@pytest.mark.parametrize(
    ("made_for", "trusted", "insecure", "ends"),
    [
        pytest.param("staging.example", True, False, (200, ""), id="trusted"),
        pytest.param("staging.example", False, False, (0, "tls"), id="not trusted"),
        pytest.param("other.example", True, False, (0, "tls"), id="of another name"),
        pytest.param("other.example", False, True, (200, ""), id="insecure"),
    ],
)
def test_tls_is_verified_against_the_name_though_the_address_is_pinned(
    tmp_path: Path, made_for: str, trusted: bool, insecure: bool, ends: tuple[int, str]
) -> None:
    pem, key = certificate(tmp_path, made_for)
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(pem, key)
    client = client_of(
        answering(PLAIN),
        asking("GET", "GET"),
        client_tls=tls_context(TLSFiles(str(pem) if trusted else "", insecure)),
        server_tls=server_tls,
        server_name="staging.example",
    )

    assert [(ended.status, ended.error) for ended in client.ended] == [ends, ends]


def test_a_pool_says_when_this_machine_can_open_no_more_connections() -> None:
    import resource

    async def ask(client: Client) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert client.pool is not None
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            ended = await client.ask()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert ended.error == "connect"

    client = client_of(answering(PLAIN), ask)

    [reason] = client.exhausted
    assert reason.startswith("127.0.0.1:")
    assert "may open no more files. Raise 'ulimit -n'" in reason


def with_client_certificate(folder: Path, files: TLSFiles, trusted: Path, server: tuple[Path, Path]) -> Client:
    """A client of a server that wants a certificate of ``trusted``."""
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(*server)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    server_tls.load_verify_locations(trusted)
    return client_of(
        answering(PLAIN),
        asking("GET"),
        client_tls=tls_context(files),
        server_tls=server_tls,
        server_name="staging.example",
    )


def test_a_client_certificate_is_shown_where_one_is_wanted(tmp_path: Path) -> None:
    server, mine, other = (certificate(tmp_path, name) for name in ("staging.example", "me.example", "other.example"))
    both = tmp_path / "both.pem"
    both.write_bytes(mine[0].read_bytes() + mine[1].read_bytes())
    ca = str(server[0])

    for files in (TLSFiles(ca, cert=str(mine[0]), key=str(mine[1])), TLSFiles(ca, cert=str(both))):
        [ended] = with_client_certificate(tmp_path, files, mine[0], server).ended
        assert (ended.status, ended.error) == (200, "")
    for files in (TLSFiles(ca), TLSFiles(ca, cert=str(other[0]), key=str(other[1]))):
        [ended] = with_client_certificate(tmp_path, files, mine[0], server).ended
        assert (ended.status, ended.error) in {(0, "tls"), (0, "reset")}  # TLS 1.3 refuses after the handshake


def test_certificates_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    mine, other = certificate(tmp_path, "me.example"), certificate(tmp_path, "other.example")
    key = serialization.load_pem_private_key(mine[1].read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"canary"),
        )
    )
    cert = str(mine[0])
    for files, message in (
        (TLSFiles(ca=str(tmp_path / "none")), "--ca"),
        (TLSFiles(cert=cert), "--cert"),
        (TLSFiles(cert=cert, key=str(other[1])), "fit each other"),
        (TLSFiles(cert=cert, key=str(locked)), "without a passphrase"),
        (TLSFiles(key=str(mine[1])), "Add --cert"),
    ):
        with pytest.raises(ReplayError, match=message) as caught:
            tls_context(files)
        assert "\n" not in str(caught.value)


def test_ipv6_is_spoken() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    client = client_of(answering(PLAIN), asking("GET", "GET"), address="::1")

    assert [(ended.status, ended.call.reused) for ended in client.ended] == [(200, False), (200, True)]


def test_each_session_has_connections_of_its_own_where_they_follow_sessions() -> None:
    async def ask(client: Client) -> None:
        for session in (1, 2, 1, 2):
            await client.ask(session=session)
        await asyncio.gather(client.ask(session=1), client.ask(session=1))

    client = client_of(answering(PLAIN), ask, kind=SessionPool)
    used = [(ended.call.row.session, ended.call.connection, ended.call.reused) for ended in client.ended]

    assert [ended.status for ended in client.ended] == [200] * 6
    assert used[:4] == [(1, 1, False), (2, 2, False), (1, 1, True), (2, 2, True)]
    assert sorted(used[4:]) == [(1, 1, True), (1, 3, False)]


def test_the_longest_idle_connection_makes_room_for_another_session() -> None:
    async def ask(client: Client) -> None:
        for session in (1, 2, 1, 3, 1, 2):
            await client.ask(session=session)

    client = client_of(answering(PLAIN), ask, kind=SessionPool, connections=2)

    assert [ended.call.connection for ended in client.ended] == [1, 2, 1, 3, 1, 4]


def test_sessions_wait_for_each_other_where_no_connection_is_idle() -> None:
    async def ask(client: Client) -> None:
        await asyncio.gather(*(client.ask(session=session) for session in (1, 2, 3, 1)))

    client = client_of(answering(PLAIN), ask, kind=SessionPool, connections=1)
    numbers = {(ended.call.row.session, ended.call.connection) for ended in client.ended}

    assert [ended.status for ended in client.ended] == [200] * 4
    assert len(numbers) == len({number for _, number in numbers}) == 4


def test_a_session_that_is_quiet_for_long_hangs_up() -> None:
    async def ask(client: Client) -> None:
        await client.ask(session=1)
        assert client.pool is not None
        client.pool.expire(time.monotonic_ns() + KEEP_IDLE_NS)
        await client.ask(session=1)

    client = client_of(answering(PLAIN), ask, kind=SessionPool)

    assert [ended.call.connection for ended in client.ended] == [1, 2]


@pytest.mark.parametrize("kind", [Pool, SessionPool])
def test_early_closes_and_refusals_are_the_same_whoever_shares(kind: type[Pool]) -> None:
    async def ask(client: Client) -> None:
        await client.ask(session=1)
        await client.ask(session=1)  # the server closes instead; sent once more
        await client.ask("POST", session=2)

    client = client_of(closes_kept_connections(), ask, kind=kind)

    assert [(ended.status, ended.call.attempt) for ended in client.ended][:2] == [(200, 1), (200, 2)]
    assert client.ended[2].call.attempt == 1
