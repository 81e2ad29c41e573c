"""The access log formats that are known by name, and the detection of a file's own from its first lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replay.errors import InputError, ReplayError
from replay.formats.log_entry import EntryReader, LogEntry, NotARequestError
from replay.formats.log_json import JsonReader, field_map
from replay.formats.log_template import Template, template
from replay.formats.log_timers import TIMED

DETECTION_LINES = 200

type LineReader = Callable[[bytes, int], LogEntry]
"""A line and its number → its entry; raises NotARequestError."""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A format by its name: a template of the server's own notation, or a map of places in JSON."""

    name: str
    what: str
    template: str = ""
    places: dict[str, str] = field(default_factory=dict)
    mark: bytes = b""
    """What every line of a request holds; one without it is a message of the server."""
    header: bytes = b""
    """How a line begins that names the columns."""
    loose: bool = False
    """It reads over what it does not know, so it is taken only where the others read less than half as much."""

    @property
    def roles(self) -> frozenset[str]:
        """What its fields are."""
        return frozenset(self.places or template(self.template).roles)

    @property
    def is_timed(self) -> bool:
        """Whether it tells how long a request took."""
        return bool(TIMED & self.roles) or {"time", "start"} <= self.roles

    def reader(self, name: str) -> LineReader:
        """A reader whose connections begin with ``name``."""
        if self.places:
            return JsonReader(self.places, name, self.mark)
        return _TemplateReader(template(self.template), name, self.mark, self.header)


class _TemplateReader:
    def __init__(self, written: Template, name: str, mark: bytes, header: bytes) -> None:
        self._split = written.split
        self._read = EntryReader(written.roles, name).read
        self._mark, self._header = mark, header

    def __call__(self, line: bytes, number: int) -> LogEntry:
        if self._header and line.startswith(self._header):
            raise NotARequestError("no request", "it names the columns")
        values = self._split(line)
        if values is None:
            if self._mark and self._mark not in line:
                raise NotARequestError("no request", "it is a message of the server, not a request")
            raise NotARequestError("damaged", "it has not the fields of the format")
        return self._read(values, number)


_HEAD = '$remote_addr $_ [$time_local] "$request" $status $body_bytes_sent'
_COMBINED = _HEAD + ' "$http_referer" "$http_user_agent"'
_MAIN = _COMBINED + ' "$http_x_forwarded_for"'
_UPSTREAM = "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status"
_APACHE = '%h %l %u %t "%r" %>s %b'
_APACHE_COMBINED = _APACHE + ' "%{Referer}i" "%{User-Agent}i"'
_NGINX_PLACES = {
    "time": "msec|time_iso8601|time_local|@timestamp|timestamp|time",
    "status": "status",
    "bytes": "body_bytes_sent|bytes_sent",
    "duration_s": "request_time",
    "upstream_s": "upstream_response_time",
    "client": "remote_addr",
    "forwarded": "http_x_forwarded_for",
    "host": "http_host|host|server_name",
    "scheme": "scheme",
    "version": "server_protocol",
    "header:User-Agent": "http_user_agent",
    "header:Referer": "http_referer",
}

