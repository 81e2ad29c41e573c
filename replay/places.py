"""Places that a person may name in ``[safety]``: hosts, ``HOST:PORT``, ``*.SUFFIX``, addresses and networks."""

from __future__ import annotations

import ipaddress
import re

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def canonical_name(name: str) -> str:
    """A host name in lower case and ASCII, without the root's dot; '' where it is none. Addresses stay addresses."""
    bare = name.strip().rstrip(".").lower()
    if literal(bare) is not None:
        return str(literal(bare))
    try:
        ascii_name = bare.encode("idna").decode() if not bare.isascii() else bare
    except UnicodeError:
        return ""
    return ascii_name if _NAME.fullmatch(ascii_name) else ""


def literal(text: str) -> Address | None:
    """The address that a text is, seen through IPv4-mapped, 6to4 and NAT64 forms; None where it is a name."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def host_and_port(entry: str) -> tuple[str, int | None]:
    """Name and port of ``HOST:PORT``; without a port None."""
    name, colon, port = entry.strip().rpartition(":")
    if colon and port.isascii() and port.isdigit() and literal(entry.strip()) is None:
        return name.strip("[]"), int(port)
    return entry.strip().strip("[]"), None


def is_place(entry: str) -> bool:
    """Whether an entry is a host, ``HOST:PORT``, ``*.SUFFIX``, an address or a network."""
    entry = entry.strip()
    if "/" in entry:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
        return True
    return bool(canonical_name(entry.removeprefix("*.") if entry.startswith("*.") else host_and_port(entry)[0]))


def is_in(place: str, name: str, port: int, authority: str, address: Address | None) -> bool:
    """Whether a target (its name, port, Host header and address) is in ``place``, by name or network."""
    entry = place.strip().lower().rstrip(".")
    if "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
        return address is not None and address.version == network.version and address in network
    if entry.startswith("*."):
        return name.endswith(entry[1:])
    return entry in {name, f"{name}:{port}", authority}
