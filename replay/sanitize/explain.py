"""Which rule decides at a place, in words."""

from __future__ import annotations

from collections import Counter

from replay.errors import ReplayError
from replay.sanitize.dates import Clock
from replay.sanitize.keys import Key
from replay.sanitize.leaves import Leaves
from replay.sanitize.policy import WHERE, Policy
from replay.sanitize.pseudonyms import Pseudonyms
from replay.sanitize.walk import Name, Walk

_HINT = "Write 'POST /orders /items/0/sku', 'GET /search query:q', 'GET /users/7 path', or header:, cookie:, form:."
_ORDER = "The order is: drop, secret names, keep inside its guard and without a veto, else a pseudonym."


def explain(policy: Policy, place: str) -> list[str]:
    """The rule that decides at ``METHOD /path WHERE:NAME`` (or a JSON pointer, or ``path``), line by line.

    Raises:
        ReplayError: the place is not written as one.
    """
    pieces = place.split()
    if len(pieces) != 3 or not pieces[1].startswith("/"):
        raise ReplayError(f"place '{place[:80]}': is none. {_HINT}")
    method, path, what = pieces[0].upper(), pieces[1], pieces[2]
    route = f"{method} {path}" if "{" in path else policy.routes.route(method, path)
    lines = [f"route    {route}"]
    if what == "path":
        return lines + _path(policy, method, path)
    if what.startswith("/"):
        pointer = tuple(piece.replace("~1", "/").replace("~0", "~") for piece in what[1:].split("/"))
        return lines + _leaf(policy, route, "json", pointer[-1], pointer)
    where, colon, name = what.partition(":")
    if not colon or not name or where not in WHERE[1:]:
        raise ReplayError(f"place '{place[:80]}': '{what[:40]}' is no place. {_HINT}")
    return lines + _leaf(policy, route, where, name.lower() if where == "header" else name, ())


def _path(policy: Policy, method: str, path: str) -> list[str]:
    lines = []
    for segment in policy.routes.match(method, path).segments[1:]:
        domain = policy.parameters.get(segment.parameter)
        if segment.is_literal:
            rule = "kept: a word of interfaces, or of the template"
        elif domain is not None:
            rule = f"keep.{domain.name}: kept inside guard {domain.guard}, else a pseudonym"
        else:
            rule = "default: a pseudonym"
        lines.append(f"/{segment.raw:<24} {rule}")
    return lines


def _leaf(policy: Policy, route: str, where: str, name: str, pointer: tuple[str, ...]) -> list[str]:
    walk = _walk(policy)
    walk.begin(route)
    # An element of an array goes by the name of the array.
    named = next((piece for piece in reversed(pointer) if not piece.isdigit()), name)
    known = walk.name(named)
    lines = [
        f"name     {'stored as it is' if known.clean == named else 'stored as a pseudonym: no word of interfaces'}"
    ]
    place = walk.scopes.at(route, pointer).rule if where == "json" else walk.place(where, name)
    if place is not None and place.domain is None:
        lines.append(f"value    dropped by {place.rule}")
    elif known.is_secret:
        lines.append("value    a pseudonym: the name is a secret's, which no rule may keep")
    elif place is not None and place.domain is not None:
        lines.append(f"value    kept by {place.rule}")
        lines.append(
            f"guard    {place.domain.guard}; a value outside it, or one that a veto speaks against, is a pseudonym"
        )
    else:
        lines.append("value    a pseudonym: the default, no rule speaks here" + _hint(known))
    return [*lines, _ORDER]


def _hint(known: Name) -> str:
    if known.is_random:
        return " (its digits are random each time: nobody may join them)"
    return " (an integer there is read as a time)" if known.is_time else ""


def _walk(policy: Policy) -> Walk:
    pseudonyms = Pseudonyms(Key(bytes(32), "ephemeral"))  # nothing that it makes is shown
    return Walk(policy, Leaves(pseudonyms, Clock(0, pseudonyms.number)), Counter())
