"""What the sanitiser's tests are made of: a sanitiser with a fixed key, and short ways to one place."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from replay.exchange import Exchange
from replay.sanitize.dates import Clock
from replay.sanitize.keys import Key
from replay.sanitize.leaves import Leaves
from replay.sanitize.policy import load_policy
from replay.sanitize.pseudonyms import Pseudonyms
from replay.sanitize.sanitizer import Sanitizer
from tests.factories import raw_exchange

EPOCH_NS = 1_790_000_000 * 10**9
"""2026-09-21T14:13:20Z."""
CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
)
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no corpora at {CORPORA}")
HOST = "api.birdsong-mill.org"


def key(byte: int = 7) -> Key:
    return Key(bytes([byte]) * 32, "file")


def sanitizer(policy: str = "builtin:strict", *, byte: int = 7, session_by: str = "auto") -> Sanitizer:
    return Sanitizer(load_policy(policy), key(byte), EPOCH_NS, session_by)


@cache
def shared() -> Sanitizer:
    """A strict sanitiser for tests that look at no counts: its tables are drawn once."""
    return sanitizer()


def pseudonyms(byte: int = 7) -> Pseudonyms:
    return Pseudonyms(key(byte))


def leaves(byte: int = 7) -> Leaves:
    """The map of leaves, joined with the walkers as in a sanitiser."""
    return sanitizer(byte=byte)._walk.leaves


def clock(epoch_ns: int = EPOCH_NS) -> Clock:
    return Clock(epoch_ns, pseudonyms().number)


def cleaned(path: str = "/", *, by: Sanitizer | None = None, **parts: Any) -> Exchange:
    """The clean exchange of a raw one; it must come through."""
    mine = by or shared()
    found = mine.clean(raw_exchange(path, **parts))
    assert found is not None, f"withheld: {mine.counts}"
    return found


def answer(body: bytes, content_type: str = "application/json", *, by: Sanitizer | None = None, **parts: Any) -> Any:
    """The stored body of a response."""
    headers = [(b"Content-Type", content_type.encode()), *parts.pop("answer_headers", [])]
    found = cleaned(by=by, answer=body, answer_headers=headers, **parts)
    assert found.response is not None
    return found.response.body


def counts(mine: Sanitizer) -> Counter[str]:
    return mine.counts
