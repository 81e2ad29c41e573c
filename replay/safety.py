"""May this target be hit? Asked by the command line, and again on Locust's master, in every worker and engine.

Allowed is only what ``--target`` names, further limited by ``[safety] allow`` where that is set, and never what
``[safety] deny`` holds. Places where production lives (the capture's origins) are refused under any name and on
loopback too: a port that is forwarded to production is loopback. A target's name is resolved once; from then on only
the pinned address counts.

Nothing here opens a connection: names are resolved by a callable that the caller hands in.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from replay.capture.manifest import Origin
from replay.errors import IncompleteError, RefusedError, ReplayError
from replay.places import Address, canonical_name, host_and_port, is_in, literal
from replay.runs import Target

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OVERRIDE_HEADERS = frozenset(
    {"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"}
)
"""Header fields that make a framework act on another method or path than those that were checked; never sent."""

type Resolver = Callable[[str, int], list[str]]
"""Name and port → addresses; an empty list where there are none."""

_PORTS = {"http": 80, "https": 443}
_NOBODYS_4, _NOBODYS_6 = "240.0.0.1", "100::1"
"""Addresses that no machine has (RFC 1112 §4, RFC 6666)."""


@dataclass(frozen=True, slots=True)
class TargetURL:
    """What one ``--target [HOST=]URL`` says."""

    host: str
    """The host of the plan that it stands for; '' for the plan's only host."""
    scheme: str
    name: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: name, and port where it is not the scheme's own."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def url(self) -> str:
        """Scheme and authority, without a path."""
        return f"{self.scheme}://{self.authority}"


def parse_target(text: str) -> TargetURL:
    """The target that ``[HOST=]URL`` names.

    Raises:
        RefusedError: the URL carries user information, which hides where it leads.
        ReplayError: it is no http or https URL of a host and nothing else.
    """
    before, equals, after = text.partition("=")
    host, url = (before, after) if equals and "://" not in before else ("", text)
    shown = "--target" if "@" in url else f"--target {url[:80]}"
    if "@" in url or "\\" in url:
        raise RefusedError(f"{shown}: holds user information or a backslash. Name scheme, host and port only.")
    try:
        parts = urlsplit(url.strip())
        name, port = canonical_name(parts.hostname or ""), parts.port
    except ValueError:
        name, port, parts = "", None, urlsplit("")
    if parts.scheme not in _PORTS or not name or port == 0:
        raise ReplayError(f"{shown}: is no target. Write http://HOST:PORT or https://HOST.")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ReplayError(f"{shown}: holds a path. Name scheme, host and port only; paths come from the plan.")
    return TargetURL(host.lower(), parts.scheme, name, port or _PORTS[parts.scheme])


