"""From the fields of one log line to a log entry: what was asked, what was answered, and when, as far as it is known.

A log holds no bodies: a request's is empty, and a response's is unknown but for its length. Client addresses serve
as the connection's key, which the sanitiser replaces; the user's name (``%u``) is not read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter

import msgspec

from replay.exchange import RawPair, RawRequest, RawResponse
from replay.formats.log_time import Clock, is_coarse
from replay.formats.log_timers import TIMED, UNTIMED, Timers, Took
from replay.sanitize.recent import Recent

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

_NONE = (b"-", b"")
_NO_HEADERS: list[RawPair] = []
_NO_ANSWER = {499: "client", 460: "client", 0: "client"}
"""nginx (499) and AWS (460) log a client that went away before the answer as a status of their own."""
_STATUSES = {str(status).encode(): (status, _NO_ANSWER.get(status, "")) for status in range(100, 1000)}
_STATUSES |= dict.fromkeys((b"-", b"-1", b"0", b"000"), (0, _NO_ANSWER[0]))
"""The status as it is written, as a number (0 is no answer) and the error that it stands for."""
_STATES = {b"C": "client", b"c": "client", b"S": "reset", b"s": "timeout"}
"""HAProxy's termination state, first character (configuration manual 8.5)."""
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_VERSIONS = {
    prefix + written: version
    for version, forms in (("HTTP/1.0", [b"1.0"]), ("HTTP/2.0", [b"2", b"2.0"]), ("HTTP/3", [b"3", b"3.0"]))
    for written in forms
    for prefix in (b"HTTP/", b"h", b"")
}
_LONGEST_METHOD = 32
_REMEMBERED_CLIENTS = 1 << 14
_REMEMBERED_TIMES = 1 << 10
_REQUESTS_BYTES = 32 << 20
_ENTRY_BYTES = 1 << 10
"""What a request takes beside its texts."""
_LONGEST_BYTES = 8 << 10
"""The texts of what is larger are not remembered."""
_CLIENTS: dict[str, Callable[[bytes], bytes] | None] = {
    "client": None,
    "client_port": lambda text: text.rpartition(b":")[0],
    "client_last": lambda text: text.rpartition(b" ")[2].rpartition(b":")[0],
}
"""How the client's address stands in its field: alone, with its port, or behind what a collector wrote."""


class NotARequestError(ValueError):
    """A line that is no request that could be replayed. The text never quotes it."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One request of a log."""

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
    took: Took

    def __repr__(self) -> str:
        return "LogEntry(…)"


