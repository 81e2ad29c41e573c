"""What the shop sells and who its customers are: made up from a seed, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

SEED = 20
PRODUCTS_PER_CATEGORY = 20
CUSTOMERS = 240

WORDS = (
    "lamp",
    "chair",
    "table",
    "desk",
    "shelf",
    "sofa",
    "rug",
    "vase",
    "clock",
    "mirror",
    "plant",
    "candle",
    "mug",
    "plate",
    "bowl",
    "towel",
    "blanket",
    "pillow",
    "curtain",
    "basket",
)
"""The categories' slugs, and the words that visitors search for."""

_STYLES = (
    "Alder",
    "Birk",
    "Corbel",
    "Dune",
    "Ember",
    "Fjord",
    "Gale",
    "Harbour",
    "Isle",
    "Juniper",
    "Kelp",
    "Linden",
)
_FINISHES = ("oak", "walnut", "linen", "brass", "slate", "ivory", "moss", "indigo", "terracotta", "smoke")
_SENTENCES = (
    "Made in small series and finished by hand.",
    "Built to be repaired, not replaced.",
    "Looks at home in a flat as well as in a farmhouse.",
    "Comes flat packed, with every screw that it needs.",
    "The colour deepens over the years.",
    "Wipe with a damp cloth; that is all the care it asks for.",
    "A favourite of customers who buy it twice.",
)
_GIVEN = (
    "Ada",
    "Bela",
    "Chloe",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kemi",
    "Lars",
    "Maeve",
)
_FAMILY = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Novak", "Silva", "Brandt", "Kaya", "O'Neil", "Rossi", "Weiss")
_STREETS = ("Mill Lane", "Station Road", "Harbour Street", "Elm Grove", "Castle Hill", "Orchard Way")
_TOWNS = ("Northfield", "Eastbridge", "Westerham", "Southgate", "Millbrook")


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale."""

    id: int
    """1, 2, 3 … without a gap."""
    sku: str
    name: str
    category: str
    price_cents: int
    description: str
    stock: int


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone with an account. Names, addresses and card numbers are invented; the cards are of a test range."""

    id: int
    name: str
    email: str
    password: str
    address: str
    card: str


@cache
def products() -> tuple[Product, ...]:
    """All products, by id: twenty of each category."""
    chance = random.Random(SEED)
    found = []
    for number in range(len(WORDS) * PRODUCTS_PER_CATEGORY):
        word = WORDS[number % len(WORDS)]
        style, finish = chance.choice(_STYLES), chance.choice(_FINISHES)
        found.append(
            Product(
                id=number + 1,
                sku=f"{word[:3].upper()}-{number + 1:04d}",
                name=f"{style} {word} in {finish}",
                category=word,
                price_cents=chance.randrange(4, 240) * 250 - 5,
                description=" ".join(chance.sample(_SENTENCES, 3)),
                stock=chance.randrange(3, 90),
            )
        )
    return tuple(found)


@cache
def customers() -> tuple[Customer, ...]:
    """All customers with an account, by id."""
    chance = random.Random(SEED + 1)
    return tuple(_customer(number + 1, chance) for number in range(CUSTOMERS))


def _customer(number: int, chance: random.Random) -> Customer:
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    mailbox = f"{given}.{family}{number}".lower().replace("'", "")
    return Customer(
        id=number,
        name=f"{given} {family}",
        email=f"{mailbox}@{chance.choice(('mail', 'post', 'home'))}.example",
        password=f"{chance.choice(WORDS)}-{chance.randrange(10**6):06d}",
        address=f"{chance.randrange(1, 180)} {chance.choice(_STREETS)}, {chance.choice(_TOWNS)}",
        card=_card(chance),
    )


def testers(count: int) -> Iterator[Customer]:
    """``count`` people who do not exist, with accounts for tests; none is a customer."""
    chance = random.Random(SEED + 3)
    for number in range(1, count + 1):
        customer = _customer(CUSTOMERS + number, chance)
        yield replace(customer, email=f"tester-{number:04d}@staging.example")


def _card(chance: random.Random) -> str:
    """A number of the test range 4000 00… with a right check digit (ISO/IEC 7812-1, Luhn)."""
    payload = f"400000{chance.randrange(10**9):09d}"
    return payload + str(-luhn_sum(payload + "0") % 10)


def luhn_sum(digits: str) -> int:
    """The Luhn sum of a digit string; a valid card number's is divisible by ten (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total
