"""Recorded entities onto rows of staging: injective, and an order stays with its user.

Both sides are forests: levels of nodes, each under a node of the level above. The node with the most below it takes
the candidate with the most below it; for two levels that finds an assignment wherever there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

NONE = -1


class TooFewError(Exception):
    """A level has fewer rows than are needed."""

    def __init__(self, level: int, needed: int, there: int) -> None:
        super().__init__()
        self.level = level
        self.needed = needed
        self.there = there


@dataclass(slots=True)
class Forest:
    """Nodes by level, each value once a level; the parent of a node is in the level above, or NONE."""

    levels: int
    numbers: list[dict[str, int]] = field(init=False)
    """Value → number of its node."""
    parents: list[list[int]] = field(init=False)
    conflicts: int = 0
    """Times that a node was met under another parent than before; it stays with the first."""

    def __post_init__(self) -> None:
        self.numbers = [{} for _ in range(self.levels)]
        self.parents = [[] for _ in range(self.levels)]

    def add(self, level: int, value: str, parent: int = NONE) -> int:
        """The number of a node, a new one where it is met for the first time."""
        number = self.numbers[level].setdefault(value, len(self.parents[level]))
        if number == len(self.parents[level]):
            self.parents[level].append(parent)
        elif parent != NONE:
            known = self.parents[level][number]
            if known == NONE:
                self.parents[level][number] = parent
            elif known != parent:
                self.conflicts += 1
        return number

    def values(self, level: int) -> list[str]:
        """The values of a level, by number."""
        return list(self.numbers[level])

    def children(self) -> list[list[list[int]]]:
        """Of each level and node, its nodes in the level below."""
        found: list[list[list[int]]] = [[[] for _ in parents] for parents in self.parents]
        for level in range(1, self.levels):
            for number, parent in enumerate(self.parents[level]):
                if parent != NONE:
                    found[level - 1][parent].append(number)
        return found

    def sizes(self) -> list[list[int]]:
        """Of each level and node, how many nodes are below it."""
        found = [[0] * len(parents) for parents in self.parents]
        for level in range(self.levels - 1, 0, -1):
            for number, parent in enumerate(self.parents[level]):
                if parent != NONE:
                    found[level - 1][parent] += 1 + found[level][number]
        return found


def assign(demand: Forest, supply: Forest, clones: int) -> list[list[list[int]]]:
    """For each level, entity and clone, the node of ``supply`` that it takes; no node is taken twice.

    Raises:
        TooFewError: a level has too few nodes, or none of its nodes has as many below it as are needed.
    """
    return _Assignment(demand, supply, clones).made()


class _Assignment:
    def __init__(self, demand: Forest, supply: Forest, clones: int) -> None:
        self._clones = clones
        self._demand, self._supply = demand, supply
        self._below, self._rows_below = demand.children(), supply.children()
        self._sizes, self._row_sizes = demand.sizes(), supply.sizes()
        self._taken = [[NONE] * (len(parents) * clones) for parents in demand.parents]
        self._free = [[True] * len(parents) for parents in supply.parents]

    def made(self) -> list[list[list[int]]]:
        for level in range(self._demand.levels):
            alone = [n for n, parent in enumerate(self._demand.parents[level]) if parent == NONE]
            wanted = [entity * self._clones + clone for entity in alone for clone in range(self._clones)]
            self._fill(level, wanted, range(len(self._supply.parents[level])))
        return [[taken[at : at + self._clones] for at in range(0, len(taken), self._clones)] for taken in self._taken]

    def _fill(self, level: int, wanted: Sequence[int], candidates: Sequence[int]) -> None:
        """Give the entities of ``wanted`` (each ``entity × clones + clone``) rows among ``candidates``."""
        free = [row for row in candidates if self._free[level][row]]
        if len(wanted) > len(free):
            raise TooFewError(level, len(wanted), len(free))
        sizes, row_sizes, clones = self._sizes[level], self._row_sizes[level], self._clones
        rows = sorted(free, key=lambda row: -row_sizes[row])
        for one, row in zip(sorted(wanted, key=lambda one: -sizes[one // clones]), rows, strict=False):
            self._taken[level][one] = row
            self._free[level][row] = False
            entity, clone = divmod(one, clones)
            if self._below[level][entity]:
                children = [child * clones + clone for child in self._below[level][entity]]
                self._fill(level + 1, children, self._rows_below[level][row])
