"""From a planned request to the bytes that go out: Host, extra headers and the mark go in, the rest is as planned.

Only origin form leaves (RFC 9112 §3.2.1): an absolute request target would make a proxy carry the request elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.errors import ReplayError
from replay.exchange import MARK_HEADER

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection", MARK_HEADER.lower()})


def header_values(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values of ``headers``, which maps a header's name to the environment variable that holds its value.

    Raises:
        ReplayError: a name is none or is ours to set, or a variable is missing or holds what no header may.
    """
    values = {}
    for name, variable in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED:
            raise ReplayError(f"--header {name[:60]}: this header cannot be set. Name another.")
        value = environment.get(variable)
        if value is None:
            raise ReplayError(f"--header {name}=env:{variable}: the environment has no {variable}. Export it first.")
        if not value.isprintable():
            raise ReplayError(f"--header {name}=env:{variable}: the value has characters that no header may hold.")
        values[name] = value
    return values


@dataclass(slots=True)
class Stamp:
    """Puts one target's headers into planned requests."""

    authority: str
    run_id: str
    headers: Mapping[str, str] = field(repr=False)
    _block: bytes = field(init=False, repr=False)
    _starts: dict[str, tuple[bytes, ...]] = field(default_factory=dict, init=False, repr=False)
    _replaced: re.Pattern[bytes] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lines = [f"Host: {self.authority}", *(f"{name}: {value}" for name, value in self.headers.items())]
        self._block = "".join(f"{line}\r\n" for line in lines).encode() + f"{MARK_HEADER}: {self.run_id}-".encode()
        names = b"|".join(re.escape(name.encode()) for name in self.headers)
        self._replaced = re.compile(rb"(?i)\r\n(?:" + names + rb"):[^\r]*(?=\r\n)") if names else None

    def wire(self, planned: bytes, method: str, trace: int) -> bytes:
        """The bytes to send; b"" where the planned request is not in origin form."""
        starts = self._starts.get(method)
        if starts is None:
            starts = (f"{method} /".encode(), *((b"OPTIONS * ",) if method == "OPTIONS" else ()))
            self._starts[method] = starts
        if not planned.startswith(starts):
            return b""
        end = planned.find(b"\r\n")
        if end < 0:
            return b""
        end += 2
        if self._replaced is not None:
            head, blank, body = planned[end - 2 :].partition(b"\r\n\r\n")
            rest = self._replaced.sub(b"", head + b"\r\n") + b"\r\n" + body if blank else planned[end - 2 :]
            return b"%b%b%d%b" % (planned[:end], self._block, trace, rest)
        return b"%b%b%d\r\n%b" % (planned[:end], self._block, trace, planned[end:])
