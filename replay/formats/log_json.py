"""Access logs of one JSON object a line, read through a map from what a field is to where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from replay.errors import ReplayError
from replay.exchange import RawPair
from replay.formats.log_entry import EntryReader, LogEntry, NotARequestError
from replay.formats.log_template import check_roles, nginx_role

_REDACTED = "REDACTED"
"""What Caddy writes in place of credentials."""
_DECODER = msgspec.json.Decoder()


class JsonReader:
    """Reads lines as objects. A place is a path of names and indices with dots: ``request.headers.Host.0``;
    ``a|b`` is the first of the two that is there.

    Roles beside those of ``log_entry``: ``headers`` and ``answer_headers`` (objects of name → value or values) and
    ``tls`` (present and true where the client spoke TLS). What stands before the first ``{`` is passed over.
    """

    def __init__(self, places: Mapping[str, str], name: str, mark: bytes = b"") -> None:
        own = {"headers", "answer_headers", "tls"}
        self._mark = mark
        self._places = [_path(place) for role, place in places.items() if role not in own]
        roles = [role for role in places if role not in own]
        self._headers, self._answered, self._tls = (
            _path(places[role]) if role in places else None for role in ("headers", "answer_headers", "tls")
        )
        self._plain = EntryReader(roles, name)
        self._secure = EntryReader(roles, name, scheme="https")

    def __call__(self, line: bytes, number: int) -> LogEntry:
        """The entry of a line; raises NotARequestError where it is none."""
        if self._mark and self._mark not in line:
            raise NotARequestError("no request", "it is a message of the server, not a request")
        start = line.find(b"{")
        try:
            found = _DECODER.decode(line[start:] if start > 0 else line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotARequestError("damaged", "it is no JSON") from None
        if start < 0 or not isinstance(found, dict):
            raise NotARequestError("damaged", "it is no JSON object")
        values = [_text(_at(found, path)) for path in self._places]
        reader = self._secure if self._tls and _at(found, self._tls) else self._plain
        return reader.read(values, number, _pairs(found, self._headers), _pairs(found, self._answered))


def field_map(text: str) -> dict[str, str]:
    """The map that ``json: time=ts method=req.method …`` writes, role → place.

    Raises:
        ReplayError: a word is no ``NAME=PLACE``, a name is unknown, or the map makes no request.
    """
    places: dict[str, str] = {}
    for word in text.partition(":")[2].replace(",", " ").split():
        name, equals, place = word.partition("=")
        role = name if name in {"headers", "answer_headers", "tls"} else nginx_role(name)
        if not equals or not place or role == "_":
            raise ReplayError(f"--log-format: '{word[:40]}' is no field. Write NAME=PLACE, as status=response.code.")
        places[role] = place
    check_roles(list(places), text)
    return places


type _Path = tuple[tuple[str | int, ...], ...]


def _path(place: str) -> _Path:
    return tuple(
        tuple(int(part) if part.isdigit() else part for part in choice.split(".")) for choice in place.split("|")
    )


def _at(found: Any, path: _Path) -> Any:
    """What stands at the first of the places that is there."""
    for choice in path:
        value = _walked(found, choice)
        if value is not None:
            return value
    return None


def _walked(found: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(found, dict):
            found = found.get(str(step))
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return found


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if value is None or isinstance(value, dict | list):
        return b"-"
    return b"%d" % value if isinstance(value, int) else repr(value).encode()


def _pairs(found: Any, path: _Path | None) -> list[RawPair]:
    """The header fields of an object of names; what the server redacted is not there."""
    headers = _at(found, path) if path else None
    if not isinstance(headers, dict):
        return []
    return [
        (name.encode(), _text(value))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
        if isinstance(value, str) and value != _REDACTED
    ]
