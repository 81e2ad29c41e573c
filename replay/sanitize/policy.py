"""A policy: what may pass as it is, and where. Everything else is replaced by its pseudonym.

It is a TOML file. A *domain* names one sort of value and all the places that hold it, so that a keep never cuts a
join::

    version = 1
    name = "shop"
    reviewed_by = "who signed it off, and when"

    [hosts]
    keep = ["shop.example.com"]          # with any port

    [names]
    keep = ["sku_group"]                 # names of members, fields and parameters beyond the built-in words
    secret = ["voucher_code"]            # names that no keep rule may touch, beyond the built-in ones
    headers = ["X-Shop-Region"]          # header names that are stored (with a pseudonym as value)

    [[routes]]
    template = "/products/{product_id}"
    methods = ["GET"]

    [keep.product_id]
    guard = "int<=6digits"
    path = ["product_id"]                # parameters of the templates above
    query = ["product_id"]               # or "GET /search product_id": at one route only
    json = ["/**/product_id", "POST /orders /items/*/sku"]
    form = ["product_id"]

    [[drop]]
    where = "json"
    name = "/**/free_text"
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec

from replay.errors import ReplayError
from replay.routes import Routes, Template
from replay.sanitize.guards import NAMES as GUARDS
from replay.sanitize.guards import Accepts, guard
from replay.sanitize.vocabulary import is_secret_name, parts

POLICY_VERSION = 1
WHERE = ("path", "query", "header", "cookie", "form", "json")
_MAXIMUM_BYTES = 1 << 20
_TEMPLATE = re.compile(
    r"/(?:[A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]{0,31}\})?(?:/(?:[A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]{0,31}\}))*/?"
)


class _Hosts(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    keep: list[str] = []


class _Names(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    keep: list[str] = []
    secret: list[str] = []
    headers: list[str] = []


class _Route(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    template: str
    methods: list[str] = []


class _Keep(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    guard: str
    values: list[str] = []
    path: list[str] = []
    query: list[str] = []
    header: list[str] = []
    cookie: list[str] = []
    form: list[str] = []
    json: list[str] = []


class _Drop(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    where: str
    name: str


class _File(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    name: str = ""
    reviewed_by: str = ""
    hosts: _Hosts = msgspec.field(default_factory=_Hosts)
    names: _Names = msgspec.field(default_factory=_Names)
    routes: list[_Route] = []
    keep: dict[str, _Keep] = {}
    drop: list[_Drop] = []


@dataclass(frozen=True, slots=True)
class Domain:
    """One sort of value that may pass where its guard accepts it and no veto speaks."""

    name: str
    guard: str
    accepts: Accepts


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a rule: a name (or a JSON pointer glob) at one route or at all."""

    where: str
    route: str
    """``METHOD /template``, or '' for every route."""
    name: str
    pointer: tuple[str, ...]
    rule: str
    """The rule in words, for ``replay policy explain``."""
    domain: Domain | None
    """None: a drop rule."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read and checked."""

    name: str
    hash: str
    """SHA-256 of the canonical content, hexadecimal."""
    templates: str
    """Hash of everything that decides about routes, the algorithm's version included."""
    reviewed_by: str
    hosts_kept: frozenset[str]
    names_kept: frozenset[str]
    names_secret: frozenset[str]
    headers_named: frozenset[str]
    routes: Routes
    domains: dict[str, Domain]
    parameters: dict[str, Domain]
    """The domain of a template's parameter."""
    places: tuple[Place, ...]
    vocabulary: frozenset[str]
    """Words that a keep rule lists itself: they may stand in a record anywhere."""

    def is_secret(self, name: str) -> bool:
        """Whether no keep rule may touch a value of this name."""
        return is_secret_name(name, self.names_secret)


def load_policy(name: str) -> Policy:
    """The policy of that name: ``builtin:strict``, ``builtin:demo``, or the path of a TOML file.

    Raises:
        ReplayError: no such policy, or a key or value that it may not hold; the message names file and key.
    """
    content = _read(name)
    try:
        found = msgspec.convert(tomllib.loads(content.decode("utf-8")), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReplayError(f"{name}: is no TOML ({_one_line(error)}). See docs/sanitising.md for a policy.") from None
    except msgspec.ValidationError as error:
        raise ReplayError(f"{name}: {_one_line(error)}. See docs/sanitising.md for the keys of a policy.") from None
    if found.version != POLICY_VERSION:
        raise ReplayError(
            f"{name}: version {found.version}, this version reads {POLICY_VERSION}. Write version = {POLICY_VERSION}."
        )
    return _checked(name, found)


def _read(name: str) -> bytes:
    if name.startswith("builtin:"):
        folder = resources.files("replay.sanitize").joinpath("policies")
        known = sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))
        if name.removeprefix("builtin:") not in known:
            raise ReplayError(
                f"{name[:60]}: no such policy. Built in are {', '.join('builtin:' + k for k in known)}."
            )
        return folder.joinpath(name.removeprefix("builtin:") + ".toml").read_bytes()
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAXIMUM_BYTES + 1)
    except OSError as error:
        raise ReplayError(
            f"{name}: policy cannot be read ({error.strerror}). Name a TOML file or builtin:strict."
        ) from None
    if len(content) > _MAXIMUM_BYTES:
        raise ReplayError(f"{name}: is larger than 1 MiB, so it is no policy. Name a TOML file or builtin:strict.")
    return content


