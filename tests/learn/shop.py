"""A recording of a small made-up shop: people with secrets, a catalogue that all of them see."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus

from replay.exchange import RawExchange
from tests.factories import raw_exchange

CATEGORIES = ("lamps", "garden", "kitchen", "rugs")
WORDS = ("lamp", "oak", "blue", "wool")
SHARED_KEY = "pk8Zq2Lw"
"""Sent by every client, as an API key in an app is."""
HOST = b"shop.example"


@dataclass(frozen=True, slots=True)
class Person:
    """One client with what nobody else may see."""

    number: int
    email: str
    name: str
    token: str
    card: str
    sid: str
    nickname: str

    @property
    def planted(self) -> tuple[str, ...]:
        return self.email, self.name, self.token, self.card, self.sid, self.nickname


def people(count: int = 30) -> list[Person]:
    """So many persons, always the same."""
    rng = random.Random(7)
    letters = "bcdfghjklmnpqrstvwxz"

    def word(size: int) -> str:
        return "".join(rng.choice(letters) for _ in range(size))

    return [
        Person(
            number=70_000 + at,
            email=f"{word(6)}@{word(5)}.org",
            name=f"{word(5).title()} {word(7).title()}",
            token=f"{word(5)}{rng.randrange(10**8)}{word(7)}",
            card=_card(rng),
            sid=f"{rng.getrandbits(96):024x}",
            nickname="".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(3)),
        )
        for at in range(count)
    ]


def product(number: int) -> dict[str, object]:
    return {
        "id": number,
        "sku": f"AB-{number}",
        "category": CATEGORIES[number % len(CATEGORIES)],
        "price_cents": 1900 + 10 * number,
    }


PRODUCTS = [product(number) for number in range(101, 131)]


def visits(persons: list[Person]) -> Iterator[RawExchange]:
    """What each of them does: list, look, search, put in the cart, order."""
    rng = random.Random(11)
    for person in persons:
        cookie = [
            (b"Host", HOST),
            (b"Cookie", f"sid={person.sid}; lang=en".encode()),
            (b"X-Shop-Key", SHARED_KEY.encode()),
        ]
        yield _json(person, "/products?page=1&sort=price_desc", cookie, {"page": 1, "products": PRODUCTS})
        for seen in rng.sample(PRODUCTS, 6):
            yield _json(person, f"/products/{seen['id']}", cookie, seen)
            yield _json(person, f"/api/v1/related?product_id={seen['id']}", cookie, {"items": PRODUCTS[:8]})
        word = rng.choice(WORDS)
        yield _json(
            person, f"/search?q={word}+{quote_plus('blue')}&app={SHARED_KEY}", cookie, {"products": PRODUCTS[:5]}
        )
        yield _json(person, f"/categories/{rng.choice(CATEGORIES)}", cookie, {"products": PRODUCTS[5:9]})
        yield _json(person, "/users/me", cookie, {"id": person.number, "email": person.email, "name": person.name})
        yield _json(person, f"/users/{person.number}", cookie, {"id": person.number, "nickname": person.nickname})
        chosen = rng.choice(PRODUCTS)
        yield raw_exchange(
            "/cart",
            method="POST",
            connection=person.sid,
            headers=[*cookie, (b"Content-Type", b"application/x-www-form-urlencoded")],
            body=f"product_id={chosen['id']}&quantity={rng.randrange(1, 4)}&token={person.token}".encode(),
            status=303,
        )
        order = {"items": [{"sku": chosen["sku"], "quantity": 1}], "email": person.email, "card": person.card}
        yield raw_exchange(
            "/orders",
            method="POST",
            connection=person.sid,
            headers=[*cookie, (b"Content-Type", b"application/json")],
            body=json.dumps(order).encode(),
            answer=json.dumps({"id": 5_000_000 + person.number, "delivery": person.nickname}).encode(),
            answer_headers=[(b"Content-Type", b"application/json")],
        )


def _json(person: Person, path: str, headers: list[tuple[bytes, bytes]], answer: object) -> RawExchange:
    return raw_exchange(
        path,
        connection=person.sid,
        headers=headers,
        answer=json.dumps(answer).encode(),
        answer_headers=[(b"Content-Type", b"application/json")],
    )


def _card(rng: random.Random) -> str:
    body = "4" + "".join(rng.choice("0123456789") for _ in range(14))
    total = sum(sum(divmod(int(c) * (2 - at % 2), 10)) for at, c in enumerate(body))
    return body + str(-total % 10)
