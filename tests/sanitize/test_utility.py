"""What a replay needs of a capture: joins in both directions, values that validators accept, bodies of the same size.

Excepted from the joins are kinds that go into a reserved range, where two can meet (phones, IP addresses, SSNs,
cards), dates far from the capture, and what is drawn anew each time (CVV, PIN, one-time codes).
"""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import re
import string
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from statistics import median
from urllib.parse import parse_qsl, quote, unquote

import pytest

from replay.errors import ReplayError
from replay.exchange import Exchange
from replay.formats.intake import open_sources
from replay.formats.recording import LeftOut
from replay.sanitize import kinds, registered
from tests.factories import raw_exchange
from tests.sanitize.making import CORPORA, EPOCH_NS, needs_corpora, sanitizer

VALUES = 60
_ALNUM = string.ascii_letters + string.digits

type Make = Callable[[random.Random], str]
type Check = Callable[[str], object]


def pick(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def number(rng: random.Random, digits: int) -> str:
    return rng.choice("123456789") + pick(rng, string.digits, digits - 1)


def uuid7(rng: random.Random) -> str:
    time_ms = EPOCH_NS // 10**6 + rng.randrange(10**9)
    return str(uuid.UUID(f"{time_ms:012x}7{rng.getrandbits(12):03x}a{rng.getrandbits(60):015x}"))


def iban(rng: random.Random) -> str:
    body = number(rng, 18)
    return f"DE{kinds.iban_check('DE', body)}{body}"


def card(rng: random.Random) -> str:
    body = rng.choice(("4539", "5301", "6522")) + pick(rng, string.digits, 11)
    return body + kinds.luhn_digit(body)


def phone(rng: random.Random) -> str:
    return f"+44{number(rng, 10)}"


def is_uuid(version: int) -> Check:
    return lambda text: uuid.UUID(text).version == version and str(uuid.UUID(text)) == text


JOINED: dict[str, tuple[Make, Check]] = {
    "id": (lambda rng: number(rng, 9), re.compile("[1-9][0-9]{8}").fullmatch),
    "short id": (lambda rng: number(rng, 4), re.compile("[1-9][0-9]{3}").fullmatch),
    "uuid v4": (lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)), is_uuid(4)),
    "uuid v7": (uuid7, is_uuid(7)),
    "token": (lambda rng: pick(rng, _ALNUM, 32), re.compile("[A-Za-z0-9]{32}").fullmatch),
    "hex": (lambda rng: pick(rng, "0123456789abcdef", 40), re.compile("[0-9a-f]{40}").fullmatch),
    "code": (
        lambda rng: f"{pick(rng, string.ascii_uppercase, 3)}-{number(rng, 4)}",
        re.compile("[A-Z]{3}-[1-9][0-9]{3}").fullmatch,
    ),
    "e-mail": (
        lambda rng: f"{pick(rng, string.ascii_lowercase, 9)}@{pick(rng, string.ascii_lowercase, 7)}.org",
        re.compile(r"[a-z0-9]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,}").fullmatch,
    ),
    "iban": (iban, kinds.is_iban),
    "imei": (
        lambda rng: registered.with_check("imei", "86" + pick(rng, string.digits, 12)),
        lambda text: registered.number_kind(text) == "imei",
    ),
    "dni": (lambda rng: (body := number(rng, 8)) + registered.dni_letter(body), registered.is_dni),
}
VALID_ONLY: dict[str, tuple[Make, Check]] = {
    "card": (card, kinds.card_prefix),
    "phone": (phone, re.compile(r"\+44[0-9]{10}").fullmatch),
    "ipv4": (lambda rng: str(ipaddress.IPv4Address(rng.getrandbits(32))), ipaddress.IPv4Address),
    "ipv6": (lambda rng: str(ipaddress.IPv6Address((0x2A02 << 112) + rng.getrandbits(80))), ipaddress.IPv6Address),
    "date": (
        lambda rng: f"19{rng.randrange(40, 99)}-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}",
        date.fromisoformat,
    ),
}