def _checked(file: str, found: _File) -> Policy:
    domains: dict[str, Domain] = {}
    parameters: dict[str, Domain] = {}
    places: list[Place] = []
    secret = frozenset(part for name in found.names.secret for part in ("".join(parts(name)), name.lower()))
    for route in found.routes:
        if not _TEMPLATE.fullmatch(route.template):
            raise _wrong(file, "routes", f"'{route.template[:60]}' is no template", "Write '/users/{id}/orders'.")
    named = {piece[1:-1] for route in found.routes for piece in route.template.split("/") if piece.startswith("{")}
    for name, keep in found.keep.items():
        accepts = guard(keep.guard, keep.values)
        if accepts is None:
            raise _wrong(
                file, f"keep.{name}.guard", f"'{keep.guard[:40]}' is no guard", f"Use one of {', '.join(GUARDS)}."
            )
        if keep.guard in {"enum", "words"} and not keep.values:
            raise _wrong(
                file, f"keep.{name}.values", f"is missing, so {keep.guard} keeps nothing", "List the values."
            )
        domain = domains[name] = Domain(name, keep.guard, accepts)
        for parameter in keep.path:
            if is_secret_name(parameter, secret):
                raise _secret(file, f"keep.{name}.path", parameter)
            if parameter not in named:
                raise _wrong(
                    file,
                    f"keep.{name}.path",
                    f"no route template has a {{{parameter[:40]}}}",
                    "Add it under [[routes]].",
                )
            parameters[parameter] = domain
        for where in WHERE[1:]:
            for text in getattr(keep, where):
                place = _place(file, where, text, f"keep.{name}", domain)
                for step in place.pointer or (place.name,):
                    if is_secret_name(step, secret):
                        raise _secret(file, f"keep.{name}.{where}", step)
                places.append(place)
    for drop in found.drop:
        if drop.where not in WHERE[1:]:
            raise _wrong(
                file, "drop.where", f"'{drop.where[:20]}' is no place", f"Use one of {', '.join(WHERE[1:])}."
            )
        places.append(_place(file, drop.where, drop.name, "drop", None))
    canonical = msgspec.json.encode(found, order="deterministic")
    rules = ";".join(
        f"{p}={d.name}:{d.guard}:{sorted(found.keep[d.name].values)}" for p, d in sorted(parameters.items())
    )
    routes = Routes(
        [Template(r.template, frozenset(m.upper() for m in r.methods)) for r in found.routes],
        {parameter: domain.accepts for parameter, domain in parameters.items()},
        rules,
    )
    return Policy(
        name=file if file.startswith("builtin:") else found.name or Path(file).stem,
        hash=hashlib.sha256(canonical).hexdigest(),
        templates=routes.hash,
        reviewed_by=found.reviewed_by,
        hosts_kept=frozenset(host.lower() for host in found.hosts.keep),
        names_kept=frozenset(found.names.keep),
        names_secret=secret,
        headers_named=frozenset(name.lower() for name in found.names.headers),
        routes=routes,
        domains=domains,
        parameters=parameters,
        places=tuple(places),
        vocabulary=_vocabulary(found),
    )


def _place(file: str, where: str, text: str, rule: str, domain: Domain | None) -> Place:
    method, route, name = "", "", text
    if " " in text:
        found = text.split()
        if len(found) != 3 or not found[1].startswith("/"):
            raise _wrong(
                file, f"{rule}.{where}", f"'{text[:60]}' is no place", "Write NAME or 'METHOD /template NAME'."
            )
        method, route, name = found
    pointer: tuple[str, ...] = ()
    if where == "json":
        if not name.startswith("/"):
            raise _wrong(file, f"{rule}.json", f"'{name[:60]}' is no pointer", "Write '/items/*/sku' or '/**/sku'.")
        pointer = tuple(piece.replace("~1", "/").replace("~0", "~") for piece in name[1:].split("/"))
        name = pointer[-1]
    elif where in {"header"}:
        name = name.lower()
    return Place(
        where, f"{method.upper()} {route}" if route else "", name, pointer, f"{rule} ({where} {text})", domain
    )


def _vocabulary(found: _File) -> frozenset[str]:
    listed = [value for keep in found.keep.values() for value in keep.values]
    listed += [*found.names.keep, *found.names.headers, *found.hosts.keep, *(r.template for r in found.routes)]
    return frozenset(word for text in listed for word in re.findall(r"[a-z0-9]+", text.lower()))


def _secret(file: str, key: str, name: str) -> ReplayError:
    return _wrong(file, key, f"'{name[:40]}' is a secret's name, which is never kept", "Take it out of the rule.")


def _wrong(file: str, key: str, what: str, cure: str) -> ReplayError:
    return ReplayError(f"{file}: {key}: {what}. {cure}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