class EntryReader:
    """Turns the fields of a format into entries. ``roles`` says what each field is."""

    def __init__(self, roles: Sequence[str], name: str, *, scheme: str = "http", host: str = UNKNOWN_HOST) -> None:
        self._scheme, self._unknown = scheme, host
        self._clock = clock = Clock()
        self._moment = lru_cache(_REMEMBERED_TIMES)(lambda text: (clock.read(text), is_coarse(text)))
        self._at = {role: index for index, role in enumerate(roles) if role != "_"}
        # A '-' is put behind the fields of each line, so that -1 is what the log does not tell.
        at = {role: self._at.get(role, -1) for role in ROLES}
        self._request, self._method, self._version = at["request"], at["method"], at["version"]
        self._target, self._path, self._query = at["target"], at["path"], at["query"]
        self._status, self._bytes, self._state = at["status"], at["bytes"], at["state"]
        self._own_scheme, self._host = at["scheme"], at["host"]
        self._headers = _named(roles, "header:")
        self._sent = _named(roles, "sent:")
        self._agent = next((index for name, index in self._headers if name.lower() == b"user-agent"), -1)
        self._agent = self._at.get("client_extra", self._agent)
        self._forwarded = at["forwarded"]
        self._client = next((at[role] for role in _CLIENTS if role in self._at), -1)
        self._client_of = next((_CLIENTS[role] for role in _CLIENTS if role in self._at), None)
        self._key = lru_cache(_REMEMBERED_CLIENTS)(partial(_connection, name))
        self._at_end = "time" in self._at
        self._stamp = at["time"] if self._at_end else at["start"]
        self._timed = bool(TIMED & self._at.keys()) or {"time", "start"} <= self._at.keys()
        self._took = Timers(roles, self._clock) if self._timed else None
        asked = {*(index for _, index in self._headers), self._request, self._method, self._version, self._target}
        asked |= {self._path, self._query, self._own_scheme, self._host}
        self._asked_by = itemgetter(-1, *sorted(asked - {-1}))
        self._requests = Recent[tuple[bytes, ...], RawRequest | None](lambda _: None, _REQUESTS_BYTES)

    def read(
        self, values: Sequence[bytes], line: int, headers: Sequence[RawPair] = (), answered: Sequence[RawPair] = ()
    ) -> LogEntry:
        """The entry of a line with these fields; ``headers`` and ``answered`` are further ones that it tells.

        Raises:
            NotARequestError: a field is not what its role says, or it is a request that is not replayed.
        """
        values = (*values, b"-")
        try:
            stamp_ns, coarse = self._moment(values[self._stamp])
        except (ValueError, OverflowError):
            raise NotARequestError("damaged", "its time is no time") from None
        if headers:
            request = self._asked(values, headers)
        else:
            # Lines that tell the same of a request have one object for it.
            found = self._requests[self._asked_by(values)]
            request = self._shared(values) if found is None else found
        known = _STATUSES.get(values[self._status])
        if known is None:
            raise NotARequestError("damaged", "its status is no HTTP status")
        status, error = known
        if self._state >= 0:
            error = _STATES.get(values[self._state][:1], "") or error
        response = None if error else self._answered(values, status, request.version, answered)
        try:
            took = self._took(values, stamp_ns) if self._took else UNTIMED
        except ValueError:
            raise NotARequestError("damaged", "its duration is no duration") from None
        client = values[self._client] if self._client_of is None else self._client_of(values[self._client])
        if self._forwarded >= 0 and values[self._forwarded] not in _NONE:
            client = values[self._forwarded].partition(b",")[0].strip()
        connection = self._key(client, values[self._agent])
        return LogEntry(stamp_ns, coarse, self._at_end, line, connection, request, response, error, took)

    def _shared(self, values: Sequence[bytes]) -> RawRequest:
        """A request that was not met lately, remembered for the lines that tell the same of it."""
        key = self._asked_by(values)
        found = self._asked(values, ())
        size_bytes = sum(map(len, key))
        if size_bytes <= _LONGEST_BYTES:
            self._requests.keep(key, found, _ENTRY_BYTES + 2 * size_bytes)
        return found

    def _asked(self, values: Sequence[bytes], more: Sequence[RawPair]) -> RawRequest:
        if self._request >= 0:
            method_text, _, rest = values[self._request].partition(b" ")
            target, _, version = rest.rpartition(b" ")
            if not target or version[:5] != b"HTTP/":
                target, version = rest, b"HTTP/1.0"
        else:
            method_text, version = values[self._method], values[self._version]
            target = values[self._target] if self._target >= 0 else self._joined(values)
        method = _METHODS.get(method_text) or _method(method_text)
        scheme = self._scheme
        if self._own_scheme >= 0:
            scheme = values[self._own_scheme].decode("latin-1").lower()
        host = values[self._host]
        if target[:1] != b"/":
            scheme, host, target = _absolute(target)
        if scheme not in _DEFAULT_PORTS:
            scheme = self._scheme
        headers = [(header, values[index]) for header, index in self._headers if values[index] not in _NONE]
        headers += more
        name = self._unknown
        if host not in _NONE and host != b"_":
            name = host.decode("latin-1").removesuffix(_DEFAULT_PORTS[scheme])
            headers.insert(0, (b"Host", name.encode("latin-1")))
        return RawRequest(method, scheme, name, target, _VERSIONS.get(version, "HTTP/1.1"), headers, b"", 0)

    def _joined(self, values: Sequence[bytes]) -> bytes:
        path, query = values[self._path], values[self._query]
        return path if query in _NONE else path + b"?" + query.removeprefix(b"?")

    def _answered(
        self, values: Sequence[bytes], status: int, version: str, answered: Sequence[RawPair]
    ) -> RawResponse:
        text = values[self._bytes]
        size = 0
        if text not in _NONE:
            text = text.removeprefix(b"+")
            if not text.isdigit() or len(text) > 15:
                raise NotARequestError("damaged", "its number of bytes is none")
            size = int(text)
        headers = _NO_HEADERS
        if self._sent or answered:
            headers = [(header, values[index]) for header, index in self._sent if values[index] not in _NONE]
            headers += answered
        return RawResponse(status, version, headers, None if size else b"", size)


def _named(roles: Sequence[str], prefix: str) -> list[tuple[bytes, int]]:
    return [(role.removeprefix(prefix).encode(), at) for at, role in enumerate(roles) if role.startswith(prefix)]


def _connection(name: str, client: bytes, agent: bytes) -> str:
    """Client address and user agent: as near to one user as a log comes. ':' separates the parts of the key."""
    agent = b"" if agent == b"-" else agent
    return f"{name}:{(client + b' ' + agent).replace(b':', b'.').decode('latin-1')}"


def _method(text: bytes) -> str:
    if not text.isalpha() or len(text) > _LONGEST_METHOD:
        raise NotARequestError("no request", "what the client sent is no HTTP request")
    return text.decode("ascii")


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
