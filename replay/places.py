"""Places that a person may name in ``[safety]``: hosts, ``HOST:PORT``, ``*.SUFFIX``, addresses and networks."""

from __future__ import annotations

import ipaddress
import re

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII)
_ENDS_IN_A_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_EMBEDDING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052 §2.1)
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # NAT64 of a site's own, mostly of 96 bits too (RFC 8215)
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated (RFC 2765 §2.1)
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible (RFC 4291 §2.5.5.1)
)
"""Networks whose addresses end in the IPv4 address that they lead to."""
_LAST_32 = 0xFFFF_FFFF
_NO_IPV4 = 0xFFFF
"""Up to here the last bits are no IPv4 address of a host, and :: and ::1 are themselves."""


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
    """The address that a text is, None where it is a name. An IPv6 form that leads to an IPv4 address is that one.

    Forms are IPv4-mapped, -translated and -compatible ones, 6to4, and NAT64 under the prefixes that are everybody's.
    """
    address = _written(text)
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    last = int(address) & _LAST_32
    if inner is None and last > _NO_IPV4 and any(address in network for network in _EMBEDDING):
        inner = ipaddress.IPv4Address(last)
    return inner or address


def _written(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def host_and_port(entry: str) -> tuple[str, int | None]:
    """Name and port of ``HOST:PORT``; without a port None."""
    name, colon, port = entry.strip().rpartition(":")
    if colon and port.isascii() and port.isdigit() and literal(entry.strip()) is None:
        return name.strip("[]"), int(port)
    return entry.strip().strip("[]"), None


def is_place(entry: str) -> bool:
    """Whether an entry is a host, ``HOST:PORT``, ``*.SUFFIX``, an address or a network.

    What ends in a number is an address in full or nothing: a range, or one without its zeros, would match no target.
    """
    entry = entry.strip()
    if "/" in entry:
        return _network(entry) is not None
    name = canonical_name(entry.removeprefix("*.") if entry.startswith("*.") else host_and_port(entry)[0])
    return bool(name) and (literal(name) is not None or _ENDS_IN_A_NUMBER.fullmatch(name) is None)


def is_in(place: str, name: str, port: int, address: str) -> bool:
    """Whether a target (its canonical name, its port and its address) is in ``place``, by name or network."""
    entry = place.strip()
    if "/" in entry:
        network = _network(entry)
        return network is not None and any(
            form is not None and form.version == network.version and form in network
            for form in (_written(address), literal(address))
        )
    if entry.startswith("*."):
        suffix = canonical_name(entry[2:])
        return bool(suffix) and name.endswith(f".{suffix}")
    host, of_port = host_and_port(entry)
    return canonical_name(host) == name and of_port in {None, port}


def _network(entry: str) -> Network | None:
    """The network that an entry is; one of IPv4-mapped addresses is that of IPv4."""
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(network.network_address) & _LAST_32, network.prefixlen - 96))
    return network
