"""Route templates from raw paths: a trie for each method, in which children that are values become one parameter.

Merging ``/users/me`` with ``/users/{id}`` is the worse error, so a child stays a literal wherever that is in doubt:
words of interfaces and reserved words are never values unless they are rare and many, and other words are values only
beside typed values (integers, UUIDs, dates …), where they are many, or under a plural where few clients share them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median_low

from replay.learn.tally import Sight
from replay.routes import ENDINGS, LONGEST_SEGMENTS, interface_words, is_literal, kind_of, word_set

MOST_NODES = 200_000
MOST_CHILDREN = 2_000
MANY = 8
"""Words at one place that make values of them, where each is rare."""
VERY_MANY = 50
"""Words at one place that make values of them, however often each is seen."""
_RARE = 2
_HEAVY_SHARE = 0.05
_REST = "{more}"
_TYPED = frozenset({"int", "uuid", "date", "decimal", "ip", "email", "jwt", "hex"})
_RESERVED = word_set(
    """
    me self current new edit create delete update search find list all latest recent count stats status health login
    logout signup register admin settings profile account export import batch bulk default random top popular
    """
)
VERSION_NUMBER = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2})?")
"""A first segment such as ``1`` or ``2.0``, where the path goes on."""
_MOST_VERSIONS = 3
UNNAMED = re.compile(r"(?:int|slug|id)[0-9]*")
"""The names of parameters that say nothing of what they hold."""
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SINGLES = {"ies": "y", "sses": "ss", "xes": "x", "ches": "ch", "shes": "sh"}


@dataclass(frozen=True, slots=True)
class Learned:
    """One template of one method."""

    method: str
    path: str
    sight: Sight
    literals: tuple[Sight, ...]
    """Who asked for each literal that is no word of interfaces: such a word enters no file unless many share it."""
    words: dict[str, frozenset[str]]
    """Parameter → words of interfaces that are values of it. Raw values: they stay in memory."""


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    seen: Sight = field(default_factory=Sight)
    ends: Sight = field(default_factory=Sight)
    """The paths that end here."""
    words: set[str] = field(default_factory=set)
    """The words of interfaces that were merged into this parameter."""


class PathTrie:
    """The raw paths that were asked for.

    Args:
        k: how many clients decide.
        most_nodes: different beginnings of paths that are told apart; what comes later is left out.
    """

    def __init__(self, k: int, most_nodes: int = MOST_NODES) -> None:
        self._k = k
        self._most_nodes = most_nodes
        self._roots: dict[str, _Node] = {}
        self._nodes = 0

    def add(self, method: str, path: str, client: int) -> None:
        """Count one request; a path of files, or with more than 24 segments, is left to the built-in routes."""
        pieces = path.partition("?")[0].partition("#")[0].split("/")[1:]
        if not 0 < len(pieces) <= LONGEST_SEGMENTS or "" in pieces[:-1]:
            return
        _, dot, ending = pieces[-1].rpartition(".")
        if dot and ending in ENDINGS:
            return
        node = self._roots.setdefault(method, _Node())
        for at, piece in enumerate(pieces):
            is_version = not at and len(pieces) > 1 and VERSION_NUMBER.fullmatch(piece)
            child = self._child(node, piece if is_version else _key(piece))
            if child is None:
                return
            node = child
            node.seen.add(client, self._k)
        node.ends.add(client, self._k)

    def templates(self) -> Iterator[Learned]:
        """The templates with a parameter, or with a literal that is no word of interfaces: the built-in routes
        make the others."""
        return (one for one in self.paths() if one.literals or "{" in one.path)

    def paths(self) -> Iterator[Learned]:
        """Every route that was learned, those without a parameter too."""
        for method, root in sorted(self._roots.items()):
            for found in _walked(self._collapsed(root, ""), (), (), {}):
                yield Learned(method, "/" + "/".join(found.pieces), found.sight, found.literals, found.words)

    def _child(self, node: _Node, key: str) -> _Node | None:
        found = node.children.get(key)
        if found is None and len(node.children) >= MOST_CHILDREN:
            key = _REST
            found = node.children.get(key)
        if found is None and self._nodes < self._most_nodes:
            found = node.children[key] = _Node()
            self._nodes += 1
        return found

    def _collapsed(self, node: _Node, parent: str) -> _Node:
        values = _values(node, parent, self._k)
        merged = _Node(seen=node.seen, ends=node.ends, words=node.words)
        kinds = set()
        parameter = _Node()
        for key, child in node.children.items():
            if key not in values:
                merged.children[key] = self._collapsed(child, key)
                continue
            kinds.add(key if key.startswith("{") else "{int}" if VERSION_NUMBER.fullmatch(key) else "{slug}")
            self._take(parameter, child)
            if is_literal(key):
                parameter.words.add(key)
        if kinds:
            named = "{int}" if kinds == {"{int}"} else "{slug}" if kinds == {"{slug}"} else "{id}"
            merged.children[named] = self._collapsed(parameter, "")
        return merged

    def _take(self, into: _Node, other: _Node) -> None:
        """Add a node to one of our own; nodes of the trie itself are never changed."""
        into.seen = into.seen.joined(other.seen, self._k)
        into.ends = into.ends.joined(other.ends, self._k)
        into.words |= other.words
        for key, child in other.children.items():
            if key in into.children:
                both = into.children[key]
                into.children[key] = _Node(dict(both.children), both.seen, both.ends, set(both.words))
                self._take(into.children[key], child)
            else:
                into.children[key] = child


def _key(piece: str) -> str:
    """What a segment goes by: its kind where that is beyond doubt, else the segment itself."""
    if is_literal(piece):
        return piece
    kind = kind_of(piece)
    if kind in _TYPED:
        return f"{{{kind}}}"
    if kind == "text" or len(piece) > 40 or piece.startswith("{"):
        return "{text}"
    return piece


def _values(node: _Node, parent: str, k: int) -> set[str]:
    """The children that are values of one parameter."""
    versions = {key for key in node.children if VERSION_NUMBER.fullmatch(key)}
    typed = {key for key in node.children if key.startswith("{")}
    typed |= versions if len(versions) > _MOST_VERSIONS or typed else set()
    words = {key: child for key, child in node.children.items() if key and key not in typed}
    known = {key for key in words if is_literal(key)}
    free = words.keys() - known - versions
    rare = {key for key in free if words[key].seen.count <= _RARE}
    found = set(typed)
    if len(free) >= VERY_MANY:
        most = _HEAVY_SHARE * sum(words[key].seen.count for key in free)
        found |= {key for key in free if words[key].seen.count <= max(_RARE, most)}
    elif len(free) > 1 and parent.endswith("s") and all(len(words[key].seen.clients) < k for key in free):
        found |= free  # too few clients share any of them, so the built-in routes do not tell them apart either
    elif len(rare) >= MANY or typed:
        found |= rare
    if found:  # beside values, a word that is asked for as they are and leads where they lead is one
        usual = median_low([words[key].seen.count for key in found & free] or [0])
        shapes = {_shape(node.children[key]) for key in found}
        found |= {key for key in free if words[key].seen.count <= 4 * usual and _shape(words[key]) in shapes}
    rare_known = {key for key in known - _RESERVED if words[key].seen.count <= _RARE and not _is_version(key)}
    if len(rare_known) >= MANY or (found & free and len(found & free) >= MANY):
        found |= rare_known
    return found


def _is_version(key: str) -> bool:
    return key.lower() not in interface_words() and any(c.isdigit() for c in key)


def _shape(node: _Node) -> frozenset[str]:
    """Where a node leads to: its literal children, or that it is an end."""
    return frozenset(
        {key if is_literal(key) else "{}" for key in node.children} | ({"."} if node.ends.count else set())
    )


@dataclass(frozen=True, slots=True)
class _Path:
    pieces: tuple[str, ...]
    sight: Sight
    literals: tuple[Sight, ...]
    words: dict[str, frozenset[str]]


def _walked(
    node: _Node, pieces: tuple[str, ...], literals: tuple[Sight, ...], words: dict[str, frozenset[str]]
) -> Iterator[_Path]:
    if node.ends.count and pieces:
        yield _Path(pieces, node.ends, literals, words)
    for key, child in sorted(node.children.items()):
        if key.startswith("{"):
            name = parameter_name(pieces, key[1:-1])
            inner = words | {name: frozenset(child.words)} if child.words else words
            yield from _walked(child, (*pieces, f"{{{name}}}"), literals, inner)
        else:
            more = literals if is_literal(key) else (*literals, child.seen)
            yield from _walked(child, (*pieces, key), more, words)


def parameter_name(before: tuple[str, ...], kind: str) -> str:
    """``product_id`` after ``products``, or ``product`` where the values are words; never twice in one path.

    Where no literal stands before it, it goes by its kind (``UNNAMED``).
    """
    noun = next((piece for piece in reversed(before) if piece and not piece.startswith("{")), "")
    noun = noun if before and before[-1] == noun and not (is_literal(noun) and _is_version(noun)) else ""
    base = re.sub(r"[^a-z0-9]+", "_", singular(noun.lower())).strip("_")[:24]
    name = (base if kind == "slug" else f"{base}_id") if base else kind
    if not _PARAMETER.fullmatch(name):
        name = kind
    number, plain = 1, name
    while f"{{{name}}}" in before:
        number += 1
        name = f"{plain}{number}"
    return name


def singular(word: str) -> str:
    """The singular of an English plural, as names of interfaces form it."""
    for ending, single in _SINGLES.items():
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + single
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word
