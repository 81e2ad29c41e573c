"""Where a master listens: one address that a person has named, loopback unless told."""

from __future__ import annotations

from dataclasses import dataclass

from replay.errors import RefusedError, ReplayError
from replay.places import canonical_name, host_and_port, literal

LOOPBACK = "127.0.0.1"
SECRET_SOURCE = "env:DRESS_REHEARSAL_SECRET"  # noqa: S105 - where the secret is, unless a person says so


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(option: str, text: str) -> Address:
    """What ``HOST:PORT`` or ``PORT`` (of loopback) names.

    Raises:
        RefusedError: it names all addresses of a host, not one.
        ReplayError: it is neither.
    """
    bare = f"{LOOPBACK}:{text}" if text.isascii() and text.isdigit() else text
    name, port = host_and_port(bare)
    if port is None or port > 0xFFFF or not (canonical_name(name) or literal(name)):
        raise ReplayError(f"{option} {text[:80]}: is no address. Write HOST:PORT, or PORT for loopback.")
    place = literal(name)
    if place is not None and place.is_unspecified:
        raise RefusedError(f"{option} {text[:80]}: would be open on every network of this host. Name one address.")
    return Address(name, port)
