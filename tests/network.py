"""A network of one's own: a loopback device that nobody else has, with as few ports as a test wants."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def in_own_network[T](action: Callable[[], T], *, ports: range) -> T:
    """What ``action`` returns in a thread whose network, and that of all it starts, is a loopback device of its own.

    Connections that name no port get one of ``ports``, and none twice within a minute. Skips the test where this
    user may not have such a network.
    """

    def apart() -> T:
        try:
            os.unshare(os.CLONE_NEWNET)  # of this thread alone
        except (AttributeError, OSError) as error:
            pytest.skip(f"no network namespace: {error}")
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH", b"lo", _IFF_UP))
        settings = Path("/proc/sys/net/ipv4")
        (settings / "ip_local_port_range").write_text(f"{ports.start} {ports.stop - 1}")
        (settings / "tcp_tw_reuse").write_text("0")
        return action()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(apart).result()
