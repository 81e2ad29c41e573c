"""A log format as people configure it, nginx's ``log_format`` or Apache's ``LogFormat``, and its lines split by it.

A line is split by searching for the literals between the fields, one after another; a field ends at the first place
where the literal behind it stands. One regular expression does so, which goes back in the last field at most, so that
it takes the time of a line's length whatever a client sent. A field in double quotes may hold escaped ones: lines
with a backslash go a way of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from replay.errors import ReplayError
from replay.formats.log_entry import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NGINX = {
    "remote_addr": "client", "realip_remote_addr": "client", "http_x_forwarded_for": "forwarded",
    "proxy_add_x_forwarded_for": "forwarded", "time_local": "time", "time_iso8601": "time", "msec": "time",
    "request": "request", "request_method": "method", "request_uri": "target", "uri": "path", "document_uri": "path",
    "args": "query", "query_string": "query", "status": "status", "body_bytes_sent": "bytes", "bytes_sent": "bytes",
    "http_host": "host", "host": "host", "server_name": "host", "request_time": "duration_s",
    "upstream_response_time": "upstream_s", "scheme": "scheme", "server_protocol": "version",
}  # fmt: skip
_APACHE = {
    "h": "client", "a": "client", "t": "start", "r": "request", "m": "method", "U": "path", "q": "query",
    "H": "version", "s": "status", "b": "bytes", "B": "bytes", "O": "bytes", "v": "host", "V": "host",
    "D": "duration_us",
}  # fmt: skip
_APACHE_TIMES = {"sec": "start", "msec": "start", "usec": "start", "begin": "start", "end": "time"}
_APACHE_DURATIONS = {"ms": "duration_ms", "us": "duration_us"}
_JOINED = {"$uri$is_args$args": "$request_uri", "$uri$is_args$query_string": "$request_uri", "%U%q": "%{target}U"}

# These two run over the format that a user gives, never over a captured value.
_NGINX_FIELD = re.compile(r"\$(?:\{([^}]*)\}|(\w+))")
_APACHE_FIELD = re.compile(r"%[!\d,<>]*(?:\{([^}]*)\})?(\^?[A-Za-z]{1,2}|%)")
_BACKSLASH = ord("\\")
_ESCAPES = {ord("n"): b"\n", ord("t"): b"\t", ord("r"): b"\r", ord("b"): b"\b", ord("f"): b"\f", ord("v"): b"\v"}


@dataclass(frozen=True)
class Template:
    """The fields of a format and the literals around them: ``len(literals) == len(roles) + 1``."""

    roles: tuple[str, ...]
    literals: tuple[bytes, ...]
    listed: frozenset[int] = frozenset()
    """Fields that may be lists: nginx writes ``0.100, 0.004`` and ``0.100 : 0.004`` for several upstreams."""

    def split(self, line: bytes) -> Sequence[bytes] | None:
        """The fields of a line, None where a literal is missing. The last one takes what is left."""
        # A byte is sought six times as fast as a string of one.
        if _BACKSLASH in line or (self.listed and _may_hold_lists(line)):
            return self._split_carefully(line)
        found = self._match(line)
        return found and found.groups()

    @cached_property
    def _match(self) -> Callable[[bytes], re.Match[bytes] | None]:
        first, *between, last = self.literals
        fields = [b"(%b)%b" % (_up_to(literal), re.escape(literal)) for literal in between]
        rest = b'([^"]*+)' if last == b'"' else b"(.*)"
        return re.compile(re.escape(first) + b"".join(fields) + rest + re.escape(last), re.DOTALL).fullmatch

    def _split_carefully(self, line: bytes) -> list[bytes] | None:
        first, *between, last = self.literals
        if not line.startswith(first):
            return None
        position = len(first)
        values = []
        for index, literal in enumerate(between):
            found = (
                _find_behind_list(line, literal, position) if index in self.listed else _find(line, literal, position)
            )
            if found < 0:
                return None
            values.append(_unescaped(line[position:found]))
            position = found + len(literal)
        end = _find(line, last, position) if last else len(line)
        if end != len(line) - len(last):
            return None
        values.append(_unescaped(line[position:end]))
        return values


def template(text: str) -> Template:
    """The format that ``text`` writes as nginx or Apache does; nginx's where it holds a ``$``.

    Beside nginx's variables, every name of ``log_entry.ROLES`` is one: ``$duration_ms``, ``$start``, ``$forwarded``.
    What is not known is read over.

    Raises:
        ReplayError: the format lacks what makes a request, or two fields touch each other.
    """
    written = text
    for joined, whole in _JOINED.items():
        text = text.replace(joined, whole)
    roles: list[str] = []
    literals = [b""]
    listed: set[int] = set()
    nginx = "$" in text
    for kind, value in _pieces(text, _NGINX_FIELD if nginx or "%" not in text else _APACHE_FIELD, nginx=nginx):
        if kind == "literal":
            literals[-1] += value.encode()
        else:
            if roles and not literals[-1]:
                raise ReplayError(f"--log-format: two fields touch each other before '{value}'. Put a sign between.")
            if nginx and value.strip("${}").startswith("upstream_"):
                listed.add(len(roles))
            roles.append(kind)
            literals.append(b"")
    check_roles(roles, written)
    return Template(tuple(roles), tuple(literals), frozenset(listed))


def check_roles(roles: list[str], text: str) -> None:
    """Raise ReplayError where the fields do not make a request with a time and a status."""
    missing = [
        what
        for what, any_of in (
            ("the time ($time_local, %t)", {"time", "start"}),
            ('the request ("$request", %r, or method and path)', {"request", "target", "path"}),
            ("the status ($status, %>s)", {"status"}),
        )
        if not any_of & set(roles)
    ]
    if "request" not in roles and "method" not in roles and not missing:
        missing.append("the method ($request_method, %m)")
    if missing:
        shown = text if len(text) < 60 else text[:60] + "…"
        raise ReplayError(f"--log-format '{shown}': lacks {', '.join(missing)}. Write it as the server's own format.")


def _pieces(text: str, field: re.Pattern[str], *, nginx: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    for match in field.finditer(text):
        found.append(("literal", _literal(text[position : match.start()])))
        position = match.end()
        if match[0] == "%%":
            found.append(("literal", "%"))
        elif not nginx and match[2] == "t" and not match[1]:
            found += [("literal", "["), ("start", match[0]), ("literal", "]")]
        else:
            role = nginx_role(match[1] or match[2] or "") if nginx else _apache_role(match[1] or "", match[2])
            found.append((role, match[0]))
    found.append(("literal", _literal(text[position:])))
    return [piece for piece in found if piece != ("literal", "")]


def _literal(text: str) -> str:
    return text.replace("\\t", "\t").replace('\\"', '"').replace("\\\\", "\\")


def nginx_role(name: str) -> str:
    """What a variable of nginx, or a name of our own, stands for; ``_`` where it is not needed."""
    if name in _NGINX:
        return _NGINX[name]
    if name in ROLES or name.startswith(("header:", "sent:")):
        return name
    for prefix, role in (("http_", "header:"), ("sent_http_", "sent:"), ("upstream_http_", "sent:")):
        if name.startswith(prefix):
            return role + _title(name.removeprefix(prefix).replace("_", "-"))
    return "_"


def _apache_role(argument: str, letter: str) -> str:
    if letter == "i":
        if argument.lower() == "x-forwarded-for":
            return "forwarded"
        return "host" if argument.lower() == "host" else f"header:{argument}"
    if letter == "o":
        return f"sent:{argument}"
    if letter == "T":
        return _APACHE_DURATIONS.get(argument, "_")  # whole seconds are no timing
    if letter == "t":
        head, _, unit = argument.partition(":")
        if head in {"sec", "msec", "usec"} or unit in {"sec", "msec", "usec"}:
            return _APACHE_TIMES[head]
        raise ReplayError(
            f"--log-format: '%{{{argument}}}t' is not understood. Use %t, %{{msec}}t or %{{end:usec}}t."
        )
    if letter == "U" and argument == "target":
        return argument
    return _APACHE.get(letter, "_") if not argument or letter == "a" else "_"


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _up_to(literal: bytes) -> bytes:
    """What matches the bytes before the first place where ``literal`` stands, without ever going back."""
    first, behind = re.escape(literal[:1]), re.escape(literal[1:])
    run = b"[^%b]*+" % first
    return b"%b(?:%b(?!%b)%b)*+" % (run, first, behind, run) if behind else run


def _find(line: bytes, literal: bytes, start: int) -> int:
    """Where the literal stands from ``start`` on; one that begins with a quote does not follow a backslash."""
    found = line.find(literal, start)
    if literal[:1] != b'"':
        return found
    while found > 0 and _is_escaped(line, found):
        found = line.find(literal, found + 1)
    return found


def _may_hold_lists(line: bytes) -> bool:
    tail = line[line.rfind(b'"') + 1 :]
    return b", " in tail or b" : " in tail or b'="' in line  # in quotes they are short of the tail


def _find_behind_list(line: bytes, literal: bytes, start: int) -> int:
    """Where the literal stands that ends a list; a blank within ``a, b`` and ``a : b`` does not."""
    found = _find(line, literal, start)
    while literal[:1] == b" " and found > 0 and (line[found - 1] in b",:" or line[found : found + 3] == b" : "):
        found = _find(line, literal, found + 1)
    return found


def _is_escaped(line: bytes, position: int) -> bool:
    before = position
    while before and line[before - 1] == _BACKSLASH:
        before -= 1
    return (position - before) % 2 == 1


def _unescaped(value: bytes) -> bytes:
    r"""The bytes that ``\"``, ``\\``, ``\xHH`` and ``\n`` stand for (ngx_http_log_escape, ap_escape_logitem)."""
    if b"\\" not in value:
        return value
    head, *rest = value.split(b"\\")
    made = [head]
    skip = False
    for part in rest:
        if skip:
            made.append(part)
            skip = False
        elif not part:
            made.append(b"\\")
            skip = True
        elif part[:1] == b"x" and len(part) > 2 and _is_hex(part[1:3]):
            made.append(bytes([int(part[1:3], 16)]) + part[3:])
        else:
            made.append(_ESCAPES.get(part[0], part[:1]) + part[1:])
    return b"".join(made)


def _is_hex(text: bytes) -> bool:
    return all(byte in b"0123456789abcdefABCDEF" for byte in text)
