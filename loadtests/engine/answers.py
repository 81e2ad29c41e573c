"""A connection that keeps the answers that it gets, for runs in which somebody wants to see them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from loadtests.engine.calls import Call
from loadtests.engine.connections import MAX_KEPT_BYTES, Connection, Owner

MAX_BODY_BYTES = 1 << 20
"""What is kept of a body; more of it is counted only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_whole: bool


class _Reader:
    """Collects one answer. httptools calls its ``on_…`` methods."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.is_complete = False

    def on_message_begin(self) -> None:
        """httptools: an answer begins, an interim one maybe."""
        if not self.is_complete:
            self.headers, self.body = [], bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header, or a trailer."""
        if not self.is_complete:
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        if not self.is_complete:
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        if not self.is_complete:
            self.body += body

    def on_message_complete(self) -> None:
        """httptools: the answer is whole; an interim one (1xx) is not the answer."""
        self.is_complete = self.is_complete or self.status >= 200


def kept_answer(kept: bytes) -> Answer | None:
    """The answer in the bytes that a connection kept of it (``Call.kept``); None where its head is not whole."""
    reader = _Reader()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        reader.parser.feed_data(kept)
    if reader.status < 200:
        return None
    is_whole = len(kept) < MAX_KEPT_BYTES
    return Answer(reader.status, tuple(reader.headers), bytes(reader.body), is_whole)


type Answered = Callable[[Call, Answer], None]


class KeepingConnection(Connection):
    """Tells ``answered`` of every answer before its call ends. httptools calls its ``on_…`` methods."""

    __slots__ = ("_answered", "_body", "_pairs")

    def __init__(self, owner: Owner, number: int, answered: Answered) -> None:
        self._answered = answered
        self._pairs: list[tuple[str, str]] = []
        self._body = bytearray()
        super().__init__(owner, number)

    def on_message_begin(self) -> None:
        """httptools: an answer begins, an interim one maybe."""
        if not self._complete:
            self._pairs, self._body = [], bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header, or a trailer."""
        if not self._complete:
            self._pairs.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        if not self._complete and len(self._body) < MAX_BODY_BYTES:
            self._body += body[: MAX_BODY_BYTES - len(self._body)]
        super().on_body(body)

    def _finish(self, call: Call, now: int) -> None:
        is_whole = len(self._body) == self._body_bytes
        self._answered(call, Answer(self._status, tuple(self._pairs), bytes(self._body), is_whole))
        super()._finish(call, now)
