"""What a piece of text is: the scanner that cuts text into recognised kinds, and the checks of their digits.

``re`` is used with possessive quantifiers and bounded repeats only, so that every match is linear in the text.
"""

from __future__ import annotations

import re

from replay.sanitize.dates import HTTP, ISO, SLASHED

_EDGE = r"(?![0-9A-Za-z])"
_HEX = "[0-9A-Fa-f]"
TOP_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|cloud|online|shop|store|site|xyz|test|example|invalid|localhost|local|"
    "internal|lan|uk|de|fr|nl|eu|ch|at|be|es|it|se|no|dk|fi|pl|cz|ru|jp|cn|kr|in|br|mx|ca|au|nz|us|co|me|tv|ai"
)
# Each starts only where no letter or digit stands before it, so that a run is never cut in the middle.
_STRUCTURED = (
    ("url", r"[a-z][a-z0-9+.-]{1,15}+://[^\s\"'<>\\^`{|}]++"),
    (
        "email",
        r"[A-Za-z0-9._%+'\-]{1,64}+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}+)\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}+)",
    ),
    ("jwt", r"eyJ[A-Za-z0-9_-]{5,512}+\.[A-Za-z0-9_-]{2,}+\.[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]++)*+"),
    ("uuid", rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}{_EDGE}"),
    ("iso", ISO + _EDGE),
    ("http", HTTP + _EDGE),
    ("slashed", SLASHED + _EDGE),
    ("ipv4", r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9A-Za-z])"),
    ("mac", rf"{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}}{_EDGE}"),
    (
        "card",
        (
            rf"[0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{1,7}}{_EDGE}"
            rf"|[0-9]{{4}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}{_EDGE}"
        ),
    ),
    ("iban", rf"[A-Z]{{2}}[0-9]{{2}}(?: [0-9A-Z]{{4}}){{2,7}}(?: [0-9A-Z]{{1,3}})?{_EDGE}"),
    (
        "grouped",
        (
            rf"(?:[0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{3}}-[0-9]{{2}}|756\.[0-9]{{4}}\.[0-9]{{4}}\.[0-9]{{2}}"
            rf"|[12](?: [0-9]{{2}}){{3}} [0-9]{{3}} [0-9]{{3}} [0-9]{{2}}){_EDGE}"
        ),
    ),
    ("ssn", rf"[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}{_EDGE}"),
    ("phone", rf"\+[0-9](?:[ ().-]{{0,2}}[0-9]){{6,14}}{_EDGE}"),
    ("nanp", rf"\(?[0-9]{{3}}\)?[ .-]{{1,2}}[0-9]{{3}}[ .-][0-9]{{4}}{_EDGE}"),
    ("clock", r"[0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?![0-9A-Za-z:])"),
    (
        "ipv6",
        (
            rf"(?:(?:{_HEX}{{1,4}}:){{2,7}}(?::?{_HEX}{{1,4}}){{1,6}}"
            rf"|{_HEX}{{1,4}}::{_HEX}{{1,4}}(?::{_HEX}{{1,4}}){{0,5}})(?![0-9A-Za-z:])"
        ),
    ),
    ("host", rf"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{{0,62}}+)\.){{1,8}}(?:{TOP_DOMAINS})(?![0-9A-Za-z-]|\.[0-9A-Za-z])"),
)
_RUNS = (("run", r"[A-Za-z0-9]++"), ("foreign", r"[^\x00-\x7f]++"))
SCAN = re.compile(
    r"(?:(?<![A-Za-z0-9])(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _STRUCTURED)
    + r"))|"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _RUNS)
)
"""Every piece of text that is mapped, by kind (the match's ``lastgroup``); what lies between is punctuation."""
PLAIN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _RUNS))
"""The same for text that cannot hold a structured kind (see ``may_be_structured``)."""
_STRUCTURE = re.compile(r"[0-9][^0-9A-Za-z]|[^0-9A-Za-z\s][0-9]|://|@|\.[A-Za-z]|eyJ|[A-Za-z0-9]:")
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]{2,}+\.[A-Za-z0-9_-]*+")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}+={0,2}+")
TRANSITIONS = re.compile(r"[A-Za-z]++|[0-9]++")
HEX = re.compile(r"[0-9a-f]++|[0-9A-F]++")
UUID = re.compile(r"[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}|[0-9A-F]{12}[1-8][0-9A-F]{3}[89AB][0-9A-F]{15}")
"""A UUID without its dashes (RFC 9562); one in eight other digests is taken for one, which harms nothing."""
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
URL_START = re.compile(r"(?:[a-z][a-z0-9+.-]{1,15}+:)?//[^\s/]|/[^\s/]|[?][A-Za-z0-9_]")


def may_be_structured(text: str) -> bool:
    """Whether text can hold anything but runs."""
    return _STRUCTURE.search(text) is not None


def is_luhn(digits: str) -> bool:
    """Whether a digit string carries a right check digit (ISO/IEC 7812-1)."""
    return luhn_digit(digits[:-1]) == digits[-1]


def luhn_digit(body: str) -> str:
    """The check digit that follows ``body``."""
    total = 0
    for at, digit in enumerate(reversed(body)):
        value = int(digit) * (1 if at % 2 else 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


_TEST_PREFIXES = (  # issuers' range → a published test number's first six digits
    (re.compile(r"4"), "411111"),
    (re.compile(r"5[1-5]"), "555555"),
    (re.compile(r"2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), "222300"),
    (re.compile(r"3[47]"), "378282"),
    (re.compile(r"6(?:011|4[4-9]|5)"), "601111"),
    (re.compile(r"35(?:2[89]|[3-8])"), "353011"),
    (re.compile(r"3(?:0[0-5]|[689])"), "305693"),
    (re.compile(r"62"), "620000"),
    (re.compile(r"(?:50|5[6-9]|6)"), "675964"),
)


def card_prefix(digits: str) -> str | None:
    """The published test prefix for a card number's network; None where the digits are no card number."""
    if not 13 <= len(digits) <= 19 or not is_luhn(digits):
        return None
    return next((test for pattern, test in _TEST_PREFIXES if pattern.match(digits)), None)


def is_iban(compact: str) -> bool:
    """Whether a compact upper-case string is an IBAN with a right check (ISO 13616, mod 97)."""
    return (
        15 <= len(compact) <= 34
        and compact[:2].isalpha()
        and compact[2:4].isdigit()
        and compact.isascii()
        and compact.isalnum()
        and compact == compact.upper()
        and int(_iban_digits(compact)) % 97 == 1
    )


def iban_check(country: str, body: str) -> str:
    """The two check digits of an IBAN."""
    return f"{98 - int(_iban_digits(country + '00' + body)) % 97:02d}"


def _iban_digits(compact: str) -> str:
    return "".join(str(int(c, 36)) for c in compact[4:] + compact[:4])
