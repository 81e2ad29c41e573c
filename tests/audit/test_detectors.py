"""Kinds with a reserved range are judged by it."""

from __future__ import annotations

import pytest

from replay.audit.detectors import JUDGED, detect

LEAKS = {
    "e-mail": ["ann@corp.io", "mailto:a.b+c@sub.bank.co.uk", "x@notexample.com", "ann@corp.io.txt", "ann@corp.md"],
    "ipv4": ["ip=93.184.216.34", "[8.8.8.8]", "93.184.216.34:443"],
    "ipv6": ["2a00:1450:4001:81b::200e", "[2606:4700::1111]:443", "2a02:26f0:3400::b81e:1"],
    "mac": ["00:1b:63:84:45:e6", "A4-5E-60-C2-11-0F"],
    "card number": [
        "4539 5787 6362 1486",
        "5301-2334-3010-9910",
        '"card_number": 4539578763621486',
        "id 4539578763621486",
    ],
    "us phone": ["+14155552671", "+1 (415) 555-2671", "(212) 736-5000"],
    "us social security number": ["ssn 123-45-6789", "078-05-1120"],
    "secret format": [
        "sk_live_" + "a1B2c3D4e5F6g7H8",
        "AKIA" + "IOSFODNN7ABCDEFG",
        "ghp_" + "a1B2c3D4e5" * 3 + "a1B2c3",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "xoxb-" + "1234567890-abcdefghij",
    ],
}
CLEAN = [
    "u7f3k2@a8b9c0d1.example.com",
    "ann@example.org",
    "logo@2x.png",
    "u7f3k2@a8b9c0d1.example.com.txt",
    "198.18.7.9 and 10.0.0.1 and 192.168.1.1 and 127.0.0.1 and 203.0.113.7",
    "Mozilla/5.0 Chrome/120.0.6099.71 v1.2.3.4",
    "2001:db8::7 and fe80::1 and ::1",
    "12:34:56 and 2024-01-01T12:34:56",
    "02:1b:63:84:45:e6 and 00:00:00:00:00:00",
    "4242 4242 4242 4242",
    "id 4539578763621487",
    "started 4535022202213",
    "+1 212 555-0143",
    "900-12-3456 and 000-12-3456 and 123-00-4567",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "sk_xxxx pk_test",
]


def kinds(text: str) -> set[str]:
    return {detection.kind for detection in detect(text.encode())}


def test_every_judged_kind_has_cases() -> None:
    assert set(LEAKS) == set(JUDGED)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LEAKS.items() for text in texts])
def test_a_value_outside_the_reserved_range_is_a_leak(kind: str, text: str) -> None:
    assert kinds(text) == {kind}
    assert kinds(f"a {text}, b") == {kind}


@pytest.mark.parametrize("text", CLEAN)
def test_reserved_values_and_look_alikes_are_none(text: str) -> None:
    assert kinds(text) == set()


def test_the_position_is_that_of_the_value() -> None:
    assert [detection.position for detection in detect(b"from 93.184.216.34")] == [5]
