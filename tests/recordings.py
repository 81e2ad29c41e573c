"""Recordings as other tools write them, for tests that import them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def har(visited: Sequence[tuple[str, int]]) -> str:
    """A browser's recording of URLs and when each was asked for, in milliseconds; style sheets are in its cache."""
    browser = {"name": "a browser", "version": "1"}
    entries = [_entry(url, at_ms) for url, at_ms in visited]
    return json.dumps({"log": {"version": "1.2", "creator": browser, "entries": entries}})


def _entry(url: str, at_ms: int) -> dict[str, object]:
    return {
        "startedDateTime": (BEGAN + timedelta(milliseconds=at_ms)).isoformat(),
        "time": 15,
        "request": {
            "method": "GET",
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "User-Agent", "value": "Mozilla/5.0 Firefox/130.0"}],
            "queryString": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 304 if url.endswith(".css") else 200,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Content-Type", "value": "text/html"}],
            "content": {"size": 2, "mimeType": "text/html", "text": "ok"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 2,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 14, "receive": 1},
    }
