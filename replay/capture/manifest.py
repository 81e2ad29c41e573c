"""The manifest of a capture: what it is, where it came from, what was lost and why. It holds no key and no value."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from replay.artefacts import read_manifest
from replay.exchange import CAPTURE_FORMAT

MANIFEST_NAME = "manifest.json"
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}", re.ASCII)


class Origin(msgspec.Struct, frozen=True):
    """A place that production's traffic went to. Replay refuses it, by name and by address."""

    host: str
    port: int
    addresses: list[str] = []


def origin_of(scheme: str, host: str) -> Origin:
    """The origin that a host of the traffic is (``shop``, ``shop:8080``, ``[::1]:8080``), without addresses."""
    name, _, port = host.rpartition(":")
    if name and port.isascii() and port.isdigit():
        return Origin(_canonical(name), int(port[:5]))
    return Origin(_canonical(host), 443 if scheme == "https" else 80)


@lru_cache(maxsize=1_000)
def kept_origin(scheme: str, raw: str, clean: str) -> Origin | None:
    """The origin that a host of the traffic is where the policy keeps its name; None for loopback's own names."""
    found = origin_of(scheme, raw)
    if not found.host or found.host != origin_of(scheme, clean).host:
        return None
    is_loopback = found.host in {"localhost", "::1", "0.0.0.0"} or found.host.endswith(".localhost")  # noqa: S104
    return None if is_loopback or _LOOPBACK.fullmatch(found.host) else found


def _canonical(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()


class SegmentEntry(msgspec.Struct, frozen=True):
    """One closed segment."""

    name: str
    exchanges: int
    size_bytes: int


class CaptureManifest(msgspec.Struct, frozen=True):
    """What a capture says of itself."""

    format: str
    id: str
    """Random; stands in the first line of every segment too."""
    name: str
    created: str
    """The day, ISO 8601; the time of day is not stored."""
    source: str
    """``live`` or ``import har`` …"""
    versions: dict[str, str]
    policy_name: str
    policy_hash: str
    templates: str
    """Hash of what decides about routes; two runs of different templates are never compared."""
    key_id: str
    key_mode: str
    """``ephemeral``, ``file``, ``fd`` or ``command``; an ephemeral key is gone, its ids match nothing."""
    session_by: str
    origins: list[Origin] = []
    captured_share: float = 1.0
    seen: int = 0
    written: int = 0
    dropped: dict[str, int] = {}
    """Exchanges that are not in the segments, by reason (overflow, withheld, gate, sanitiser-died …)."""
    notes: dict[str, int] = {}
    """What the sanitiser counted beside it (veto, opaque bodies …)."""
    duration_ns: int = 0
    segments: list[SegmentEntry] = []
    complete: bool = False
    """False until the capture was closed in order."""
    retention_days: int = 30
    start: str = ""
    """The capture's start, sealed under its key, so that tables of the same map get the same times; '' where none."""


def read_capture_manifest(folder: Path) -> CaptureManifest:
    """The manifest of the capture in ``folder``; raises InputError where it is none."""
    return read_manifest(folder / MANIFEST_NAME, CaptureManifest, CAPTURE_FORMAT)
