"""From a planned request to the bytes that go out: Host, extra headers and the mark go in, the rest is as planned.

Only one whole request in origin form leaves (RFC 9112 §3.2.1, §6.3): an absolute request target would make a proxy
carry it elsewhere, and what stands behind a body would be a request that nobody checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import re2

from replay.errors import ReplayError
from replay.exchange import MARK_HEADER
from replay.safety import OVERRIDE_HEADERS
from replay.traces import OF_ANOTHER, TRACEPARENT, span, trace_prefix

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OURS = frozenset({"host", "transfer-encoding", MARK_HEADER.lower(), *OVERRIDE_HEADERS})
_RESERVED = _OURS | {"content-length", "connection"}
# CGI and its heirs take "_" in a name for "-"; some servers forgive blanks around it. A folded line is a match too.
_LATIN_1 = re2.Options()
_LATIN_1.encoding = re2.Options.Encoding.LATIN1
_NAMES = b"|".join(re.escape(name.encode()).replace(rb"\-", b"[-_]") for name in sorted(_OURS))
_LINES = re.compile(rb"\r\n(?:[ \t]|([\x00-\x20]*(?:content[-_]length|%b)[\x00-\x20]*):([^\r]*))" % _NAMES)
_DOUBTFUL = re2.compile(rb"(?i)\r\n(?:[ \t]|[\x00-\x20]*(?:content[-_]length|%b)[\x00-\x20]*:)" % _NAMES, _LATIN_1)
_PLAIN_HEADS = re2.compile(rb"(?:[^ \r\n]+ /[^ \r\n]* HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n)*", _LATIN_1)
_EMPTY_LINE = b"\r\n\r\n"
_FEW = 4


def header_values(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values of ``headers``, which maps a header's name to the environment variable that holds its value.

    Raises:
        ReplayError: a name is none or is ours to set, or a variable is missing or holds what no header may.
    """
    values = {}
    for name, variable in headers.items():
        if not may_be_set(name):
            raise ReplayError(f"--header {name[:60]}: this header cannot be set. Name another.")
        value = environment.get(variable)
        if value is None:
            raise ReplayError(f"--header {name}=env:{variable}: the environment has no {variable}. Export it first.")
        if not value.isprintable():
            raise ReplayError(f"--header {name}=env:{variable}: the value has characters that no header may hold.")
        values[name] = value
    return values


def may_be_set(name: str) -> bool:
    """Whether a run may give its requests header ``name``: it is one, and not ours."""
    return _HEADER_NAME.fullmatch(name) is not None and name.lower().replace("_", "-") not in _RESERVED


def is_one_request(planned: bytes, method: str) -> bool:
    """Whether ``planned`` is one whole request of ``method`` in origin form, without a header that is ours to set.

    The head ends at the first empty line, and the body is as long as the only Content-Length says (0 without one).
    """
    end = planned.find(_EMPTY_LINE)
    head = planned[: end + 2]
    if end < 0 or not _starts(planned, method):
        return False
    if not head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n"):
        return False  # a bare CR or LF ends a line for some servers
    lines = _LINES.findall(head.lower())
    if not lines:
        return len(planned) == end + 4
    name, value = lines[0][0], lines[0][1].strip()
    if len(lines) > 1 or name != b"content-length" or not value.isdigit() or len(value) > 12:
        return False
    return len(planned) == end + 4 + int(value)


def whole_requests(planned: Sequence[bytes], methods: Sequence[str]) -> Sequence[bytes]:
    """``planned``, with b"" in the place of each that is not exactly one request of its method (``is_one_request``).

    Plain heads, which most requests are, are looked at together, at a tenth of the time; where one is in doubt, the
    halves are.
    """
    if len(planned) <= _FEW:
        return [one if is_one_request(one, method) else b"" for one, method in zip(planned, methods, strict=True)]
    if _are_plain_heads(planned, methods):
        return planned
    half = len(planned) // 2
    return [*whole_requests(planned[:half], methods[:half]), *whole_requests(planned[half:], methods[half:])]


def _are_plain_heads(planned: Sequence[bytes], methods: Sequence[str]) -> bool:
    """Whether each is a request line and header lines that are not ours to set, up to the first empty line."""
    together = b"".join(planned)
    starts = {method: f"{method} /".encode() for method in set(methods)}
    return (
        all(map(bytes.startswith, planned, map(starts.__getitem__, methods)))
        and all(map(bytes.endswith, planned, repeat(_EMPTY_LINE)))
        and together.count(_EMPTY_LINE) == len(planned)  # one each, since each ends with one
        and _PLAIN_HEADS.fullmatch(together) is not None
        and _DOUBTFUL.search(together) is None
    )


def _starts(planned: bytes, method: str) -> bool:
    """Whether the first line is that of a request of ``method`` in origin form."""
    blank = len(method)
    end = planned.find(b"\r\n") - len(b" HTTP/1.1")
    return (
        planned.startswith(method.encode())
        and planned.find(b" ") == blank
        and (planned.startswith(b" /", blank) or (method == "OPTIONS" and planned.startswith(b" * ", blank)))
        and planned.find(b" ", blank + 1) == end  # with a blank more, servers differ in what the target is
        and planned.startswith(b" HTTP/1.1\r\n", end)
    )


@dataclass(slots=True)
class Stamp:
    """Puts one target's headers into planned requests."""

    authority: str
    run_id: str
    headers: Mapping[str, str] = field(repr=False)
    traceparent: bool = False
    """Each request is the child of a trace of its own (``replay/traces.py``)."""
    _block: bytes = field(init=False, repr=False)
    _seal: bytes = field(init=False, repr=False)
    _parent: bytes = field(init=False, repr=False)
    _replaced: re.Pattern[bytes] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        host, mark = f"Host: {self.authority}\r\n".encode(), f"{MARK_HEADER}: {self.run_id}-".encode()
        self._seal = host + mark
        self._block = host + "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + mark
        self._parent = f"\r\n{TRACEPARENT}: 00-{trace_prefix(self.run_id)}".encode()
        replaced = {*self.headers, *(OF_ANOTHER if self.traceparent else ())}
        names = b"|".join(re.escape(name.encode()) for name in sorted(replaced))
        self._replaced = re.compile(rb"(?i)\r\n(?:" + names + rb"):[^\r]*(?=\r\n)") if names else None

    def give(self, name: str, value: str) -> None:
        """Give all requests from now on header ``name``, which they had before with another value."""
        self.headers = {**self.headers, name: value}
        self.__post_init__()

    def wire(self, planned: bytes, method: str, trace: int) -> bytes:
        """The bytes to send; b"" where the planned bytes are not exactly one request of ``method`` in origin form."""
        return self.stamp(planned, trace) if is_one_request(planned, method) else b""

    def stamp(self, request: bytes, trace: int) -> bytes:
        """The bytes to send for one whole request (``is_one_request``)."""
        if self._replaced is not None:
            end = request.index(b"\r\n") + 2
            block = b"%b%d" % (self._block, trace)
            if self.traceparent:
                block = b"%b%b%016x-%016x-01" % (block, self._parent, span(trace), span(trace))
            head, blank, body = request[end - 2 :].partition(_EMPTY_LINE)
            rest = self._replaced.sub(b"", head + b"\r\n") + b"\r\n" + body if blank else request[end - 2 :]
            return b"%b%b%b" % (request[:end], block, rest)
        return request.replace(b"\r\n", b"\r\n%b%d\r\n" % (self._block, trace), 1)

    def sealed(self, planned: bytes, method: str, trace: int) -> bytes:
        """As ``wire``, without the headers of the run: for what a hooks file has changed after they went in."""
        if not is_one_request(planned, method):
            return b""
        end = planned.index(b"\r\n") + 2
        return b"%b%b%d\r\n%b" % (planned[:end], self._seal, trace, planned[end:])
