"""What the visitors do and when: a schedule made from a seed, before the first request.

Most look around without an account: they land somewhere, list, search, open products. A few sign in and buy,
a few are programs that use the API. Sessions arrive as a Poisson process, and products and words are as popular
as such things are (Zipf). Sessions that began before the first second are there already, so the load is even
from start to end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

from replay.demo.catalogue import CUSTOMERS, SEED, WORDS, products

type Kind = Literal["browse", "buy", "program"]
type Action = Literal["get", "login", "put", "checkout", "logout", "token", "orders", "order"]

BROWSE_SHARE, BUY_SHARE = 0.88, 0.06
PAGES_MEAN = 11.0
THINK_S = 1.0
REQUESTS_A_VISIT = 11.0
"""Mean over all kinds; turns a rate of requests into one of sessions."""
EARLIER_S = 40.0
"""Sessions of this long before the start are made, and played from the start on."""
STYLESHEET_SHARE = 0.4
GONE_SHARE = 0.01
"""Share of product views that follow an old link to a product that is no longer there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a visitor does."""

    at_s: float
    """Seconds from the start; never before the answer to the step before."""
    action: Action
    path: str = ""
    product: int = 0
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """One session: who, and what they do."""

    kind: Kind
    customer: int
    """Index of the customer whose account is used, where one is."""
    agent: str
    steps: tuple[Step, ...]


AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
_PROGRAM = "stock-sync/2.3"


def schedule(seed: int, seconds: float, requests_per_s: float) -> list[Visit]:
    """Visits in order of their first step, together about ``requests_per_s`` between 0 and ``seconds``."""
    return sorted(_visits(seed, seconds, requests_per_s), key=lambda visit: visit.steps[0].at_s)


def _visits(seed: int, seconds: float, requests_per_s: float) -> Iterator[Visit]:
    chance = random.Random(seed)
    start_s = -EARLIER_S
    while (start_s := start_s + chance.expovariate(requests_per_s / REQUESTS_A_VISIT)) < seconds:
        visit = _visit(chance, start_s)
        # A purchase cannot begin in its middle: only those who look around are there from before.
        if start_s >= 0 or visit.kind == "browse":
            steps = tuple(step for step in visit.steps if 0 <= step.at_s < seconds)
            if steps:
                yield Visit(visit.kind, visit.customer, visit.agent, steps)


def _visit(chance: random.Random, start_s: float) -> Visit:
    draw, customer = chance.random(), chance.randrange(CUSTOMERS)
    clock = _clock(chance, start_s)
    if draw < BROWSE_SHARE:
        return Visit("browse", customer, chance.choice(AGENTS), tuple(_browse(chance, clock, PAGES_MEAN)))
    if draw < BROWSE_SHARE + BUY_SHARE:
        return Visit("buy", customer, chance.choice(AGENTS), tuple(_buy(chance, clock)))
    return Visit("program", customer, _PROGRAM, tuple(_program(chance, clock)))


def _clock(chance: random.Random, start_s: float) -> Callable[[], float]:
    """When the next step is taken: the first at the start, each other after a think time."""
    now_s = start_s - THINK_S

    def tick() -> float:
        nonlocal now_s
        now_s += THINK_S if now_s < start_s else min(4.0, 0.15 + chance.expovariate(1 / (THINK_S - 0.15)))
        return now_s

    return tick


def _browse(chance: random.Random, clock: Callable[[], float], pages_mean: float) -> Iterator[Step]:
    path = _path(chance, home=0.45, catalogue=0.1, search=0.15)
    while True:
        at_s = clock()
        yield Step(at_s, "get", path)
        if chance.random() < STYLESHEET_SHARE / pages_mean:
            yield Step(at_s + 0.05, "get", "/static/shop.css")
        if chance.random() < 1 / pages_mean:
            return
        path = _path(chance, home=0.08, catalogue=0.28, search=0.24)


def _path(chance: random.Random, home: float, catalogue: float, search: float) -> str:
    """Where a visitor goes next; what is left of the shares is a product."""
    draw = chance.random()
    if draw < home:
        return "/"
    if draw < home + catalogue:
        if chance.random() < 0.5:
            return f"/catalogue?category={_popular(chance, WORDS)}"
        return f"/catalogue?page={min(17, 1 + int(chance.expovariate(0.5)))}"
    if draw < home + catalogue + search:
        return f"/search?q={_popular(chance, WORDS)}"
    if chance.random() < GONE_SHARE:
        return f"/products/{len(products()) + chance.randint(1, 20)}"
    return f"/products/{_product(chance)}"


def _buy(chance: random.Random, clock: Callable[[], float]) -> Iterator[Step]:
    yield from _browse(chance, clock, 3.0)
    yield Step(clock(), "get", "/login")
    yield Step(clock(), "login")
    for _ in range(chance.randint(1, 2)):
        product = _product(chance)
        yield Step(clock(), "get", f"/products/{product}")
        yield Step(clock(), "put", product=product, quantity=chance.randint(1, 3))
    if chance.random() < 0.7:
        yield Step(clock(), "checkout")
    yield Step(clock(), "logout")


def _program(chance: random.Random, clock: Callable[[], float]) -> Iterator[Step]:
    yield Step(clock(), "token")
    yield Step(clock(), "get", f"/api/v1/products?page={chance.randint(1, 17)}")
    for _ in range(chance.randint(2, 6)):
        yield Step(clock(), "get", f"/api/v1/products/{_product(chance)}")
    if chance.random() < 0.3:
        yield Step(clock(), "orders")
    if chance.random() < 0.5:
        yield Step(clock(), "order", product=_product(chance), quantity=chance.randint(1, 5))


def _product(chance: random.Random) -> int:
    return _popular(chance, _shelf())


@cache
def _shelf() -> tuple[int, ...]:
    """All product ids, the most popular first."""
    ids = [product.id for product in products()]
    random.Random(SEED + 2).shuffle(ids)
    return tuple(ids)


def _popular[T](chance: random.Random, things: tuple[T, ...]) -> T:
    return chance.choices(things, cum_weights=_zipf(len(things)))[0]


@cache
def _zipf(count: int) -> tuple[float, ...]:
    """Cumulated weights of ranks 1, 2, 3 …: rank to the power of −0.9."""
    return tuple(accumulate(rank**-0.9 for rank in range(1, count + 1)))
