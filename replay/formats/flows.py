"""mitmproxy's flow files → raw exchanges, through mitmproxy's own reader: every version that it migrates.

The file is read twice, once for its start. A flow that cannot be migrated is left out; where the file itself breaks
off, what follows cannot be found and is left out as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import msgspec

from replay.capture.flows import Pending, error_class, exchange_of
from replay.errors import InputError
from replay.exchange import RawExchange
from replay.formats.reading import open_unpacked
from replay.formats.recording import LeftOut

_WHAT = "a file that mitmproxy saved"
_UNREADABLE = (KeyError, AttributeError, TypeError, ValueError, IndexError, AssertionError)
"""What mitmproxy's migrations raise on a flow that is not what its version says."""


class FlowRecording:
    """A flow file; one flow is in memory at a time."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        found = 0
        complaint = "the file is empty"
        starts: list[int] = []
        for item in _flows(path):
            if isinstance(item, LeftOut):
                complaint = complaint if found else item.why
                continue
            found += 1
            start = _start_ns(item)
            if start and (not starts or start < starts[0]):
                starts[:] = [start]
        if not found:
            raise InputError(f"{path}, flow 1: {complaint}. Name {_WHAT}.")
        self.started_ns = starts[0] if starts else 0

    def __iter__(self) -> Iterator[RawExchange | LeftOut]:
        opened: set[str] = set()
        for index, item in enumerate(_flows(self._path)):
            if isinstance(item, LeftOut):
                yield item
                continue
            place = f"flow {index + 1}"
            why_not = _why_not(item, place)
            if why_not:
                yield why_not
                continue
            try:
                yield self._exchange(index, item, opened)
            except _UNREADABLE:
                yield LeftOut(place, "damaged", "a part of its request or its response is missing")

    def _exchange(self, index: int, flow: Any, opened: set[str]) -> RawExchange:
        pending = Pending(flow, requested=True, answered=True)
        server = flow.server_conn
        if server and server.timestamp_start and server.id not in opened:
            opened.add(server.id)
            pending.opening = server
        raw = exchange_of(pending, error_class(flow) if flow.error else "")
        scheme = flow.request.scheme
        address = str(flow.client_conn.peername[0]) if flow.client_conn.peername else ""
        return msgspec.structs.replace(
            raw,
            id=f"{self._name}-{index}",
            connection=f"{self._name}:{address.replace(':', '.')}:{flow.client_conn.id}",
            requested=max(raw.started, raw.requested),
            request=msgspec.structs.replace(
                raw.request, scheme=scheme if scheme in {"http", "https"} else raw.request.scheme
            ),
        )


def open_flows(path: Path, name: str) -> FlowRecording:
    """The flow file at ``path``, which may be packed by gzip; ``name`` begins the ids of its exchanges.

    Raises:
        InputError: there is no such file, or mitmproxy can read no flow of it.
    """
    return FlowRecording(path, name)


def _flows(path: Path) -> Iterator[Any]:
    """The flows of the file, and what is left out because it cannot be read."""
    from mitmproxy.exceptions import FlowReadException
    from mitmproxy.io import FlowReader

    with BufferedReader(cast(Any, open_unpacked(path, _WHAT))) as file:
        if file.peek(4).lstrip(b"\xef\xbb\xbf \r\n")[:1] == b"{":
            raise InputError(f"{path}: is JSON, no flow file. Import a HAR by 'replay import har'.")
        index, position = 0, -1
        while file.tell() > position:
            position = file.tell()
            try:
                for flow in FlowReader(file).stream():
                    yield flow
                    index += 1
                return
            except FlowReadException as error:
                index += 1
                if "flow format version" not in str(error):
                    why = "the file is damaged or cut off here, so that nothing behind it can be found"
                    yield LeftOut(f"flow {index}", "damaged", why)
                    return
                yield LeftOut(f"flow {index}", "version", _version_complaint(str(error)))
            except _UNREADABLE:
                index += 1
                yield LeftOut(f"flow {index}", "damaged", "mitmproxy cannot read it")


def _version_complaint(message: str) -> str:
    """mitmproxy's own words, where they quote nothing but a version number."""
    head, _, version = message.partition("version")
    number = version.strip(" .")
    return f"{head}version {number}" if not number.strip("0123456789(), ") else "its version is none"


def _start_ns(flow: Any) -> int:
    request = getattr(flow, "request", None)
    return int((getattr(request, "timestamp_start", 0) or 0) * 1e9)


def _why_not(flow: Any, place: str) -> LeftOut | None:
    """Why a flow is not replayed, if so."""
    if flow.type != "http":
        return LeftOut(place, "no http", "it is of another protocol")
    if flow.websocket or (flow.response and flow.response.status_code == 101):
        return LeftOut(place, "websocket", "WebSocket traffic is not replayed")
    if not _start_ns(flow):
        return LeftOut(place, "damaged", "it has no time")
    if flow.request.data.path[:1] != b"/":
        return LeftOut(place, "no path", "its target is no path")
    return None
