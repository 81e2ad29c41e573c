"""The verdict and the comparison as JSON: the source of truth that every other format repeats."""

from __future__ import annotations

import msgspec

from analysis.verdict import Verdict


def to_json(record: msgspec.Struct) -> bytes:
    """Indented JSON, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def verdict_schema() -> bytes:
    """The JSON schema of ``verdict.json``."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Verdict)), indent=2) + b"\n"
