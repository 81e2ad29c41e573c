"""Counters of bounded size: what was seen, how often, and from how many clients."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_VALUES = 1_000
"""Distinct values of one place; beyond, those that only one client has sent are forgotten first."""
LONGEST_HELD = 64
"""Longer values are counted and not held: they never qualify."""
MOST_CLIENTS = 100_000
"""Clients that are told apart where all are counted."""


@dataclass(slots=True)
class Sight:
    """How often something was seen, and by whom; clients are held up to the *k* that decides."""

    count: int = 0
    clients: tuple[int, ...] = ()

    def add(self, client: int, k: int) -> None:
        """Count one sighting."""
        self.count += 1
        if len(self.clients) < k and client not in self.clients:
            self.clients += (client,)

    def joined(self, other: Sight, k: int) -> Sight:
        """The sightings of both."""
        if len(self.clients) >= k or not other.clients:
            return Sight(self.count + other.count, self.clients)
        return Sight(self.count + other.count, tuple(dict.fromkeys((*self.clients, *other.clients)))[:k])


class Values:
    """Distinct values and their sights, at most ``most`` of them."""

    def __init__(self, k: int, most: int = MOST_VALUES) -> None:
        self.sights: dict[str, Sight] = {}
        self._k = k
        self._most = most
        self._is_full = False

    def add(self, value: str, client: int) -> None:
        """Count one sighting; a value that has no room is left out."""
        sight = self.sights.get(value)
        if sight is None:
            if len(self.sights) >= self._most and not self._made_room():
                return
            sight = self.sights[value] = Sight()
        sight.add(client, self._k)

    def shared(self) -> set[str]:
        """The values that at least *k* clients have sent."""
        return {value for value, sight in self.sights.items() if len(sight.clients) >= self._k}

    def _made_room(self) -> bool:
        if not self._is_full:
            for value in [value for value, sight in self.sights.items() if len(sight.clients) < 2]:
                del self.sights[value]
            self._is_full = len(self.sights) > 0.9 * self._most
        return len(self.sights) < self._most


@dataclass(slots=True)
class Tally:
    """What was seen at one place."""

    values: Values
    words: Values
    """The words of values with blanks in them."""
    count: int = 0
    clients: set[int] = field(default_factory=set)

    def add(self, value: str, client: int, *, with_words: bool = False) -> None:
        """Count one value, and its words where it has several."""
        self.count += 1
        if len(self.clients) < MOST_VALUES:
            self.clients.add(client)
        if len(value) <= LONGEST_HELD:
            self.values.add(value, client)
            if with_words and " " in value:
                for word in value.split():
                    self.words.add(word, client)
