"""Text in base64, and the head of a token that is written in it."""

from __future__ import annotations

import base64
import binascii

import msgspec

from replay.sanitize.vocabulary import JWT_ALGORITHMS, JWT_TYPES


def unbase64(text: str) -> str | None:
    """The printable text that base64 or base64url spells; None where it is none."""
    body = text.rstrip("=")
    if len(body) % 4 == 1:
        return None
    try:
        raw = binascii.a2b_base64(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4), strict_mode=True)
        plain = raw.decode()
    except ValueError:
        return None
    return plain if plain and (plain.isprintable() or all(c.isprintable() or c in "\t\r\n" for c in plain)) else None


def base64url(text: str) -> str:
    """Text in base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt_header(header: str) -> str:
    """A header with its algorithm and type alone; key ids and addresses are dropped."""
    try:
        found = msgspec.json.decode(header)
    except (msgspec.DecodeError, RecursionError):
        found = {}
    if not isinstance(found, dict):
        found = {}
    allowed = {"alg": JWT_ALGORITHMS, "typ": JWT_TYPES}
    return msgspec.json.encode(
        {
            name: found[name]
            for name, words in allowed.items()
            if isinstance(found.get(name), str) and found[name] in words
        }
    ).decode()
