"""The proposed policy as TOML, with comments that say why. What few clients sent is never in it, nor in a comment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from replay.learn.domains import Found, domains
from replay.learn.observe import Observation, Spot
from replay.learn.templates import UNNAMED, VERSION_NUMBER, Learned
from replay.learn.values import LONGEST_VALUE, bits_a_character, is_barred, is_plain_name
from replay.routes import Routes, Template, is_literal, word_set
from replay.sanitize.policy import WHERE
from replay.sanitize.veto import vetoed
from replay.sanitize.vocabulary import is_known_name

MOST_ROUTES = 2_000
MOST_CANDIDATES = 200
MOST_NAMES = 500
LONGEST_INT = 12
_WIDTH = 100
_TEMPLATE = re.compile(r"(?:/(?:[A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]{0,31}\}))+/?")
_GENERIC = word_set("id ids name value type code number key status kind size data text label state count total")
"""Names that mean another thing in every document; a rule for them names its route."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy to review."""

    text: str
    """TOML; ``reviewed_by`` is empty, so that no capture takes it before a person has read it."""
    routes: int
    domains: int
    """That are active."""
    candidates: int
    """That stand in it as comments."""
    names: int

    @property
    def counts(self) -> dict[str, int]:
        """How much is proposed."""
        return {
            "routes": self.routes,
            "domains": self.domains,
            "candidates": self.candidates,
            "names": self.names,
        }


def writable(learned: list[Learned], k: int) -> list[Learned]:
    """The templates that may stand in a file, and say more than the built-in routes do.

    Every literal is a word of interfaces or shared by *k* clients; a literal of the second sort is there, or a
    parameter with a name.
    """
    return [
        one
        for one in learned
        if all(len(literal.clients) >= k for literal in one.literals)
        and _is_writable(one.path)
        and (one.literals or any(map(_is_named, one.path.split("/"))))
        and _TEMPLATE.fullmatch(one.path)
    ][:MOST_ROUTES]


def routes_of(learned: list[Learned]) -> Routes:
    """The routes that templates make, in memory: words that were merged into a parameter are values of it."""
    words: dict[str, set[str]] = defaultdict(set)
    for one in learned:
        for parameter, values in one.words.items():
            words[parameter] |= values
    accepts: dict[str, Callable[[str], bool]] = {name: values.__contains__ for name, values in words.items()}
    return Routes([Template(one.path, frozenset({one.method})) for one in learned], accepts)


def propose(seen: Observation, learned: list[Learned], source: str) -> Proposal:
    """The policy that what was seen suggests.

    Args:
        seen: the observation, with ``routes_of(learned)`` as its routes.
        learned: the templates, as ``writable`` lets them through.
        source: what was read, in words without a path.
    """
    names, headers = (sorted(filter(is_plain_name, values.shared())) for values in (seen.names, seen.headers))
    listed = frozenset(names[:MOST_NAMES])
    found = domains(seen, lambda name: name in listed or name in headers)
    active = [domain for domain in found if domain.guard is not None]
    candidates = [domain for domain in found if domain.guard is None and domain.count > 1][:MOST_CANDIDATES]
    text = "\n".join(
        [
            *_head(seen, source),
            *_hosts(seen),
            *_names(sorted(listed), headers),
            *_routes(learned),
            *(line for domain in active for line in _keep(domain, seen, listed)),
            *_candidates(candidates, seen, listed),
        ]
    )
    return Proposal(text + "\n", len({one.path for one in learned}), len(active), len(candidates), len(listed))


def _head(seen: Observation, source: str) -> Iterator[str]:
    clients = len(seen.clients.seen)
    yield "# A policy that was proposed from traffic. Read every rule, take out what is not for colleagues' eyes,"
    yield "# then write your name and the date into reviewed_by: until then no capture takes it."
    yield f"# Seen: {seen.exchanges:,} exchanges of {clients:,} clients, from {source}. k = {seen.k}."
    if clients < seen.k:
        yield f"# Fewer than {seen.k} clients: nothing is kept; candidates stand below as comments, without values."
    if len(seen.clients.by_connection) > clients / 2:
        yield "# Most clients had neither a session cookie nor credentials and count by their connection: one person"
        yield "# may be several of them, so look at every value twice, or tell clients apart with --session-by."
    yield f"# Not looked at: {len(seen.barred):,} names that secrets, persons or times go by."
    yield "version = 1"
    yield 'reviewed_by = ""'
    yield ""


def _hosts(seen: Observation) -> Iterator[str]:
    shared = sorted(host for host in seen.hosts.shared() if _is_plain_host(host))
    yield "[hosts]"
    yield "# A kept host stands in the capture as it is; where it is production's, replay refuses it as a target."
    yield f"# keep = {_list(shared or ['shop.example.com'])}"
    yield f"# {len(seen.hosts.sights) - len(shared):,} other hosts were asked for by too few clients to be named."
    yield ""


