"""How well route templates are learned: paths made from the templates of public OpenAPI documents, and back.

For each interface, every template gives 30 paths. Values are 40 % integers, 20 % UUIDs, 25 % slugs and 15 % words
(half of them words that interfaces use too), once chosen for each parameter and once for each value. *Recall* is the
share of templates that were learned exactly (names of parameters apart), *precision* the share of learned ones that
exist. An *over-merge* is a template of which a literal became a parameter, so that it is not told from another: the
worse error.

    python -m benchmarks.routes
"""

from __future__ import annotations

import csv
import os
import random
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replay.learn.templates import PathTrie
from replay.routes import interface_words, is_literal

CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[1].parent / "shared" / "corpora")
)
PATHS = 30
CLIENTS = 40
K = 20
KINDS = ("int", "uuid", "slug", "word")
SHARES = (40, 20, 25, 15)
_PARAMETER = re.compile(r"\{[^}]*\}")
_SYLLABLES = (
    "ba",
    "cor",
    "di",
    "fen",
    "gul",
    "ho",
    "jam",
    "kel",
    "lo",
    "mip",
    "nor",
    "pul",
    "ri",
    "sto",
    "tav",
    "wex",
)


@dataclass(frozen=True, slots=True)
class Score:
    """What was found of the templates of some interfaces."""

    templates: int
    learned: int
    exact: int
    over_merged: int

    def __str__(self) -> str:
        return (
            f"{self.templates:5,} templates   recall {self.exact / self.templates:6.1%}   "
            f"precision {self.exact / max(1, self.learned):6.1%}   "
            f"over-merges {self.over_merged / self.templates:6.2%}"
        )


def interfaces() -> dict[str, list[tuple[str, str]]]:
    """Interface → its methods and templates, parameters without their names."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    with (CORPORA / "openapi" / "templates.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found[row["api"]].add((row["method"], row["template"]))
    return {api: sorted(templates) for api, templates in found.items()}


def value(kind: str, rng: random.Random) -> str:
    """A value of a parameter."""
    if kind == "int":
        return str(rng.randrange(1, 10 ** rng.randrange(1, 9)))
    if kind == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if kind == "slug":
        return "-".join(_made_up(rng) for _ in range(rng.randrange(2, 4)))
    return rng.choice(sorted(interface_words())) if rng.random() < 0.5 else _made_up(rng)


def _made_up(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randrange(2, 4)))


def paths(template: str, *, is_each: bool, rng: random.Random) -> Iterator[str]:
    """Concrete paths of a template."""
    kinds = [rng.choices(KINDS, SHARES)[0] for _ in _PARAMETER.findall(template)]
    for _ in range(PATHS):
        listed = iter([rng.choices(KINDS, SHARES)[0] for _ in kinds] if is_each else kinds)
        yield _PARAMETER.sub(lambda _found: value(next(listed), rng), template)  # noqa: B023 - used at once


def score(templates: list[tuple[str, str]], *, is_each: bool, seed: int = 1) -> Score:
    """What is learned of one interface."""
    rng = random.Random(seed)
    trie = PathTrie(K)
    for method, template in templates:
        for number, path in enumerate(paths(template, is_each=is_each, rng=rng)):
            trie.add(method, path, number % CLIENTS)
    truth = {(method, _PARAMETER.sub("{}", template)) for method, template in templates}
    learned = {(one.method, _PARAMETER.sub("{}", one.path)) for one in trie.templates()}
    # What has no parameter and only words of interfaces needs no template.
    plain = {one for one in truth if all(is_literal(piece) for piece in one[1].split("/"))}
    learned |= plain & _plain(trie)
    over = [one for one in truth if any(_is_over(one, other) for other in learned - truth) and one not in learned]
    return Score(len(truth), len(learned), len(truth & learned), len(over))


def _plain(trie: PathTrie) -> set[tuple[str, str]]:
    """The learned paths without a parameter."""
    return {(one.method, one.path) for one in trie.paths() if "{" not in one.path}


def _is_over(true: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether the other template has a parameter where the true one has a literal, and matches it else."""
    if true[0] != other[0]:
        return False
    ours, theirs = true[1].split("/"), other[1].split("/")
    return (
        len(ours) == len(theirs)
        and any(t == "{}" != o for o, t in zip(ours, theirs, strict=True))
        and all(t in {"{}", o} for o, t in zip(ours, theirs, strict=True))
    )


def total(scores: list[Score]) -> Score:
    """All interfaces together."""
    return Score(
        sum(s.templates for s in scores),
        sum(s.learned for s in scores),
        sum(s.exact for s in scores),
        sum(s.over_merged for s in scores),
    )


def main() -> int:
    """Print the table."""
    if not CORPORA.is_dir():
        print(f"no corpora at {CORPORA}; name them in DRESS_REHEARSAL_CORPORA", file=sys.stderr)
        return 2
    for is_each in (False, True):
        print("kind of value chosen for each", "value" if is_each else "parameter")
        scores = []
        for api, templates in sorted(interfaces().items()):
            scores.append(score(templates, is_each=is_each))
            print(f"  {api:34} {scores[-1]}")
        print(f"  {'all':34} {total(scores)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
