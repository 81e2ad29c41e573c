"""How long the shop's answers take, and how a worse build is made worse.

A small shop on one machine answers in a millisecond; a real one waits for its database and its neighbours. The
times stand for those: lognormal, a median a route, and a few slow ones. An answer that is worked out sooner waits
for the rest, so that the figures stay the same on a small or busy machine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MEDIANS_MS: Mapping[str, float] = {
    "GET /": 28,
    "GET /catalogue": 34,
    "GET /search": 42,
    "GET /products/{product_id}": 24,
    "GET /login": 20,
    "POST /login": 45,
    "GET /cart": 24,
    "POST /cart": 32,
    "POST /checkout": 60,
    "POST /logout": 20,
    "POST /api/v1/token": 40,
    "GET /api/v1/products": 30,
    "GET /api/v1/products/{product_id}": 20,
    "GET /api/v1/orders": 30,
    "POST /api/v1/orders": 50,
}
SPREAD = 0.25
"""Standard deviation of the logarithm."""
SLOW_SHARE = 0.02
SLOW_FACTOR = 2.5


@dataclass(frozen=True, slots=True)
class Pace:
    """The shop's times and faults; ``slow`` and ``fail`` name what a worse build does to a route."""

    chance: random.Random
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds, monotonic."""
    slow: Mapping[str, float] = field(default_factory=dict)
    """Factor on a route's times: 1.7 takes 70 % longer."""
    fail: Mapping[str, float] = field(default_factory=dict)
    """Share of a route's answers that become 500."""

    def due(self, route: str) -> float:
        """When the answer to a request that begins now is to be sent, on the pace's clock."""
        median_ms = MEDIANS_MS.get(route, 0.0) * self.slow.get(route, 1.0)
        slow = SLOW_FACTOR if self.chance.random() < SLOW_SHARE else 1.0
        return self.clock() + median_ms / 1e3 * slow * math.exp(self.chance.gauss(0.0, SPREAD))

    def wait(self, due: float) -> None:
        """Wait until an answer is due."""
        left_s = due - self.clock()
        if left_s > 0:
            self.sleep(left_s)

    def fails(self, route: str) -> bool:
        """Whether the next answer of a route is a 500."""
        return self.chance.random() < self.fail.get(route, 0.0)