def _names(names: list[str], headers: list[str]) -> Iterator[str]:
    if not names and not headers:
        return
    yield "[names]"
    yield "# Names of members, fields, parameters and cookies beyond the built-in words, each sent by k clients."
    if names:
        yield from _assigned("keep", names)
    if headers:
        yield "# Headers beyond the built-in ones; each is stored with a pseudonym as its value."
        yield from _assigned("headers", headers)
    yield ""


def _routes(learned: list[Learned]) -> Iterator[str]:
    by_path: dict[str, list[Learned]] = defaultdict(list)
    for one in learned:
        by_path[one.path].append(one)
    for path, ones in sorted(by_path.items()):
        clients = len({client for one in ones for client in one.sight.clients})
        yield f"# Asked for {sum(one.sight.count for one in ones):,} times, by at least {clients} clients."
        yield "[[routes]]"
        yield f"template = {_text(path)}"
        yield f"methods = {_list(sorted({one.method for one in ones}))}"
        yield ""


def _keep(domain: Found, seen: Observation, listed: frozenset[str]) -> Iterator[str]:
    assert domain.guard is not None
    shared = f"{domain.shared:,} of {_many(domain.values)} values are shared by at least {seen.k}"
    yield f"# {_seen(domain).capitalize()}; {shared}."
    left_out = len(domain.pool) - len(domain.spots)
    if left_out:
        yield f"# Not kept at {left_out} more places of it: too few shared values there."
    yield f"[keep.{domain.name}]"
    yield f"guard = {_text(domain.guard.name)}"
    if domain.guard.values:
        yield from _assigned("values", list(domain.guard.values))
    yield from _placed(domain.spots, seen, listed)
    yield ""


def _placed(spots: tuple[Spot, ...], seen: Observation, listed: frozenset[str]) -> Iterator[str]:
    for where in WHERE:
        places = sorted(set(_places(where, spots, seen, listed)))
        if places:
            yield from _assigned(where, places)


def _places(where: str, spots: tuple[Spot, ...], seen: Observation, listed: frozenset[str]) -> Iterator[str]:
    """The places as rules: at any route where the name is kept wherever it was seen, else at its route."""
    chosen = set(spots)
    for spot in spots:
        if spot.where != where:
            continue
        alike = [other for other in seen.places if other.where == where and other.name == spot.name]
        is_everywhere = all(other in chosen for other in alike) and spot.name.lower() not in _GENERIC
        if where == "path":
            yield spot.name
        elif where != "json":
            yield spot.name if is_everywhere else f"{spot.route} {spot.name}"
        elif is_everywhere and len({other.route for other in alike}) > 1 and spot.name != "*":
            yield f"/**/{spot.name}"
        else:
            steps = [step if is_known_name(step) or step in listed else "*" for step in spot.pointer]
            yield f"{spot.route} /{'/'.join(steps)}"


def _candidates(found: list[Found], seen: Observation, listed: frozenset[str]) -> Iterator[str]:
    if not found:
        return
    yield "# Candidates: places of one name that are not kept. Their values are not written down anywhere."
    yield "# Where the values are no person's and staging has them too, take the marks off and give a guard."
    for domain in found:
        shared = f"{domain.shared:,} of {_many(domain.values)} values shared"
        yield "#"
        yield f"# {domain.name} ({domain.sort}): {_seen(domain)}, at {len(domain.pool):,} places; {shared}"
        yield f"# [keep.{domain.name}]"
        yield f"# guard = {_text(_guard(domain))}"
        for line in _placed(domain.pool, seen, listed):
            yield f"# {line}"


def _guard(domain: Found) -> str:
    """The guard that all values of a candidate pass, if its sort alone says so; else '', which no policy takes."""
    if domain.sort == "int" and 0 < domain.digits <= LONGEST_INT:
        return f"int<={domain.digits}digits"
    return "decimal" if domain.sort == "decimal" else ""


def _seen(domain: Found) -> str:
    return f"seen {domain.count:,} times in exchanges of {_many(domain.clients)} clients"


def _is_writable(path: str) -> bool:
    """Whether each literal reads as a word; none that is no word of interfaces stands where persons or secrets do."""
    before = ""
    for piece in path.split("/"):
        is_known = piece.startswith("{") or is_literal(piece) or VERSION_NUMBER.fullmatch(piece)
        if not is_known and (is_barred(before) or not is_plain_name(piece)):
            return False
        before = piece.strip("{}")
    return True


def _is_named(piece: str) -> bool:
    return piece.startswith("{") and not UNNAMED.fullmatch(piece[1:-1])


def _is_plain_host(host: str) -> bool:
    name = host.partition(":")[0]
    return (
        not vetoed(host)
        and not name.endswith(".invalid")
        and all(len(label) <= LONGEST_VALUE and bits_a_character(label) <= 3.0 for label in name.split("."))
    )


def _many(count: int) -> str:
    return f"{count:,}" if count < 1_000 else f"{count:,} or more"


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _list(texts: list[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _assigned(key: str, texts: list[str]) -> Iterator[str]:
    whole = f"{key} = {_list(texts)}"
    if len(whole) <= _WIDTH:
        yield whole
        return
    yield f"{key} = ["
    line = "   "
    for text in map(_text, texts):
        if len(line) + len(text) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {text},"
    yield line
    yield "]"
