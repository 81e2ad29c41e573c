"""Who may take part in a run over several hosts: those who know one secret, and nobody else.

Locust's own protocol is open to whoever reaches its port. Ours stays on loopback on every host, and what passes
between hosts goes through TLS 1.3 in which both ends prove that they hold one private key. That key is derived from
the secret (scrypt, RFC 7914, then Ed25519), so there is no certificate to make, to carry about or to let expire. The
secret and the key never reach a disk, an argument list or a child's environment.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import ssl
from collections.abc import MutableMapping

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from replay.errors import ReplayError

_LEAST_CHARACTERS = 32
_SALT = b"dress-rehearsal|hosts|v1"
_HINT = "Make one with 'openssl rand -hex 32', and give it to every host of the run."


def take_secret(source: str, environment: MutableMapping[str, str]) -> bytes:
    """The secret that ``env:VARIABLE`` or ``fd:NUMBER`` holds; a variable is removed from ``environment``.

    Raises:
        ReplayError: there is none, or it is short enough to be guessed by someone who asked the port for its key.
    """
    kind, _, where = source.partition(":")
    if kind == "env" and where:
        if where not in environment:
            raise ReplayError(f"--secret: the environment has no {where[:60]}. {_HINT}")
        found = environment.pop(where).strip().encode()
    elif kind == "fd" and where.isascii() and where.isdigit():
        try:
            with os.fdopen(int(where), "rb") as file:
                found = file.read(4096).strip()
        except OSError as error:
            raise ReplayError(f"--secret fd:{where}: cannot be read ({error.strerror}).") from None
    else:
        raise ReplayError("--secret: write env:VARIABLE or fd:NUMBER; a secret is never typed here.")
    if len(found) < _LEAST_CHARACTERS:
        raise ReplayError(f"--secret: has {len(found)} characters, and {_LEAST_CHARACTERS} are the fewest. {_HINT}")
    return found


def tls_contexts(secret: bytes) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the master accepts connections with, and what a worker connects with; each lets in the same key alone."""
    seed = hashlib.scrypt(secret, salt=_SALT, n=1 << 15, r=8, p=1, maxmem=1 << 26, dklen=32)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    certificate = _certificate(key)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (
        _context(ssl.PROTOCOL_TLS_SERVER, certificate, pem),
        _context(ssl.PROTOCOL_TLS_CLIENT, certificate, pem),
    )


def _certificate(key: Ed25519PrivateKey) -> bytes:
    # The same bytes on every host: Ed25519 signs without chance, and the times and the number are fixed.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dress-rehearsal")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
    )
    return builder.sign(key, None).public_bytes(Encoding.PEM)


def _context(kind: int, certificate: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # who holds the key is who is meant, whatever the host is called
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=certificate.decode())
    first, second = _pipe(certificate), _pipe(key)
    try:
        context.load_cert_chain(f"/dev/fd/{first}", f"/dev/fd/{second}")
    finally:
        os.close(first)
        os.close(second)
    return context


def _pipe(content: bytes) -> int:
    """A descriptor that ``content`` can be read from once: OpenSSL takes a key from a file only."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading
