"""From the fields of one log line to a log entry: what was asked, what was answered, and when, as far as it is known.

A log holds no bodies: a request's is empty, and a response's is unknown but for its length. Client addresses serve
as the connection's key, which the sanitiser replaces; the user's name (``%u``) is not read at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from replay.exchange import RawPair, RawRequest, RawResponse
from replay.formats.log_time import SECOND_NS, Clock, duration_ns, is_coarse

UNKNOWN_HOST = "unknown.invalid"
"""Stands where the log does not tell the host; RFC 2606 keeps it from ever being one."""

ROLES = frozenset(
    {
        "client", "client_port", "client_last", "forwarded", "client_extra", "time", "start", "request", "method",
        "target", "path", "query", "scheme", "host", "version", "status", "bytes", "duration_s", "duration_ms",
        "duration_us", "duration_ns", "upstream_s", "part_s", "receive_ms", "queue_ms", "connect_ms", "respond_ms",
        "state", "_",
    }
)  # fmt: skip
"""What a field of a log can be, beside ``header:NAME`` and ``sent:NAME`` (of the response)."""

_UNITS_NS = {"duration_s": SECOND_NS, "duration_ms": 10**6, "duration_us": 10**3, "duration_ns": 1}
_NO_ANSWER = {499: "client", 460: "client", 0: "client"}
"""nginx (499) and AWS (460) log a client that went away before the answer as a status of their own."""
_STATES = {"C": "client", "c": "client", "S": "reset", "s": "timeout"}
"""HAProxy's termination state, first character (configuration manual 8.5)."""
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_LONGEST_METHOD = 32


class NotARequestError(ValueError):
    """A line that is no request that could be replayed. The text never quotes it."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class LogEntry(msgspec.Struct, frozen=True):
    """One request of a log. Durations are nanoseconds, −1 where the log does not tell."""

    stamp_ns: int
    """The time that the line bears: the end of the request, or its start, as the format has it."""
    coarse: bool
    """The time is known to the second only."""
    at_end: bool
    """``stamp_ns`` is the end; else it is the start, as in Apache's ``%t``."""
    line: int
    connection: str
    request: RawRequest
    response: RawResponse | None
    error: str
    took_ns: int
    """From the complete request to the complete response."""
    upload_ns: int = 0
    """From the request's start until it was complete."""
    opening_ns: int = 0
    """Of ``took_ns``, what opening the upstream connection took."""
    waited_ns: int = 0
    """Of ``took_ns``, until the opening began."""
    head_ns: int = -1
    """Of ``took_ns``, until the response's head was there."""

    def __repr__(self) -> str:
        return "LogEntry(…)"


class EntryReader:
    """Turns the fields of a format into entries. ``roles`` says what each field is."""

    def __init__(self, roles: Sequence[str], name: str, *, scheme: str = "http", host: str = UNKNOWN_HOST) -> None:
        self._name = name
        self._scheme, self._host = scheme, host
        self._clock = Clock()
        self._at = {role: index for index, role in enumerate(roles) if role != "_"}
        self._parts = [index for index, role in enumerate(roles) if role == "part_s"]
        self._headers = [
            (role.partition(":")[2].encode(), index) for index, role in enumerate(roles) if role.startswith("header:")
        ]
        self._sent = [
            (role.partition(":")[2].encode(), index) for index, role in enumerate(roles) if role.startswith("sent:")
        ]
        self._agent = next((index for name, index in self._headers if name.lower() == b"user-agent"), None)
        self._agent = self._at.get("client_extra", self._agent)
        self._stamp = self._at["time"] if "time" in self._at else self._at["start"]
        self._both = "time" in self._at and "start" in self._at
        self._duration = next(((self._at[role], unit) for role, unit in _UNITS_NS.items() if role in self._at), None)
        self._staged = "receive_ms" in self._at
        self._at_end = "time" in self._at

    def read(
        self, values: Sequence[bytes], line: int, headers: Sequence[RawPair] = (), answered: Sequence[RawPair] = ()
    ) -> LogEntry:
        """The entry of a line with these fields; ``headers`` and ``answered`` are further ones that it tells.

        Raises:
            NotARequestError: a field is not what its role says, or it is a request that is not replayed.
        """
        at = self._at
        try:
            stamp_ns = self._clock.read(values[self._stamp])
        except (ValueError, OverflowError):
            raise NotARequestError("damaged", "its time is no time") from None
        request = self._request(values, headers)
        status_text = values[at["status"]]
        status = int(status_text) if status_text.isdigit() else -1 if status_text not in (b"-", b"-1") else 0
        if status and not 100 <= status <= 999:
            raise NotARequestError("damaged", "its status is no HTTP status")
        error = _NO_ANSWER.get(status, "")
        if "state" in at:
            error = _STATES.get(values[at["state"]][:1].decode("latin-1"), "") or error
        response = None if error else self._response(values, status, request.version, answered)
        try:
            took_ns, phases = self._took(values, stamp_ns)
        except ValueError:
            raise NotARequestError("damaged", "its duration is no duration") from None
        return LogEntry(
            stamp_ns,
            is_coarse(values[self._stamp]),
            self._at_end,
            line,
            self._connection(values),
            request,
            response,
            error,
            took_ns,
            *phases,
        )

    def _request(self, values: Sequence[bytes], more: Sequence[RawPair]) -> RawRequest:
        at = self._at
        if "request" in at:
            method_text, _, rest = values[at["request"]].partition(b" ")
            target, _, version = rest.rpartition(b" ")
            if not target or version[:5] != b"HTTP/":
                target, version = rest, b"HTTP/1.0"
        else:
            method_text = values[at["method"]]
            target = values[at["target"]] if "target" in at else self._joined(values)
            version = values[at["version"]] if "version" in at else b"HTTP/1.1"
        method = method_text.decode("latin-1")
        if not method.isascii() or not method.isalpha() or len(method) > _LONGEST_METHOD:
            raise NotARequestError("no request", "what the client sent is no HTTP request")
        scheme = values[at["scheme"]].decode("latin-1").lower() if "scheme" in at else self._scheme
        host = values[at["host"]] if "host" in at else b"-"
        if target[:1] != b"/":
            scheme, host, target = _absolute(target)
        if scheme not in _DEFAULT_PORTS:
            scheme = self._scheme
        name = host.decode("latin-1").removesuffix(_DEFAULT_PORTS[scheme])
        headers: list[RawPair] = []
        if name in ("", "-", "_"):
            name = self._host
        else:
            headers.append((b"Host", name.encode("latin-1")))
        headers += [(header, values[index]) for header, index in self._headers if values[index] not in (b"-", b"")]
        headers += more
        return RawRequest(method, scheme, name, target, _version(version), headers, b"", 0)

    def _joined(self, values: Sequence[bytes]) -> bytes:
        path = values[self._at["path"]]
        query = values[self._at["query"]] if "query" in self._at else b""
        return path if query in (b"", b"-") else path + b"?" + query.removeprefix(b"?")

    def _response(
        self, values: Sequence[bytes], status: int, version: str, answered: Sequence[RawPair]
    ) -> RawResponse:
        size_text = values[self._at["bytes"]].removeprefix(b"+") if "bytes" in self._at else b""
        if not size_text.isdigit() and size_text not in (b"-", b""):
            raise NotARequestError("damaged", "its number of bytes is none")
        size = int(size_text) if size_text.isdigit() and len(size_text) < 16 else 0
        headers = [(header, values[index]) for header, index in self._sent if values[index] not in (b"-", b"")]
        headers += answered
        return RawResponse(status, version, headers, None if size else b"", size)

    def _connection(self, values: Sequence[bytes]) -> str:
        """Client address and user agent: as near to one user as a log comes. ':' separates the parts of the key."""
        at = self._at
        if "client_last" in at:
            client = values[at["client_last"]].rpartition(b" ")[2].rpartition(b":")[0]
        elif "client_port" in at:
            client = values[at["client_port"]].rpartition(b":")[0]
        else:
            client = values[at["client"]] if "client" in at else b""
        if "forwarded" in at and values[at["forwarded"]] not in (b"-", b""):
            client = values[at["forwarded"]].partition(b",")[0].strip()
        agent = values[self._agent] if self._agent is not None else b""
        return f"{self._name}:{(client + b' ' + agent).replace(b':', b'.').decode('latin-1')}"

    def _took(self, values: Sequence[bytes], stamp_ns: int) -> tuple[int, tuple[int, ...]]:
        """From the complete request to the complete response, and the phases: fields of the entry, in its order."""
        at = self._at
        if self._staged:
            return _staged(*(_milliseconds(values[at[f"{name}_ms"]]) for name in _STAGES))
        total = -1
        if self._duration:
            index, unit_ns = self._duration
            # Apache's %D is a whole number; a fraction there is another format's seconds.
            total = duration_ns(values[index], unit_ns) if unit_ns != 10**3 else int(values[index]) * unit_ns
        elif self._both and not is_coarse(values[at["start"]]):
            total = stamp_ns - self._clock.read(values[at["start"]])
        took = total
        if self._parts:
            parts = [duration_ns(values[index], SECOND_NS) for index in self._parts]
            took = total if min(parts) < 0 else sum(parts)
        elif "upstream_s" in at:
            upstream = duration_ns(values[at["upstream_s"]], SECOND_NS)
            took = total if upstream < 0 else upstream
        return took, (max(0, total - took),) if took >= 0 else ()


_STAGES = ("receive", "queue", "connect", "respond", "duration")


def _staged(receive: int, queue: int, connect: int, respond: int, active: int) -> tuple[int, tuple[int, ...]]:
    """HAProxy's timers (configuration manual 8.4); −1 where a phase was not reached."""
    upload, waited, opening = max(0, receive), max(0, queue), max(0, connect)
    if active < 0:
        return -1, ()
    took = max(0, active - upload)
    head = min(took, waited + opening + respond) if respond >= 0 else -1
    return took, (upload, opening, waited, head)


def _milliseconds(text: bytes) -> int:
    return duration_ns(text.removeprefix(b"+"), 10**6)


def _absolute(target: bytes) -> tuple[str, bytes, bytes]:
    """Scheme, host and origin form of a target that is a URL."""
    scheme, found, rest = target.partition(b"://")
    name = scheme.lower().decode("latin-1")
    if found and name in {"ws", "wss"}:
        raise NotARequestError("websocket", "WebSocket traffic is not replayed")
    if not found or name not in _DEFAULT_PORTS:
        raise NotARequestError("no path", "its target is neither a path nor a URL of http or https")
    host, slash, path = rest.partition(b"/")
    host, question, query = host.partition(b"?")
    return name, host.rpartition(b"@")[2], slash + path if slash else b"/" + question + query


def _version(text: bytes) -> str:
    """HTTP/1.0, HTTP/1.1, HTTP/2.0 or HTTP/3."""
    digits = text[5:] if text[:5].upper() == b"HTTP/" else text
    known = {b"1.0": "HTTP/1.0", b"2": "HTTP/2.0", b"2.0": "HTTP/2.0", b"3": "HTTP/3", b"3.0": "HTTP/3"}
    return known.get(digits, "HTTP/1.1")
