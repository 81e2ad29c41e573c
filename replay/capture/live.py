"""A capture of live traffic from order to manifest: checks first, then the launcher, then the account of losses."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from replay.artefacts import versions, write_manifest
from replay.capture.launch import Ending, Launch, Worker
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, Origin
from replay.capture.placement import refuse_tracked
from replay.capture.proxy import ProxySettings
from replay.capture.sealing import seal_for
from replay.capture.segments import CaptureReader
from replay.capture.wire import Counters
from replay.capture.worker import GATE_STOPPED, Settings
from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.exchange import CAPTURE_FORMAT
from replay.sanitize.keys import KeySource
from replay.sanitize.policy import load_policy


@dataclass(frozen=True, slots=True)
class Order:
    """What to capture, and how."""

    folder: Path
    upstream: str
    listen: str
    policy: str
    key: KeySource
    session_by: str
    share: float = 1.0
    duration_s: float | None = None
    tls_cert: Path | None = None
    upstream_ca: Path | None = None
    retention_days: int = 30
    recipient: str = ""
    """age recipient to encrypt for; '' for none."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen on."""

    host: str
    port: int


def capture(order: Order, tell: Callable[[str], None]) -> CaptureManifest:
    """Capture as ordered and return the manifest; ``tell`` is given a line where something happens.

    Must be called in the main thread: SIGINT and SIGTERM end it in order.

    Raises:
        ReplayError: wrong order.
        RefusedError: the place is tracked by git, or the policy is not reviewed.
        IncompleteError: it could not start (nothing is left behind), or the sanitiser or the proxy died (what was
            captured stays, and the manifest says what was lost).
    """

    origin = resolve(order.upstream)
    listen = parse_listen(order.listen)
    if order.folder.exists() or order.folder.is_symlink():
        raise ReplayError(f"{order.folder}: exists already. Choose another name, or remove it first.")
    refuse_tracked(order.folder)
    policy = load_policy(order.policy)
    if not policy.reviewed_by:
        raise RefusedError(f"policy {order.policy}: nobody has reviewed it. Read it and fill in 'reviewed_by'.")
    for path in (order.tls_cert, order.upstream_ca):
        check_pem(path)
    if order.recipient:
        seal_for(order.recipient)
    listen = bindable(listen)
    try:
        order.folder.parent.mkdir(parents=True, exist_ok=True)
        order.folder.mkdir(mode=0o700)
    except OSError as error:
        raise ReplayError(f"{order.folder}: cannot be made ({error.strerror}). Choose another place.") from None
    settings = Settings(
        folder=str(order.folder.resolve()),
        manifest=draft(order, [origin, proxy_origin(listen)]),
        policy=order.policy,
        key_mode=order.key.mode,
        key_value=order.key.value,
        session_by=order.session_by,
        recipient=order.recipient,
    )
    proxy = ProxySettings(order.upstream, listen.host, listen.port, order.tls_cert, order.upstream_ca)
    key_fd = int(order.key.value) if order.key.mode == "fd" else None
    try:
        ending = Launch(proxy, Worker("replay.capture.worker", settings), tell, key_fd).run(order.duration_s)
    except BaseException:
        if not any(order.folder.glob("segment-*")):
            shutil.rmtree(order.folder, ignore_errors=True)
        raise
    manifest = CaptureReader(order.folder).manifest
    if manifest.complete and not ending.worker_died:
        return manifest
    raise IncompleteError(_account(order.folder, ending))


def _account(folder: Path, ending: Ending) -> str:
    """Put the losses of a capture that did not end in order into its manifest, and into one line."""
    reason, why = "not-closed", "it could not be closed in order (is the disk full?)"
    if ending.worker_died:
        reason, why = "sanitiser-died", f"the sanitiser died ({ending.worker_died})"
    elif ending.gate_stopped:
        reason, why = GATE_STOPPED, "the write gate withheld too many exchanges"
    elif ending.proxy_died:
        reason, why = "proxy-died", "the proxy ended by itself"
    reader = CaptureReader(folder)
    manifest = settled(reader.manifest, ending.counters, _written(reader), reason)
    with suppress(OSError):
        write_manifest(folder / MANIFEST_NAME, manifest)
    lost = sum(manifest.dropped.values())
    return f"{folder}: {why}; {lost:,} of {manifest.seen:,} exchanges are not in the capture. Capture again."


def _written(reader: CaptureReader) -> int:
    try:
        return reader.count()
    except InputError:  # encrypted: what the dead sanitiser counted last is all that can be known here
        return reader.manifest.written


def draft(order: Order, origins: list[Origin]) -> CaptureManifest:
    """The manifest before the first exchange; the sanitiser's process fills in policy and key."""
    return CaptureManifest(
        format=CAPTURE_FORMAT,
        id=secrets.token_hex(8),
        name=order.folder.name,
        created=dt.datetime.now(dt.UTC).date().isoformat(),
        source="live",
        versions=versions(),
        policy_name="",
        policy_hash="",
        templates="",
        key_id="",
        key_mode=order.key.mode,
        session_by=order.session_by,
        origins=origins,
        captured_share=order.share,
        retention_days=order.retention_days,
    )


def settled(manifest: CaptureManifest, counters: Counters, written: int, reason: str) -> CaptureManifest:
    """The manifest of a capture that did not end in order: what is neither written nor dropped goes to ``reason``."""
    dropped = manifest.dropped | counters.dropped
    dropped.pop("sanitiser-died", None)  # the addon knows of some only
    seen = max(counters.seen, manifest.seen)
    lost = seen - written - sum(dropped.values())
    return msgspec.structs.replace(
        manifest,
        seen=seen,
        written=written,
        dropped=dropped | ({reason: lost} if lost > 0 else {}),
        notes=manifest.notes | counters.notes,
        complete=False,
    )


def resolve(upstream: str) -> Origin:
    """Where an upstream URL points: host, port and every address that its name has.

    Raises:
        ReplayError: it is no origin. IncompleteError: its name has no address.
    """
    try:
        parts = urlsplit(upstream)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, parts, port = None, urlsplit(""), 0
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or upstream.rstrip("/") != bare:
        raise ReplayError("--upstream: is no origin. Write it as https://shop.internal or http://127.0.0.1:8000.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise IncompleteError(f"--upstream: {host} has no address. Check the name, or the resolver here.") from None
    return Origin(host, port, sorted({str(entry[4][0]) for entry in found}))


def parse_listen(text: str) -> Address:
    """The place that ``HOST:PORT``, ``[ADDRESS]:PORT`` or a bare port (on loopback) names; raises ReplayError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise ReplayError("--listen: is no address. Write it as HOST:PORT, for example 127.0.0.1:8080.")
    return Address(host or "127.0.0.1", int(port))


def check_pem(path: Path | None) -> None:
    """Raise ReplayError where a PEM file was named that is not there."""
    if path and not path.is_file():
        raise ReplayError(f"{path}: no such file. Name a PEM file.")


def proxy_origin(listen: Address) -> Origin:
    """The proxy as a place of production: whoever sends there reaches the upstream."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    return Origin(listen.host, listen.port, sorted({str(entry[4][0]) for entry in found}))


def bindable(address: Address) -> Address:
    """``address`` with a port that was free a moment ago in place of 0: the manifest must name it."""
    try:
        with socket.create_server((address.host, address.port), family=_family(address.host)) as probe:
            return Address(address.host, int(probe.getsockname()[1]))
    except OSError as error:
        raise IncompleteError(
            f"--listen {address.host}:{address.port}: cannot be listened on ({error.strerror}). Choose another."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