FORMATS = (
    LogFormat(
        "nginx-ingress",
        "ingress-nginx",
        f"{_COMBINED} $request_length $request_time [$_] [$_] {_UPSTREAM} $req_id",
    ),
    LogFormat(
        "nginx-amplify",
        "nginx, as its Amplify asks for",
        f'{_MAIN} "$_" sn="$host" rt=$request_time ua="$_" us="$_" ut="$upstream_response_time" ul="$_" cs=$_',
    ),
    LogFormat("apache-timed", "combined and %D", f"{_APACHE_COMBINED} %D"),
    LogFormat("nginx-timed-upstream", "combined and two times", f"{_COMBINED} $request_time $upstream_response_time"),
    LogFormat("nginx-timed", "combined and $request_time", f"{_COMBINED} $request_time"),
    LogFormat("nginx-main-timed-upstream", "main and two times", f"{_MAIN} $request_time $upstream_response_time"),
    LogFormat("nginx-main-timed", "main and $request_time", f"{_MAIN} $request_time"),
    LogFormat("nginx-main", "nginx's main", _MAIN),
    LogFormat("vhost-combined", "Apache's vhost_combined", f"%v:%p {_APACHE_COMBINED}"),
    LogFormat("combined", "nginx's and Apache's combined", _COMBINED),
    LogFormat("apache-common-timed", "common and %D", f"{_APACHE} %D"),
    LogFormat("common", "the Common Log Format", _HEAD),
    LogFormat(
        "haproxy",
        "HAProxy's httplog",
        "$client_last [$start] $_ $_ $receive_ms/$queue_ms/$connect_ms/$respond_ms/$duration_ms $status $bytes "
        '$_ $_ $state $_ $_ $_"$request"',
        mark=b'"',
    ),
    LogFormat(
        "aws-alb",
        "AWS Application Load Balancer",
        '$_ $time $_ $client_port $_ $part_s $part_s $part_s $status $_ $_ $bytes "$request" "$http_user_agent" '
        '$_ $_ $_ "$_" "$_" "$_" $_ $start $_',
    ),
    LogFormat(
        "aws-elb",
        "AWS Classic Load Balancer",
        '$time $_ $client_port $_ $part_s $part_s $part_s $status $_ $_ $bytes "$request" "$http_user_agent" $_ $_',
    ),
    LogFormat(
        "uwsgi",
        "uWSGI's own",
        "$_[pid: $_] $client ($_) {$_} [$start] $method $target => generated $bytes bytes in $duration_s "
        "($version $status) $_",
        mark=b"=> generated",
    ),
    LogFormat(
        "clf-tsv",
        "host, logname, time, method, url, response, bytes between tabs",
        "$client\t$_\t$time\t$method\t$target\t$status\t$bytes\t\t",
        header=b"host\tlogname\ttime\t",
    ),
    LogFormat(
        "caddy",
        "Caddy's JSON",
        places={
            "time": "ts",
            "duration_s": "duration",
            "status": "status",
            "bytes": "size",
            "method": "request.method",
            "target": "request.uri",
            "host": "request.host",
            "version": "request.proto",
            "client": "request.client_ip|request.remote_ip",
            "client_extra": "request.headers.User-Agent.0",
            "headers": "request.headers",
            "answer_headers": "resp_headers",
            "tls": "request.tls",
        },
        mark=b'"http.log.access',
    ),
    LogFormat(
        "cloudflare",
        "Cloudflare Logpush, http_requests",
        places={
            "time": "EdgeEndTimestamp",
            "start": "EdgeStartTimestamp",
            "status": "EdgeResponseStatus",
            "bytes": "EdgeResponseBytes",
            "method": "ClientRequestMethod",
            "target": "ClientRequestURI",
            "host": "ClientRequestHost",
            "scheme": "ClientRequestScheme",
            "version": "ClientRequestProtocol",
            "client": "ClientIP",
            "header:User-Agent": "ClientRequestUserAgent",
            "header:Referer": "ClientRequestReferer",
        },
    ),
    LogFormat(
        "traefik",
        "Traefik's JSON",
        places={
            "start": "StartUTC",
            "duration_ns": "Duration",
            "status": "DownstreamStatus",
            "bytes": "DownstreamContentSize",
            "method": "RequestMethod",
            "target": "RequestPath",
            "host": "RequestHost",
            "scheme": "RequestScheme",
            "version": "RequestProtocol",
            "client": "ClientHost",
            "header:User-Agent": "request_User-Agent",
            "header:Referer": "request_Referer",
        },
    ),
    LogFormat(
        "nginx-json",
        "JSON whose names are nginx's variables, with $request",
        places=_NGINX_PLACES | {"request": "request"},
    ),
    LogFormat(
        "nginx-json-uri",
        "JSON whose names are nginx's variables, with $request_method and $request_uri",
        places=_NGINX_PLACES | {"method": "request_method", "target": "request_uri|uri"},
    ),
    LogFormat("combined-and-more", "combined and further fields, which are read over", f"{_COMBINED}$_", loose=True),
)
"""In the order of detection: of two that read as many lines the first is taken, which is the one that tells more."""


def chosen(text: str) -> LogFormat:
    """The format that ``--log-format`` means: a name, a server's own notation, or ``json: time=ts …``.

    Raises:
        ReplayError: it is none of these.
    """
    for known in FORMATS:
        if known.name == text:
            return known
    if text.startswith("json:"):
        return LogFormat("json", "your own", places=field_map(text))
    if "$" in text or "%" in text:
        template(text)
        return LogFormat("own", "your own", text)
    names = ", ".join(known.name for known in FORMATS)
    raise ReplayError(f"--log-format '{text[:40]}': is no format. Write the server's own, or name one of: {names}.")


def detected(path: Path, first: Sequence[bytes]) -> LogFormat:
    """The format that reads the most of a file's first lines.

    Raises:
        InputError: none reads a single one.
    """
    best, most = None, 0
    for known in FORMATS:
        count = readable(known, first)
        score = count if known.loose else 2 * count
        if score > most:
            best, most = known, score
    if best is None:
        number, why = _complaint(first)
        raise InputError(f"{path}, line {number}: {why}. Say by --log-format how it is written.")
    return best


def readable(known: LogFormat, first: Sequence[bytes]) -> int:
    """How many of the lines are requests of this format."""
    read = known.reader("")
    count = 0
    for line in first:
        try:
            read(line, 0)
        except NotARequestError as error:
            # What is not replayed (a WebSocket, a bare '-') was understood all the same.
            count += error.reason not in {"damaged", "no request"}
        else:
            count += 1
    return count


def _complaint(first: Sequence[bytes]) -> tuple[int, str]:
    number = next((number for number, line in enumerate(first, 1) if line.strip()), 1)
    line = first[number - 1] if first else b""
    if not line.strip():
        return number, "the file is empty"
    if b"\x00" in line:
        return number, "is no text, so it is no access log"
    return number, f"is a request in none of the {len(FORMATS)} formats that are known"
