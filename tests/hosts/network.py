"""Several hosts on one machine: network namespaces that share a bridge, each with a monotonic clock of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """Hosts by name; ``10.77.0.N`` is the address of the N-th."""

    mark: str
    hosts: tuple[str, ...]

    def address(self, host: str) -> str:
        return f"10.77.0.{self.hosts.index(host) + 1}"

    def on(self, host: str, clock_ahead_s: int = 0) -> list[str]:
        """The command prefix that runs a program on ``host``."""
        clock = ["unshare", "--time", "--monotonic", str(clock_ahead_s), "--fork", "--kill-child"]
        return ["ip", "netns", "exec", self._name(host), *(clock if clock_ahead_s else [])]

    def cut(self, host: str) -> None:
        """Take the link of ``host`` down."""
        run("ip", "-n", self._name("switch"), "link", "set", f"to-{host}", "down")

    def restore(self, host: str) -> None:
        run("ip", "-n", self._name("switch"), "link", "set", f"to-{host}", "up")

    def _name(self, host: str) -> str:
        return f"{self.mark}-{host}"

    def build(self) -> None:
        switch = self._name("switch")
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "bridge", "up")
        for host in self.hosts:
            name = self._name(host)
            run("ip", "netns", "add", name)
            run(
                "ip", "-n", switch, "link", "add", f"to-{host}", "type", "veth", "peer", "name", "eth0", "netns", name
            )
            run("ip", "-n", switch, "link", "set", f"to-{host}", "master", "bridge", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")

    def remove(self) -> None:
        for host in ("switch", *self.hosts):
            subprocess.run(["ip", "netns", "delete", self._name(host)], capture_output=True, check=False)


def run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True)


@contextmanager
def network(*hosts: str) -> Iterator[Network]:
    """Build the hosts, and remove them in the end; raises OSError or CalledProcessError where that is not allowed."""
    made = Network(f"dr{os.getpid()}", hosts)
    try:
        made.build()
        run(*made.on(hosts[0], clock_ahead_s=1), "true")
        yield made
    finally:
        made.remove()
