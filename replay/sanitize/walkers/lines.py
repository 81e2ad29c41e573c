"""The walkers of texts in lines: server-sent events and comma-separated values."""

from __future__ import annotations

import csv
import io
import re

from replay.sanitize.walk import Walk
from replay.sanitize.walkers.header_names import duration_s
from replay.sanitize.walkers.json_text import JsonText

_RETRY_MS = re.compile(r"[0-9]{1,6}")
_FIELDS = frozenset({"data", "id", "event", "retry"})


class Lines:
    """Maps event streams and tables."""

    def __init__(self, walk: Walk, documents: JsonText) -> None:
        self._walk = walk
        self._documents = documents

    def events(self, text: str) -> str:
        """Server-sent events (HTML standard §9.2): data as JSON or text, ids as text, comments as filler."""
        return "\n".join(
            self._event_line(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        )

    def _event_line(self, line: str) -> str:
        if not line:
            return line
        leaves = self._walk.leaves
        name, colon, value = line.partition(":")
        if not name:
            return ":" + leaves.filler(value)
        if name not in _FIELDS:
            return leaves.text(name) + colon + leaves.text(value)
        space = " " if value.startswith(" ") else ""
        bare = value[len(space) :]
        if name == "event":
            return f"{name}{colon}{space}{self._walk.name(bare).clean if bare else ''}"
        if name == "retry":
            return f"{name}{colon}{space}{duration_s(int(bare)) if _RETRY_MS.fullmatch(bare) else 1000}"
        found = self._documents.document(bare) if bare[:1] in {"{", "[", '"'} else None
        return f"{name}{colon}{space}{leaves.text(bare) if found is None else found}"

    def table(self, text: str, separator: str) -> str | None:
        """Comma- or tab-separated values: the first row holds names; None where it is no table."""
        try:
            rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
        except csv.Error:
            return None
        if not rows:
            return None
        names = [self._walk.name(cell) for cell in rows[0]]
        written = io.StringIO()
        writer = csv.writer(written, delimiter=separator, lineterminator="\r\n" if "\r\n" in text else "\n")
        writer.writerow([name.clean for name in names])
        for row in rows[1:]:
            writer.writerow(
                [
                    self._walk.pseudonym(names[at], cell) if at < len(names) else self._walk.leaves.text(cell)
                    for at, cell in enumerate(row)
                ]
            )
        return written.getvalue()
