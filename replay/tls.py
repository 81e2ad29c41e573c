"""TLS as a careful client speaks it: what every connection of a run to its targets is made with."""

from __future__ import annotations

import ssl

import msgspec

from replay.errors import ReplayError


class TLSFiles(msgspec.Struct, frozen=True):
    """What a person said of TLS; paths of PEM files, '' where none."""

    ca: str = ""
    """Certificates to trust, beside none else."""
    insecure: bool = False
    """Any certificate is accepted."""
    cert: str = ""
    """The client's certificate, with its chain."""
    key: str = ""
    """Its key; '' where ``cert`` holds it."""


def tls_context(files: TLSFiles) -> ssl.SSLContext:
    """A client's context: certificates and names are verified unless ``insecure``, HTTP/1.1 only.

    Raises:
        ReplayError: a file holds no certificates, or no key that fits and can be read without a passphrase.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca or None)
    except OSError:
        raise ReplayError(f"--ca {files.ca}: holds no certificates. Name a PEM file.") from None
    context.set_alpn_protocols(["http/1.1"])
    if files.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.cert:
        shown = f"--cert {files.cert}" + (f" --key {files.key}" if files.key else "")
        try:
            # Without a password of ours OpenSSL would ask for one on the terminal, in every engine.
            context.load_cert_chain(files.cert, files.key or None, password=lambda: b"")
        except (OSError, ValueError):
            raise ReplayError(
                f"{shown}: no certificate and key that fit each other, as PEM and without a passphrase."
            ) from None
    elif files.key:
        raise ReplayError(f"--key {files.key}: a key without its certificate. Add --cert.")
    return context
