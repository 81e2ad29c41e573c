"""From a planned request to the bytes that go out: Host, extra headers and the mark go in, the rest is as planned.

Only one whole request in origin form leaves (RFC 9112 §3.2.1, §6.3): an absolute request target would make a proxy
carry it elsewhere, and what stands behind a body would be a request that nobody checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.errors import ReplayError
from replay.exchange import MARK_HEADER
from replay.safety import OVERRIDE_HEADERS

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OURS = frozenset({"host", "transfer-encoding", MARK_HEADER.lower(), *OVERRIDE_HEADERS})
_RESERVED = _OURS | {"content-length", "connection"}
# CGI and its heirs take "_" in a name for "-"; some servers forgive blanks around it. A folded line is a match too.
_LINES = re.compile(
    rb"\r\n(?:[ \t]|([\x00-\x20]*(?:content[-_]length|%b)[\x00-\x20]*):([^\r]*))"
    % b"|".join(re.escape(name.encode()).replace(rb"\-", b"[-_]") for name in sorted(_OURS))
)


def header_values(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values of ``headers``, which maps a header's name to the environment variable that holds its value.

    Raises:
        ReplayError: a name is none or is ours to set, or a variable is missing or holds what no header may.
    """
    values = {}
    for name, variable in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower().replace("_", "-") in _RESERVED:
            raise ReplayError(f"--header {name[:60]}: this header cannot be set. Name another.")
        value = environment.get(variable)
        if value is None:
            raise ReplayError(f"--header {name}=env:{variable}: the environment has no {variable}. Export it first.")
        if not value.isprintable():
            raise ReplayError(f"--header {name}=env:{variable}: the value has characters that no header may hold.")
        values[name] = value
    return values


def is_one_request(planned: bytes, method: str) -> bool:
    """Whether ``planned`` is one whole request of ``method`` in origin form, without a header that is ours to set.

    The head ends at the first empty line, and the body is as long as the only Content-Length says (0 without one).
    """
    end, line_end = planned.find(b"\r\n\r\n"), planned.find(b"\r\n")
    start, version = planned[:line_end].split(b" ", 2)[:2], planned[:line_end].rpartition(b" ")[2]
    target = start[-1]
    if end < 0 or start[0] != method.encode() or version != b"HTTP/1.1":
        return False
    if len(method) + len(target) + 10 != line_end:  # a blank more, so servers differ in what the target is
        return False
    if not target.startswith(b"/") and not (target == b"*" and method == "OPTIONS"):
        return False
    head = planned[line_end : end + 2].lower()
    if not len(head.splitlines()) == head.count(b"\r") == head.count(b"\n") or len(target.splitlines()) != 1:
        return False  # a bare CR or LF ends a line for some servers
    lines = _LINES.findall(head)
    if not lines:
        return len(planned) == end + 4
    name, value = lines[0][0], lines[0][1].strip()
    if len(lines) > 1 or name != b"content-length" or not value.isdigit() or len(value) > 12:
        return False
    return len(planned) == end + 4 + int(value)


@dataclass(slots=True)
class Stamp:
    """Puts one target's headers into planned requests."""

    authority: str
    run_id: str
    headers: Mapping[str, str] = field(repr=False)
    _block: bytes = field(init=False, repr=False)
    _seal: bytes = field(init=False, repr=False)
    _checked: tuple[bytes, str] = field(default=(b"", ""), init=False, repr=False)
    _replaced: re.Pattern[bytes] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        host, mark = f"Host: {self.authority}\r\n".encode(), f"{MARK_HEADER}: {self.run_id}-".encode()
        self._seal = host + mark
        self._block = host + "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + mark
        names = b"|".join(re.escape(name.encode()) for name in self.headers)
        self._replaced = re.compile(rb"(?i)\r\n(?:" + names + rb"):[^\r]*(?=\r\n)") if names else None

    def wire(self, planned: bytes, method: str, trace: int) -> bytes:
        """The bytes to send; b"" where the planned bytes are not exactly one request of ``method`` in origin form."""
        if planned is not self._checked[0] or method != self._checked[1]:  # all clones of a row play the same bytes
            if not is_one_request(planned, method):
                return b""
            self._checked = (planned, method)
        end = planned.index(b"\r\n") + 2
        if self._replaced is not None:
            head, blank, body = planned[end - 2 :].partition(b"\r\n\r\n")
            rest = self._replaced.sub(b"", head + b"\r\n") + b"\r\n" + body if blank else planned[end - 2 :]
            return b"%b%b%d%b" % (planned[:end], self._block, trace, rest)
        return b"%b%b%d\r\n%b" % (planned[:end], self._block, trace, planned[end:])

    def sealed(self, planned: bytes, method: str, trace: int) -> bytes:
        """As ``wire``, without the headers of the run: for what a hooks file has changed after they went in."""
        if not is_one_request(planned, method):
            return b""
        end = planned.index(b"\r\n") + 2
        return b"%b%b%d\r\n%b" % (planned[:end], self._seal, trace, planned[end:])
