"""Recordings as other tools write them, for tests that import them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Visit:
    """One request of a browser, when it was made, and what came back."""

    url: str
    at_ms: int = 0
    status: int = 200
    text: str = "ok"
    mime: str = "text/html"
    agent: str = ""


def har(visits: Iterable[Visit]) -> str:
    """A browser's recording of these visits."""
    browser = {"name": "a browser", "version": "1"}
    return json.dumps({"log": {"version": "1.2", "creator": browser, "entries": [_entry(visit) for visit in visits]}})


def _entry(visit: Visit) -> dict[str, object]:
    return {
        "startedDateTime": (BEGAN + timedelta(milliseconds=visit.at_ms)).isoformat(),
        "time": 15,
        "request": {
            "method": "GET",
            "url": visit.url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "User-Agent", "value": visit.agent}] if visit.agent else [],
            "queryString": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": visit.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Content-Type", "value": visit.mime}],
            "content": {"size": len(visit.text), "mimeType": visit.mime, "text": visit.text},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(visit.text),
        },
        "cache": {},
        "timings": {"send": 0, "wait": 14, "receive": 1},
    }
