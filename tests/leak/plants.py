"""Made-up values of every kind that a capture must not hold, from a seed.

A plant is a value and its needles: what must not be found of it afterwards. The needles of an e-mail address are the
address, its local part and its domain; those of a JWT are its claims and its signature, but not the head that every
token shares.
"""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

_LOWER = string.ascii_lowercase
_ALNUM = string.ascii_letters + string.digits
_SYLLABLES = ("zor", "vek", "quin", "thal", "brex", "mou", "nyl", "dra", "fosk", "wim", "jutt", "plo", "gharn", "xev")


@dataclass(frozen=True, slots=True)
class Value:
    """A made-up value."""

    kind: str
    text: str
    needles: tuple[str, ...]
    is_number: bool = False
    """It can stand as a JSON number."""

    @property
    def is_token(self) -> bool:
        """It can stand in a name, a cookie or a bare header as it is."""
        return all(c.isascii() and (c.isalnum() or c in "-_.~") for c in self.text)


type Make = Callable[[random.Random], Value]


def _pick(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def _digits(rng: random.Random, count: int) -> str:
    return rng.choice("123456789") + _pick(rng, string.digits, count - 1)


def word(rng: random.Random, syllables: int = 4) -> str:
    """A word that is in no vocabulary."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(syllables))


def _plain(kind: str, make: Callable[[random.Random], str], *, number: bool = False) -> Make:
    def value(rng: random.Random) -> Value:
        text = make(rng)
        return Value(kind, text, (text,), number)

    return value


def luhn_digit(body: str) -> str:
    """The check digit behind ``body``."""
    doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(body))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def _card(rng: random.Random) -> str:
    body = rng.choice(("4539", "5301", "5499", "6522")) + _pick(rng, string.digits, 11)
    return body + luhn_digit(body)


def _spaced_card(rng: random.Random) -> Value:
    number = _card(rng)
    separator = rng.choice(" -")
    return Value("card, grouped", separator.join(number[i : i + 4] for i in range(0, 16, 4)), (number,))


def _iban(rng: random.Random) -> str:
    country, bban = rng.choice(
        (("DE", _digits(rng, 18)), ("GB", _pick(rng, string.ascii_uppercase, 4) + _digits(rng, 14)))
    )
    check = 98 - int("".join(str(int(c, 36)) for c in f"{bban}{country}00")) % 97
    return f"{country}{check:02d}{bban}"


def _spaced_iban(rng: random.Random) -> Value:
    compact = _iban(rng)
    return Value("iban, grouped", " ".join(compact[i : i + 4] for i in range(0, len(compact), 4)), (compact[8:],))


def _email(rng: random.Random) -> Value:
    local, domain = (
        f"{word(rng, 2)}.{word(rng, 3)}{rng.randrange(10, 99)}",
        f"{word(rng, 3)}-{rng.randrange(100, 999)}.io",
    )
    return Value("e-mail", f"{local}@{domain}", (f"{local}@{domain}", local, domain))


def _tagged_email(rng: random.Random) -> Value:
    local, tag, domain = word(rng, 4), word(rng, 3) + "7", f"{word(rng, 4)}.co.uk"
    return Value("e-mail with tag", f"{local.title()}+{tag}@{domain}", (local, tag, domain))


def _uuid1(rng: random.Random) -> Value:
    text = str(uuid.UUID(int=rng.getrandbits(128), version=1))
    return Value("uuid v1", text, (text, text[:13], text[24:]))


def _jwt(rng: random.Random) -> Value:
    subject, mail, tenant = _digits(rng, 12), f"{word(rng, 3)}@{word(rng, 4)}.io", word(rng, 4)
    claims = {"sub": subject, "email": mail, "tenant": tenant, "iat": 1767225600, "nested": {"roles": [word(rng, 4)]}}
    head = _base64url(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")))
    body, signature = _base64url(json.dumps(claims)), _pick(rng, _ALNUM + "-_", 43)
    return Value("jwt", f"{head}.{body}.{signature}", (body, signature, subject, mail, tenant))


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _url(rng: random.Random) -> Value:
    host, item, token = f"{word(rng, 4)}.io", _pick(rng, _LOWER + string.digits, 14), _pick(rng, _ALNUM, 20)
    return Value("url", f"https://{host}/u/{item}?ref={token}", (host, item, token))


def _name(rng: random.Random) -> Value:
    given, family = word(rng, 3).title(), word(rng, 4).title()
    return Value("name", f"{given} {family}", (given, family))


def _foreign_name(rng: random.Random) -> Value:
    given, family = word(rng, 2).title() + "ïë", "Ø" + word(rng, 3) + "ß"
    return Value("name, not ASCII", f"{given} {family}", (given, family))


def _other_script(rng: random.Random) -> Value:
    text = _pick(rng, "абвгдежзиклмнопрстуфхцчшщэюя", 9).title()
    return Value("name, Cyrillic", text, (text,))


def _ideographs(rng: random.Random) -> Value:
    text = "".join(chr(rng.randrange(0x4E00, 0x9F00)) for _ in range(6))
    return Value("name, Chinese", text, (text,))


def _impossible_date(rng: random.Random) -> str:
    return f"{rng.randrange(1900, 2100)}-{rng.randrange(13, 99)}-{rng.randrange(32, 99)}"


def _slashed_date(rng: random.Random) -> str:
    return f"{rng.randrange(13, 29)}/{rng.randrange(1, 13):02d}/19{rng.randrange(40, 99)}"


def _time_of_day(rng: random.Random) -> str:
    return f"{rng.randrange(10, 24)}:{rng.randrange(10, 60)}:{rng.randrange(10, 60)}.{_digits(rng, 6)}"


def _address(rng: random.Random) -> Value:
    street, town = word(rng, 4).title(), word(rng, 4).title()
    return Value("address", f"{rng.randrange(1, 200)} {street} Street, {town}", (street, town))


def _free_text(rng: random.Random) -> Value:
    first, second, number = word(rng, 4), word(rng, 4), _digits(rng, 9)
    text = f"please tell {first} that the parcel for {second} with number {number} has not come yet"
    return Value("free text", text, (first, second, number))


def _birth_date(rng: random.Random) -> str:
    return f"19{rng.randrange(40, 99)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def _ipv6(rng: random.Random) -> str:
    return "2a02:" + ":".join(f"{rng.randrange(0x1000, 0xFFFF):x}" for _ in range(7))


_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vin(rng: random.Random) -> str:
    """A vehicle's number, half of them with a right check digit."""
    text = "WVW" + _pick(rng, "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 8) + _digits(rng, 6)
    if rng.random() < 0.5:
        return text
    values = (int(c) if c.isdigit() else _VIN_VALUES[c] for c in text)
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return f"{text[:8]}{'X' if rest == 10 else rest}{text[9:]}"


def _imei(rng: random.Random) -> str:
    body = "86" + _pick(rng, string.digits, 12)
    return body + luhn_digit(body)


def _ahv(rng: random.Random) -> str:
    body = "756" + _digits(rng, 9)
    return body + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10)


def _cpf(rng: random.Random) -> str:
    body = _digits(rng, 8) + rng.choice("02468")
    for size in (10, 11):
        rest = sum(int(d) * weight for d, weight in zip(body, range(size, 1, -1), strict=True)) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return body


def _grouped_cpf(rng: random.Random) -> Value:
    number = _cpf(rng)
    return Value("cpf, grouped", f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}", (number,))


def _nir(rng: random.Random) -> str:
    body = f"{rng.choice('12')}{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{_digits(rng, 8)}"
    return f"{body}{97 - int(body) % 97:02d}"


def _pesel(rng: random.Random) -> str:
    body = (
        f"{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{_pick(rng, string.digits, 4)}"
    )
    return body + str(-sum(int(d) * weight for d, weight in zip(body, (1, 3, 7, 9) * 3, strict=False)) % 10)


def _dni(rng: random.Random) -> str:
    number = _digits(rng, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _decimal(rng: random.Random) -> str:
    return f"{rng.randrange(10, 89)}.{_digits(rng, 6)}{rng.randrange(1, 10)}"


def _composite(rng: random.Random) -> Value:
    code, number = _pick(rng, string.ascii_uppercase, 5), _digits(rng, 9)
    return Value("composite", f"order-{number}-{code}7{code[::-1]}", (number, f"{code}7{code[::-1]}"))


MARKS: Make = _plain("marks alone", lambda rng: _pick(rng, "!@#$^*()|~", 14))
"""Punctuation between words is layout and stays; where a text is nothing else it is replaced."""

KINDS: dict[str, Make] = {
    "integer id": _plain("integer id", lambda rng: _digits(rng, 10), number=True),
    "long integer id": _plain("long integer id", lambda rng: _digits(rng, 12), number=True),
    "leading zeros": _plain("leading zeros", lambda rng: "00" + _digits(rng, 10)),
    "snowflake": _plain("snowflake", lambda rng: _digits(rng, 18), number=True),
    "decimal": _plain("decimal", _decimal, number=True),
    "uuid v1": _uuid1,
    "uuid v4": _plain("uuid v4", lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4))),
    "uuid, compact": _plain("uuid, compact", lambda rng: uuid.UUID(int=rng.getrandbits(128), version=4).hex),
    "ulid": _plain("ulid", lambda rng: "01" + _pick(rng, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)),
    "ksuid": _plain("ksuid", lambda rng: "2" + _pick(rng, _ALNUM, 26)),
    "object id": _plain("object id", lambda rng: "6" + _pick(rng, "0123456789abcdef", 23)),
    "e-mail": _email,
    "e-mail with tag": _tagged_email,
    "phone, e.164": _plain("phone, e.164", lambda rng: "+49" + _digits(rng, 10)),
    "phone, us": _plain("phone, us", lambda rng: f"({_digits(rng, 3)}) {_digits(rng, 3)}-{_digits(rng, 4)}"),
    "card": _plain("card", _card, number=True),
    "card, grouped": _spaced_card,
    "iban": _plain("iban", _iban),
    "iban, grouped": _spaced_iban,
    "ssn": _plain("ssn", lambda rng: f"{rng.randrange(100, 660)}-{rng.randrange(10, 99)}-{_digits(rng, 4)}"),
    "ipv4": _plain("ipv4", lambda rng: ".".join(str(rng.randrange(100, 223)) for _ in range(4))),
    "ipv6": _plain("ipv6", _ipv6),
    "mac": _plain("mac", lambda rng: "a4:5e:" + ":".join(f"{rng.randrange(16, 256):02x}" for _ in range(4))),
    "vin": _plain("vin", _vin),
    "imei": _plain("imei", _imei, number=True),
    "ahv number": _plain("ahv number", _ahv, number=True),
    "cpf": _plain("cpf", _cpf, number=True),
    "cpf, grouped": _grouped_cpf,
    "nir": _plain("nir", _nir, number=True),
    "pesel": _plain("pesel", _pesel, number=True),
    "dni": _plain("dni", _dni),
    "jwt": _jwt,
    "opaque token": _plain("opaque token", lambda rng: _pick(rng, _ALNUM, 32)),
    "prefixed token": _plain("prefixed token", lambda rng: f"sess_{_pick(rng, _ALNUM, 24)}"),
    "live secret": _plain("live secret", lambda rng: f"sk_live_{_pick(rng, _ALNUM, 24)}"),
    "password": _plain("password", lambda rng: f"{word(rng, 2)}!{_pick(rng, _ALNUM, 6)}#{rng.randrange(10, 99)}"),
    "hex token": _plain("hex token", lambda rng: _pick(rng, "0123456789abcdef", 40)),
    "base64 token": _plain("base64 token", lambda rng: base64.b64encode(rng.randbytes(30)).decode()),
    "birth date": _plain("birth date", _birth_date),
    "url": _url,
    "name": _name,
    "name, not ASCII": _foreign_name,
    "name, Cyrillic": _other_script,
    "name, Chinese": _ideographs,
    "date, slashed": _plain("date, slashed", _slashed_date),
    "date, impossible": _plain("date, impossible", _impossible_date),
    "time of day": _plain("time of day", _time_of_day),
    "address": _address,
    "free text": _free_text,
    "user name": _plain("user name", lambda rng: f"{word(rng, 3)}_{word(rng, 2)}"),
    "short code": _plain("short code", lambda rng: _pick(rng, string.ascii_uppercase, 4) + _digits(rng, 5)),
    "composite": _composite,
}
"""Every kind of value that the sanitiser must replace, in all places."""
