"""Access logs → raw exchanges: nginx, Apache, HAProxy, AWS, Caddy and what else ``log_formats`` names.

Lines come in order of their time within a window of ``WINDOW_LINES``, so that logs of several workers, which are out
of order by a few seconds, come right. Where a log knows the time to the second only, the requests of a second are
spread over it evenly, in the order of the file: the *i*-th of *n* at (i + ½) / n. The same file gives the same times.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from replay.errors import InputError
from replay.exchange import RawExchange
from replay.formats.log_entry import LogEntry, NotARequestError
from replay.formats.log_formats import DETECTION_LINES, LineReader, LogFormat, chosen, detected, readable
from replay.formats.log_time import SECOND_NS
from replay.formats.log_timers import UNTIMED
from replay.formats.reading import BROKEN, lines, open_unpacked
from replay.formats.recording import LeftOut

_WHAT = "an access log"
WINDOW_LINES = 8192
_FULLEST_SECOND = 8 * WINDOW_LINES
"""More requests than these in one second are spread in parts."""

type _Batch = list[RawExchange | LeftOut]
"""What is ready at once: handing over many costs a third of handing over each."""


class AccessLog:
    """An access log. Its beginning is read twice, so that many may be open; memory in a pass is that of the window:
    about 20 MB, at most 130 MB.
    """

    def __init__(self, path: Path, name: str, log_format: str = "") -> None:
        self._path, self._name = path, name
        self.format = _format(path, _first(lines(open_unpacked(path, _WHAT)), path), log_format)
        head = islice(self._exchanges(0), WINDOW_LINES)
        self.started_ns = min((item.started for item in head if isinstance(item, RawExchange)), default=0)

    def __iter__(self) -> Iterator[RawExchange | LeftOut]:
        return self._exchanges(self.started_ns)

    def _exchanges(self, began_ns: int) -> Iterator[RawExchange | LeftOut]:
        # A client is the same one in all logs of an import, as logs are rotated: log0, log1 … are of the one 'log'.
        read = self.format.reader(self._name.rstrip("0123456789"))
        return chain.from_iterable(_exchanges(lines(open_unpacked(self._path, _WHAT)), read, self._name, began_ns))


def open_access_log(path: Path, name: str, log_format: str = "") -> AccessLog:
    """The access log at ``path``, which may be packed by gzip; ``name`` begins the ids of its exchanges.

    Their connections begin with ``name`` without its number: a client is the same one in every log.

    Args:
        log_format: a name of ``log_formats.FORMATS``, nginx's or Apache's own notation, or ``json: time=ts …``;
            '' detects it from the first lines.

    Raises:
        InputError: there is no such file, or none of its first lines is a request of the format.
        ReplayError: ``log_format`` is none.
    """
    return AccessLog(path, name, log_format)


def _first(found: Iterator[bytes], path: Path) -> list[bytes]:
    try:
        return list(islice(found, DETECTION_LINES))
    except BROKEN:
        raise InputError(f"{path}: cannot be unpacked from its beginning. Pack the log again.") from None


def _format(path: Path, first: list[bytes], log_format: str) -> LogFormat:
    if not log_format:
        return detected(path, first)
    known = chosen(log_format)
    if not readable(known, first):
        raise InputError(f"{path}, line 1: is not written in the format of --log-format, nor is a line after it.")
    return known


def _exchanges(found: Iterator[bytes], read: LineReader, name: str, began_ns: int) -> Iterator[_Batch]:
    """The lines as exchanges, second by second, and those that are none at once."""
    window = _Window()
    number = 0
    try:
        for number, line in enumerate(found, 1):
            try:
                entry = read(line.removesuffix(b"\r"), number)
            except NotARequestError as error:
                if line.strip():
                    yield [LeftOut(f"line {number}", error.reason, str(error))]
            else:
                ready = window.ready(entry)
                if ready:
                    yield _spread(ready, name, began_ns)
    except BROKEN:
        yield [LeftOut(f"after line {number}", "damaged", "the packed file is damaged or cut off here")]
    for ready in window.rest():
        yield _spread(ready, name, began_ns)


class _Window:
    """The entries of a log that are held back, by their second, until no earlier one is likely to come."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[LogEntry]] = {}
        self._order: list[int] = []
        self._held = 0

    def ready(self, entry: LogEntry) -> list[LogEntry] | None:
        """Take an entry; the entries of the earliest second where the window is full."""
        second = entry.stamp_ns // SECOND_NS
        entries = self._seconds.get(second)
        if entries is None:
            self._seconds[second] = [entry]
            heapq.heappush(self._order, second)
        else:
            entries.append(entry)
        self._held += 1
        if self._held > WINDOW_LINES and (len(self._order) > 1 or self._held > _FULLEST_SECOND):
            return self._earliest()
        return None

    def rest(self) -> Iterator[list[LogEntry]]:
        """What is held, second by second."""
        while self._order:
            yield self._earliest()

    def _earliest(self) -> list[LogEntry]:
        found = self._seconds.pop(heapq.heappop(self._order))
        self._held -= len(found)
        return found


def _spread(entries: list[LogEntry], name: str, began_ns: int) -> _Batch:
    """The entries of one second as exchanges, in order of time."""
    coarse = sum([entry.coarse for entry in entries])
    if coarse < len(entries):
        entries.sort(key=lambda entry: entry.stamp_ns)
    place = 0
    found: _Batch = []
    for entry in entries:
        shift_ns = 0
        if entry.coarse:
            shift_ns = (2 * place + 1) * SECOND_NS // (2 * coarse)
            place += 1
        exchange = _exchange(entry, entry.stamp_ns + shift_ns, name)
        if exchange.started < began_ns:
            why = "it began before the first requests of the log"
            found.append(LeftOut(f"line {entry.line}", "out of order", why))
        else:
            found.append(exchange)
    return found


def _exchange(entry: LogEntry, stamp_ns: int, name: str) -> RawExchange:
    took = entry.took
    if took is UNTIMED:
        return RawExchange(
            f"{name}-{entry.line}",
            entry.connection,
            stamp_ns,
            stamp_ns,
            0,
            0,
            0,
            0,
            entry.request,
            entry.response,
            entry.error,
        )
    if took.took_ns < 0:
        started = requested = stamp_ns
    elif entry.at_end:
        requested = stamp_ns - took.took_ns
        started = requested - took.upload_ns
    else:
        started = stamp_ns
        requested = started + took.upload_ns
    answered = took.took_ns >= 0 and entry.response is not None
    connect_started = requested + took.waited_ns if took.opening_ns else 0
    return RawExchange(
        f"{name}-{entry.line}",
        entry.connection,
        started,
        requested,
        connect_started,
        connect_started + took.opening_ns,
        requested + took.head_ns if answered and took.head_ns >= 0 else 0,
        requested + took.took_ns if answered else 0,
        entry.request,
        entry.response,
        entry.error,
    )
