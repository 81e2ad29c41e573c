"""What can be judged without knowing what was planted: kinds whose pseudonyms lie in a reserved range.

An e-mail address in a sanitised file is at ``example.com`` or it is a leak. The ranges are those of the standards:
RFC 2606 (names), RFC 2544 and 5737 (IPv4), RFC 3849 (IPv6), NANP 555-01XX (fiction), published test card numbers,
locally administered MAC addresses, social security numbers that are never issued, and no live secret format at all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

JUDGED = ("e-mail", "ipv4", "ipv6", "mac", "card number", "us phone", "us social security number", "secret format")
NOT_JUDGED = (
    "names, addresses and free text",
    "ids, codes and tokens without a public format",
    "phone numbers outside the US",
    "IBANs and national ids",
    "signatures of JWTs",
    "dates of birth and other dates",
    "hosts and URLs",
)
"""Kinds whose pseudonyms look like real values: only planted values (``--canaries``) can judge them."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A value of a kind that should not be there, at a position of the text."""

    kind: str
    position: int


def detect(text: bytes) -> Iterator[Detection]:
    """Every value in ``text`` that is of a judged kind and outside the kind's reserved range."""
    low = text.lower()
    for detector in _DETECTORS:
        if not any(sign in low for sign in detector.signs):
            continue
        for match in detector.pattern.finditer(text):
            if detector.is_leak(match):
                yield Detection(detector.kind, match.start())


@dataclass(frozen=True, slots=True)
class _Detector:
    kind: str
    signs: tuple[bytes, ...]
    """Cheap test first: one of these stands in the lower-cased text."""
    pattern: re.Pattern[bytes]
    is_leak: Callable[[re.Match[bytes]], bool]


_RESERVED_NAMES = ("example.com", "example.net", "example.org")
_RESERVED_TOPS = ("example", "test", "invalid", "localhost", "local", "internal")
_FILE_ENDING = re.compile(
    "png|jpe?g|gif|webp|svg|ico|css|m?js|json|html?|xml|woff2?|ttf|pdf|txt|csv"
)  # no top-level domains


def _is_foreign_mail(match: re.Match[bytes]) -> bool:
    domain = match[1].decode().lower().rstrip(".")
    stem, _, top = domain.rpartition(".")
    if _FILE_ENDING.fullmatch(top):  # logo@2x.png; a file that is named after an address
        domain, top = stem, stem.rpartition(".")[2]
        if "." not in domain:
            return False
    if top in _RESERVED_TOPS:
        return False
    return not any(domain == name or domain.endswith(f".{name}") for name in _RESERVED_NAMES)


_V4_RESERVED = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
_V6_RESERVED = tuple(map(ipaddress.IPv6Network, ("::/127", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8")))


def _is_foreign_v4(match: re.Match[bytes]) -> bool:
    try:
        address = ipaddress.IPv4Address(match[0].decode())
    except ValueError:
        return False
    ahead = match.string[max(0, match.start() - 24) : match.start()]
    if re.search(rb"(?i)(?:[a-z]/|\bv|version\W{0,4})$", ahead):  # a version: Chrome/120.0.0.0
        return False
    return not any(address in network for network in _V4_RESERVED)


def _is_foreign_v6(match: re.Match[bytes]) -> bool:
    written = match[0]
    if len(written) < 6:
        return False
    try:
        address = ipaddress.IPv6Address(written.decode())
    except ValueError:
        return False
    return not any(address in network for network in _V6_RESERVED)


def _is_burnt_in_mac(match: re.Match[bytes]) -> bool:
    first = int(match[0][:2], 16)
    return not first & 0b10 and match[0].replace(b":", b"").replace(b"-", b"").strip(b"0fF") != b""


_TEST_CARD = re.compile(
    "4242|4000|4111|4012|4222|4007|42000|5555|5105|5200|5454|5425|2223|3782|3714|3787|3700|3434|6011|3056|3852|3622"
    "|3600|3530|3566|6200|6212|6759|6304|6771|5019|5895|6362|6062|5066"
)
_NETWORKS = re.compile(
    r"(?:4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})"
)
_CARD_NAME = re.compile(rb"(?i)(?:card|pan|credit|ccn|cc_?num|account.?number)[^\d]{0,24}$")


def _is_live_card(match: re.Match[bytes]) -> bool:
    digits = re.sub(rb"\D", b"", match[0]).decode()
    if not _NETWORKS.fullmatch(digits) or not _luhn(digits) or _TEST_CARD.match(digits):
        return False
    # Our own times in nanoseconds have 13 and 14 digits: there only a written grouping or a name beside it tells.
    grouped = len(digits) != len(match[0])
    named = _CARD_NAME.search(match.string[max(0, match.start() - 48) : match.start()])
    return grouped or bool(named) or len(digits) >= 15


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_assigned_phone(match: re.Match[bytes]) -> bool:
    return not (match[2] == b"555" and match[3].startswith(b"01"))


def _is_issued_ssn(match: re.Match[bytes]) -> bool:
    area, group, serial = (int(part) for part in match[0].split(b"-"))
    return area not in {0, 666} and area < 900 and group != 0 and serial != 0


def _is_any(_: re.Match[bytes]) -> bool:
    return True


_SECRET_SIGNS = tuple(
    b"sk_ rk_ pk_live whsec_ akia asia gh xox aiza glpat- sg. npm_ pypi- -----begin hvs. dop_v1_ shpat_ sk-".split()
)
_DETECTORS = (
    _Detector(
        "e-mail",
        (b"@",),
        re.compile(rb"(?<=[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-])@((?:[A-Za-z0-9-]{1,63}\.){1,9}[A-Za-z]{2,24})"),
        _is_foreign_mail,
    ),
    _Detector(
        "ipv4", (b".",), re.compile(rb"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.]\d)"), _is_foreign_v4
    ),
    _Detector(
        "ipv6",
        (b":",),
        re.compile(rb"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:.])"),
        _is_foreign_v6,
    ),
    _Detector(
        "mac",
        (b":", b"-"),
        re.compile(
            rb"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![0-9A-Fa-f:-])"
        ),
        _is_burnt_in_mac,
    ),
    _Detector("card number", (b"",), re.compile(rb"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)"), _is_live_card),
    _Detector(
        "us phone",
        (b"+1", b"("),
        re.compile(rb"(?:\+1[ .-]?\(?|(?<!\w)\()([2-9]\d\d)(?:\) ?|[ .-]?)([2-9]\d\d)[ .-]?(\d{4})(?!\d)"),
        _is_assigned_phone,
    ),
    _Detector(
        "us social security number", (b"-",), re.compile(rb"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), _is_issued_ssn
    ),
    _Detector(
        "secret format",
        _SECRET_SIGNS,
        re.compile(
            rb"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|pk_live_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}"
            rb"|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,}"
            rb"|xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}|glpat-[A-Za-z0-9_-]{20}"
            rb"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{50,}"
            rb"|hvs\.[A-Za-z0-9_-]{24,}|dop_v1_[a-f0-9]{64}|shpat_[a-fA-F0-9]{32}"
            rb"|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}|ya29\.[A-Za-z0-9_-]{20,})"
            rb"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
        ),
        _is_any,
    ),
)
