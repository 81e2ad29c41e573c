"""Recordings to learn from, opened anew for each pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from replay.exchange import RawExchange
from replay.formats.intake import open_sources
from replay.formats.recording import LeftOut


class Recordings:
    """Files of one foreign format.

    Args:
        form: ``har``, ``gor``, ``flows`` or ``log``.
        paths: the files.
        session_by: ``file``, ``page``, or what the sanitiser goes by (``auto``, ``cookie:NAME`` …).
        log_format: how a log is written; '' to detect it.
    """

    def __init__(self, form: str, paths: Sequence[Path], session_by: str, log_format: str = "") -> None:
        self._form = form
        self._paths = paths
        self._log_format = log_format
        self._parts = {"file": 1, "page": 2}.get(session_by)
        self.session_by = "connection" if self._parts else session_by
        """What stands for a client in the exchanges that ``exchanges`` gives."""
        self.taken = 0
        """Exchanges of the last pass."""
        self.left_out = 0
        """Entries of the last pass that are no exchange."""

    def exchanges(self) -> Iterator[RawExchange]:
        """Every exchange, file by file; raises InputError where a file is none of the format."""
        self.taken = self.left_out = 0
        for source in open_sources(self._form, self._paths, self._log_format):
            for item in source.recording:
                if isinstance(item, LeftOut):
                    self.left_out += 1
                    continue
                self.taken += 1
                if self._parts:  # a browser opens many connections; the file (or the page) stands for its user
                    whose = ":".join(item.connection.split(":")[: self._parts])
                    item = msgspec.structs.replace(item, connection=whose)
                yield item
