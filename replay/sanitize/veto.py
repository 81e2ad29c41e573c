"""Detectors that take a permission away: what no keep rule may let pass, whatever a policy says.

They never grant anything, so a false hit costs a pseudonym and nothing else. RE2 over bytes: time is linear in the
value, whatever it holds.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import re2

from replay.sanitize import kinds

# Written from vendors' published token formats.
_SECRETS = (
    r"\bAKIA[0-9A-Z]{16}\b",
    r"\bASIA[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{8,}",
    r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{8,}",
    r"\bwhsec_[A-Za-z0-9]{16,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\bya29\.[0-9A-Za-z_-]{10,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.",
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bpypi-[A-Za-z0-9_-]{16,}",
    r"\bdop_v1_[a-f0-9]{32,}",
    r"\bEAACEdEose0cBA",
    r"\bhf_[A-Za-z0-9]{20,}",
    r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{16,}",
    r"\bSK[0-9a-f]{32}\b",
    r"\bAC[0-9a-f]{32}\b",
    r"\bkey-[0-9a-f]{32}\b",
    r"\bsq0[a-z]{3}-[0-9A-Za-z_-]{20,}",
    r"\bamzn\.mws\.",
    r"\bLTAI[0-9A-Za-z]{12,}",
    r"\bhvs\.[A-Za-z0-9_-]{20,}",
    r"\bv1\.0-[0-9a-f]{24}",
    r"\bATATT3[A-Za-z0-9_=-]{20,}",
    r"\bAGE-SECRET-KEY-1",
    r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)",
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}\.",
    r"[a-z][a-z0-9+.-]{1,15}://[^\s/@:]*:[^\s/@]+@",
    r"(?i)\b(?:bearer|basic) [A-Za-z0-9+/._=-]{8,}",
)
_PEOPLE = (
    r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+\.[A-Za-z]",
    r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
    r"\+[0-9][0-9 ().-]{6,16}[0-9]",
    r"\(?\b[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4}\b",
    r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b",
    r"(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b",
    r"(?i)\b(?:[0-9a-f]{1,4}:){3,}",
    r"-?[0-9]{1,3}\.[0-9]{4,}",
)
_RULES = re2.compile("|".join(f"(?:{rule})" for rule in (*_SECRETS, *_PEOPLE)).encode())
_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}")
_COMPACT = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z ]{11,40}")
_LONG = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_LONGEST_PLAIN = 16
"""No rule speaks against fewer letters and underscores alone, so most names need no look."""
_MIXED_BITS = 3.5
_HEX_BITS = 3.0


def vetoed(value: str) -> bool:
    """Whether a value about to be kept looks like a secret, or like data of a person."""
    return looks_like_data(value) or any(_is_dense(run) for run in _LONG.findall(value))


def looks_like_data(value: str) -> bool:
    """The same without a look at how random the value is: a name of many words is as dense as a short key."""
    if len(value) < 5 or (len(value) < _LONGEST_PLAIN and value.isascii() and value.replace("_", "").isalpha()):
        return False
    if _RULES.search(value.encode("utf-8", "surrogatepass")) is not None:
        return True
    for digits in _DIGITS.findall(value):
        if kinds.card_prefix(digits.replace(" ", "").replace("-", "")):
            return True
    return any(kinds.is_iban(run.replace(" ", "")) for run in _COMPACT.findall(value))


def _is_dense(run: str) -> bool:
    bits = -sum(n / len(run) * math.log2(n / len(run)) for n in Counter(run).values())
    if all(c in "0123456789abcdefABCDEF-" for c in run):
        return bits >= _HEX_BITS
    return bits >= _MIXED_BITS and any(c.isdigit() for c in run)
