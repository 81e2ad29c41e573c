"""Rows in one answer: what stands in one object, or in one link, belongs together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

from replay.plan.links.answered import Answer, issued
from replay.plan.links.places import general, last_name
from replay.plan.links.values import is_candidate

_LONGEST = 200
_LONGEST_QUERY = 1_000
_INDEX = re.compile(r"/\d+(?=/|$)")
_STEPS = frozenset({".", ".."})


def rows_of(answer: Answer, takes: Mapping[str, str], known: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows of an answer, by column.

    Args:
        takes: the column of each place of answers, as a rule writes it.
        known: what the request asked for: it belongs to every row.
    """
    objects: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for place, value in issued(answer, frozenset(place.partition("|")[0] for place in takes)):
        column = takes.get(general(place))
        if column is not None and _is_usable(value):
            objects[_object(place)].setdefault(column, value)
    found = []
    for name, own in objects.items():
        row = dict(known)
        for above in _above(name):
            row |= objects.get(above, {})
        found.append(row | own)
    return found


def pages(answer: Answer, target: str, names: frozenset[str]) -> Iterator[str]:
    """Targets of the same path that an answer links to, other pages of a list.

    A query may name what ``names`` does, what recorded requests named there; what is called ``next`` may name more.
    """
    path = target.partition("?")[0]
    for place, value in issued(answer):
        if not place.startswith(("json", "html/link", "header/link")) or "?" not in value:
            continue
        try:
            url = urlsplit(urljoin(path, value))
        except ValueError:
            continue
        if url.path != path or not url.query or not _is_plain(url.query):
            continue
        queried = {piece.partition("=")[0] for piece in url.query.split("&")}
        if queried <= names or last_name(place) == "next":
            yield f"{path}?{url.query}"


def _is_usable(value: str) -> bool:
    """Whether a value can be a row's: one word that leads to no other path."""
    return is_candidate(value) and len(value) <= _LONGEST and _STEPS.isdisjoint(value.replace("\\", "/").split("/"))


def _is_plain(query: str) -> bool:
    return query.isascii() and len(query) <= _LONGEST_QUERY and all(32 < ord(character) < 127 for character in query)


def _object(place: str) -> str:
    """The object that a value stands in: up to the last index of an array; of a page each tag is one."""
    root = place.partition("|")[0]
    if not root.startswith("json"):
        return root
    ends = [found.end() for found in _INDEX.finditer(root)]
    return root[: ends[-1]] if ends else ""


def _above(name: str) -> list[str]:
    """The objects around one, the outermost first."""
    return ["", *(name[: found.end()] for found in _INDEX.finditer(name))][:-1] if name.startswith("json") else []
