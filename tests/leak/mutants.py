"""A test of the leak test: each walker and rule of the sanitiser is made to pass its text through, one at a time.

``python tests/leak/mutants.py`` (``make mutants``) prints a line a mutant. Every function of the sanitiser that turns
a text into a text is mutated to return what it was given, without the write gate; a planted value must then be found.
A mutant that survives is one that no plant reaches, unless it is listed in ``HARMLESS`` with the reason.
The last column says whether the write gate alone would have stopped the same leak.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType

import msgspec
from recall import Plant, Search, needles, plants, sanitizer

import replay.sanitize
from replay.audit.reading import record_of
from replay.audit.scan import PLANTED, examine
from replay.sanitize.gate import Gate

_LEFT_ALONE = (
    "gate",
    "tokens",
    "explain",
    "self_test",
    "keys",
    "policy",
    "guards",
    "ff1",
    "veto",
    "codings",
    "sanitizer",
    "sessions",
    "registered",
)
"""Modules that make no text of a text, or that are not there to: the gate is the other half of the proof, and check
digits (``registered``) are reckoned from pseudonyms, so a wrong one has no end instead of a leak."""

_IMAGE = "works on the pseudonym, the value is gone"
HARMLESS = {
    "kinds.luhn_digit": _IMAGE,
    "kinds.iban_check": _IMAGE,
    "kinds._iban_digits": "is part of a check of digits",
    "leaves._refused": "stands in until the walkers are there",
    "base64_text.unbase64": "what is not decoded is replaced as a whole",
    "base64_text.base64url": _IMAGE,
    "pseudonyms.recased": _IMAGE,
    "pseudonyms._classes": "names the sort of each character",
    "scripts._sort": "names the sort of a character",
    "shapes.laid_out": _IMAGE,
    "walkers.bodies._header": "finds a header of the body's own",
    "walkers.bodies._charset": "finds the charset; an unknown one is no text",
    "walkers.json_text.JsonText.written": "writes a table's document that was walked",
    "walkers.multipart._quoted": _IMAGE,
    "walkers.urls._quoted": _IMAGE,
}
"""Mutants that can let nothing through, and why."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function to be replaced by one that returns its first argument."""

    owner: object
    attribute: str
    name: str
    skip: int
    """1 for a method, whose first argument is itself."""


def mutants() -> Iterator[Mutant]:
    """Every function and method of the sanitiser from a text to a text."""
    for info in pkgutil.walk_packages(replay.sanitize.__path__, "replay.sanitize."):
        short = info.name.removeprefix("replay.sanitize.")
        if info.ispkg or short in _LEFT_ALONE:
            continue
        module = importlib.import_module(info.name)
        for owner in (module, *(item for item in vars(module).values() if _is_own_class(item, module))):
            for attribute, item in vars(owner).items():
                function = getattr(item, "__wrapped__", item)
                if isinstance(function, FunctionType) and function.__module__ == info.name:
                    skip = int(owner is not module)
                    if _maps_text(function, skip):
                        kind = "" if owner is module else f"{owner.__name__}."
                        yield Mutant(owner, attribute, f"{short}.{kind}{attribute}", skip)


def _is_own_class(item: object, module: ModuleType) -> bool:
    return inspect.isclass(item) and item.__module__ == module.__name__


def _maps_text(function: FunctionType, skip: int) -> bool:
    """From a text to a text, by annotation; a static method counts as a function of its class."""
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) <= skip or function.__annotations__.get("return") not in {"str", "str | None", "bytes | None"}:
        return False
    return any(parameter.annotation in {"str", "str | bytes", "bytes"} for parameter in parameters[skip:])


def _identity(mutant: Mutant) -> Callable[..., object]:
    original = getattr(mutant.owner, mutant.attribute)
    names = list(inspect.signature(original).parameters)
    kinds = inspect.signature(original).parameters
    returned = inspect.signature(original).return_annotation
    index = next(
        i
        for i, name in enumerate(names)
        if i >= mutant.skip and kinds[name].annotation in {"str", "str | bytes", "bytes"}
    )
    # A value stands behind its name: the last text is the one that is mapped.
    for i, name in enumerate(names):
        if name in {"value", "text", "raw", "content"} and i >= mutant.skip:
            index = i

    def passed(*arguments: object, **named: object) -> object:
        given = named[names[index]] if names[index] in named else arguments[index]
        return given.decode("latin-1") if isinstance(given, bytes) and returned != "bytes | None" else given

    return passed


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """The sanitiser with the mutant in place of the original, wherever it was imported by name."""
    original = getattr(mutant.owner, mutant.attribute)
    replacement = _identity(mutant)
    places = [(mutant.owner, mutant.attribute)]
    if isinstance(mutant.owner, ModuleType):
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("replay.sanitize"):
                places += [(module, name) for name, item in list(vars(module).items()) if item is original]
    for owner, attribute in places:
        setattr(owner, attribute, replacement)
    try:
        yield
    finally:
        for owner, attribute in places:
            setattr(owner, attribute, original)


class _Open(Gate):
    def __init__(self) -> None:
        """A gate that lets everything through."""

    def passes(self, *_: object) -> bool:
        return True


def caught(planted: list[Plant], search: Search, *, gated: bool) -> Plant | None:
    """The first plant that leaks, under two keys; None where none does."""
    cleaners = [sanitizer(key) for key in range(2)]
    for cleaner in cleaners:
        if not gated:
            cleaner._gate = _Open()
    for plant in planted:
        if all(_is_found(cleaner.clean, plant, search) for cleaner in cleaners):
            return plant
    return None


def _is_found(clean: Callable[..., object], plant: Plant, search: Search) -> bool:
    record = clean(plant.raw)
    if record is None:
        return False
    passage = record_of("record", msgspec.json.encode(record))
    return any(finding.kind == PLANTED for finding in examine("record", passage, search))


def main() -> int:
    """Print a line a mutant; 1 where one survived that is not listed as harmless."""
    planted = plants(kinds_a_place=4)
    # What is planted in many places first: most mutants are caught within a few hundred exchanges.
    planted = sorted(planted, key=lambda plant: plant.number % 4)
    search = Search(needles(planted))
    assert caught(planted, search, gated=False) is None, "it leaks without a mutant: run recall.py"
    survived = 0
    found = list(mutants())
    for mutant in found:
        with applied(mutant):
            plant = caught(planted, search, gated=False)
            stopped = plant is not None and caught([plant], search, gated=True) is None
        if plant is None and mutant.name not in HARMLESS:
            survived += 1
        where = f"{plant.place} · {plant.value.kind}" if plant else HARMLESS.get(mutant.name, "SURVIVED")
        print(f"{mutant.name:<44} {where:<60} {'gate stops it' if stopped else ''}", flush=True)
    print(f"{len(found)} mutants, {survived} survived, {sum(m.name in HARMLESS for m in found)} harmless")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
