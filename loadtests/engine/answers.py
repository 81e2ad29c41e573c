"""An answer as somebody wants to see it, from the bytes that a connection kept of it (``Call.kept``)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import httptools

from loadtests.engine.calls import MAX_KEPT_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. Names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_whole: bool
    """False where it was longer than is kept (``MAX_KEPT_BYTES``)."""


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
    """The answer in the bytes that were kept of it; None where its head is not whole."""
    reader = _Reader()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        reader.parser.feed_data(kept)
    if reader.status < 200:
        return None
    is_whole = len(kept) < MAX_KEPT_BYTES
    return Answer(reader.status, tuple(reader.headers), bytes(reader.body), is_whole)