def everywhere(value: str) -> dict[str, str]:
    """The pseudonym of a value in each place that can hold it, as one exchange brings it."""
    packed = base64.b64encode(json.dumps({"ref": value}).encode()).decode()
    found = SHARED.clean(
        raw_exchange(
            f"/users/{quote(value, safe='')}?q={quote(value, safe='')}",
            method="POST",
            headers=[(b"Content-Type", b"application/json"), (b"Cookie", f"ref={value}".encode())],
            body=json.dumps({"ref": value, "nested": json.dumps([value]), "packed": packed}).encode(),
            answer_headers=[
                (b"Content-Type", b"application/x-www-form-urlencoded"),
                (b"Set-Cookie", f"ref={value}; Path=/".encode()),
            ],
            answer=f"ref={quote(value, safe='')}".encode(),
        )
    )
    assert isinstance(found, Exchange)
    assert found.response is not None
    path, _, query = found.request.path.partition("?")
    sent = json.loads(str(found.request.body))
    headers = dict(found.request.headers) | dict(found.response.headers)
    return {
        "path": unquote(path.rpartition("/")[2]),
        "query": dict(parse_qsl(query))["q"],
        "json": sent["ref"],
        "json in json": json.loads(sent["nested"])[0],
        "base64 of json": json.loads(base64.b64decode(sent["packed"]))["ref"],
        "form": dict(parse_qsl(str(found.response.body)))["ref"],
        "cookie": headers["Cookie"].partition("=")[2],
        "set-cookie": headers["Set-Cookie"].partition("=")[2].partition(";")[0],
    }


SHARED = sanitizer()


@pytest.mark.parametrize("kind", JOINED)
def test_all_joins_of_a_kind_are_kept_both_ways_and_its_validator_accepts_it(kind: str) -> None:
    make, is_valid = JOINED[kind]
    rng = random.Random(11)
    values = list(dict.fromkeys(make(rng) for _ in range(VALUES)))
    images = {value: everywhere(value) for value in values}

    split = {place for found in images.values() for place, image in found.items() if image != found["json"]}
    assert split == set()
    assert len({found["json"] for found in images.values()}) == len(values)
    assert all(is_valid(found["json"]) for found in images.values())


@pytest.mark.parametrize("kind", VALID_ONLY)
def test_the_validator_of_an_excepted_kind_accepts_it_and_its_places_agree(kind: str) -> None:
    make, is_valid = VALID_ONLY[kind]
    rng = random.Random(12)
    for _ in range(VALUES // 3):
        found = everywhere(make(rng))
        assert len({image for place, image in found.items()}) == 1, kind
        assert is_valid(found["json"])


def sizes_of_objects() -> Iterator[tuple[int, int]]:
    fixtures = json.loads((CORPORA / "json-body" / "stripe-fixtures3.json").read_text())
    for body in fixtures["resources"].values():
        raw = json.dumps(body, separators=(",", ":")).encode()
        found = SHARED.clean(raw_exchange(answer_headers=[(b"Content-Type", b"application/json")], answer=raw))
        assert found is not None
        assert found.response is not None
        yield len(raw), len(str(found.response.body).encode())


def sizes_of_recorded_bodies() -> Iterator[tuple[int, int]]:
    """Of every answer with a text in the smaller HAR files of real sites."""
    paths = [path for path in sorted((CORPORA / "har").rglob("*.har")) if path.stat().st_size < 2_000_000]
    for path in paths:
        try:
            items = [item for source in open_sources("har", [path], "") for item in source.recording]
        except ReplayError:
            continue
        for item in items:
            if isinstance(item, LeftOut) or item.response is None or not item.response.body:
                continue
            is_packed = b"content-encoding" in {name.lower() for name, _ in item.response.headers}
            found = SHARED.clean(item)
            body = found.response.body if found is not None and found.response is not None else None
            if isinstance(body, str) and not is_packed:
                yield len(item.response.body), len(body.encode())


@needs_corpora
@pytest.mark.parametrize("sizes", [sizes_of_objects, sizes_of_recorded_bodies])
def test_real_bodies_keep_their_size_within_5_percent(sizes: Callable[[], Iterator[tuple[int, int]]]) -> None:
    pairs = list(sizes())
    ratio = sum(after for _, after in pairs) / sum(before for before, _ in pairs)

    assert len(pairs) > 20
    assert median(after / before for before, after in pairs) == pytest.approx(1, abs=0.05)
    assert ratio == pytest.approx(1, abs=0.05)