def system_resolver(name: str, port: int) -> list[str]:
    """The addresses of ``name`` by the system's resolver, in its order; an empty list where there are none."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def system_is_local(address: str) -> bool:
    """Whether ``address`` is this machine's own: then a datagram socket can be bound to it."""
    if not _can_bind(address):
        return False
    if not _can_bind(_NOBODYS_6 if ":" in address else _NOBODYS_4):
        return True
    import psutil  # here anybody's address can be bound (ip_nonlocal_bind), so the interfaces are asked

    ours = {literal(entry.address) for entries in psutil.net_if_addrs().values() for entry in entries}
    return literal(address) in ours


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Interlock:
    """Decides about targets. ``origins`` should carry every address that their names have now (``completed``)."""

    origins: Sequence[Origin]
    allow: Sequence[str] | None = None
    """None: not limited; empty: nothing but loopback."""
    resolve: Resolver = system_resolver
    is_local: Callable[[str], bool] = system_is_local
    deny: Sequence[str] = ()

    def completed(self) -> Interlock:
        """The same with the present addresses of origins and denied names beside the recorded ones."""
        origins = []
        for origin in self.origins:
            present = [origin.host] if literal(origin.host) else self.resolve(origin.host, origin.port)
            addresses = list(dict.fromkeys([*origin.addresses, *present]))
            origins.append(Origin(host=origin.host, port=origin.port, addresses=addresses))
        deny = list(self.deny)
        for entry in self.deny:
            name, port = host_and_port(entry)
            if literal(name) is None and canonical_name(name) and "/" not in entry:
                found = self.resolve(canonical_name(name), port or 443)
                deny += [address if not port else f"[{address}]:{port}" for address in found]
        return Interlock(origins, self.allow, self.resolve, self.is_local, list(dict.fromkeys(deny)))

    def admit(self, target: TargetURL) -> Target:
        """``target`` with its address pinned.

        Raises:
            RefusedError: it is a place of production, or ``[safety] allow`` does not hold it.
            IncompleteError: its name has no address.
        """
        self._check_name(target)
        addresses = self.resolve(target.name, target.port)
        if not addresses:
            raise IncompleteError(f"{target.url}: the name has no address. Is it spelt right, and is DNS at hand?")
        for address in addresses:  # one forbidden address is enough: the next lookup may answer in another order
            self._check_address(target, address)
        self._check_allowed(target, addresses[0])
        return Target(host=target.host, url=target.url, address=addresses[0])

    def confirm(self, target: Target) -> TargetURL:
        """Check a pinned target again, without resolving anything; raises RefusedError."""
        url = parse_target(target.url)
        self._check_name(url)
        if literal(target.address) is None:
            raise RefusedError(f"{target.url}: its address is not pinned. Start the run with 'replay run'.")
        self._check_address(url, target.address)
        self._check_allowed(url, target.address)
        return TargetURL(target.host, url.scheme, url.name, url.port)

    def _check_name(self, target: TargetURL) -> None:
        if literal(target.name) or target.name == "localhost":
            return  # told apart by address and port
        for origin in self.origins:
            if canonical_name(origin.host) == target.name:
                raise RefusedError(
                    f"{target.url}: production lives there (the capture's origin). Name staging instead."
                )

    def _check_address(self, target: TargetURL, address: str) -> None:
        place = literal(address)
        for origin in self.origins:
            if not any(self._same(address, other) for other in origin.addresses):
                continue
            if origin.port == target.port:
                raise RefusedError(
                    f"{target.url}: leads to an address and port of the capture's origin. Name staging instead."
                )
            if place is None or not (self._here(place) or self._is_allowed_by_port(target, address)):
                raise RefusedError(
                    f"{target.url}: leads to an address of the capture's origin, on another port. If staging is "
                    f"there, name {target.name}:{target.port} in [safety] allow of replay.toml."
                )
        for entry in self.deny:
            name, port = host_and_port(entry)
            is_there = literal(name) is not None and port in {None, target.port} and self._same(address, name)
            if is_there or _holds(entry, target, address):
                raise RefusedError(f"{target.url}: is in [safety] deny of replay.toml. Name staging instead.")

    def _is_allowed_by_port(self, target: TargetURL, address: str) -> bool:
        allowed = [host_and_port(entry) for entry in self.allow or ()]
        return any(
            port == target.port and (canonical_name(name) == target.name or self._same(address, name))
            for name, port in allowed
        )

    def _same(self, one: str, other: str) -> bool:
        a, b = literal(one), literal(other)
        if a is None or b is None:
            return False
        return a == b or (self._here(a) and self._here(b))

    def _here(self, address: Address) -> bool:
        # All addresses of this machine are one place: what listens on one of them mostly listens on all.
        return address.is_loopback or address.is_unspecified or self.is_local(str(address))

    def is_allowed_by_name(self, target: TargetURL, address: str) -> bool:
        """Whether ``[safety] allow`` is set and holds the target itself; loopback is no exception."""
        return any(_holds(entry, target, address) for entry in self.allow or ())

    def _check_allowed(self, target: TargetURL, address: str) -> None:
        place = literal(address)
        if self.allow is None or (place is not None and place.is_loopback):
            return
        if not self.is_allowed_by_name(target, address):
            raise RefusedError(
                f"{target.url}: is not in [safety] allow of replay.toml. Add it there if it is staging."
            )


def _holds(entry: str, target: TargetURL, address: str) -> bool:
    return is_in(entry, target.name, target.port, address)


def assign(targets: Sequence[TargetURL], hosts: Mapping[str, int]) -> list[TargetURL]:
    """Give every host of the plan its target.

    A URL without ``HOST=`` is for a plan of one host. What goes to hosts without a target is left out of the run.

    Raises:
        ReplayError: no target, two for one host, one for a host that is not in the plan, or a bare URL and
            several hosts.
    """
    listing = ", ".join(f"{host} ({count:,})" for host, count in sorted(hosts.items(), key=lambda item: -item[1]))
    if not targets:
        raise ReplayError(f"no target. Add --target URL; the plan's hosts: {listing}.")
    assigned: dict[str, TargetURL] = {}
    known = {host.lower(): host for host in hosts}
    for target in targets:
        if not target.host and len(hosts) > 1:
            raise ReplayError(
                f"--target {target.url}: the plan has {len(hosts)} hosts. Say which: --target HOST=URL; {listing}."
            )
        host = next(iter(hosts), "") if not target.host else known.get(target.host)
        if host is None:
            raise ReplayError(f"--target {target.host}=…: the plan has no such host. Its hosts: {listing}.")
        if host in assigned:
            raise ReplayError(f"--target: two targets for {host or 'the plan'}. Name one.")
        assigned[host] = TargetURL(host, target.scheme, target.name, target.port)
    return list(assigned.values())


def may_send(method: str, route: str, writes: Iterable[str]) -> bool:
    """Whether a request may be sent: safe methods may, others where ``--writes`` names their route."""
    return method in SAFE_METHODS or route in writes
