"""What a person says of a table's columns: ``--column NAME=CHOICE``, checked before a row is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from replay.errors import InputError, ReplayError
from replay.sanitize.veto import looks_like_data
from replay.sanitize.vocabulary import is_password_name, is_random_name

type Treatment = Literal["pseudonym", "keep", "drop", "constant"]

_GRAMMAR = "Write NAME=keep, NAME=drop, NAME=as:FIELD or NAME=constant:TEXT."
_NAME = re.compile(r"[^\W\d][\w .$:/()#%-]{0,127}")


@dataclass(frozen=True, slots=True)
class Choice:
    """How one column is treated."""

    treatment: Treatment
    value: str = field(default="", repr=False)
    """``pseudonym``: the field as which the capture knows these values. ``constant``: the text."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices by column: ``NAME``, or ``TABLE.NAME`` where a file holds several tables."""

    by_name: Mapping[str, Choice]

    def of(self, table: str, column: str) -> Choice:
        """The choice for a column; pseudonyms by its own name where none was made."""
        bare = table.rpartition(".")[2]
        for name in (f"{table}.{column}", f"{bare}.{column}", column):
            found = self.by_name.get(name)
            if found is not None:
                return found
        return Choice("pseudonym", column)

    def unused(self, seen: Iterable[tuple[str, str]]) -> list[str]:
        """Names that no column of ``seen`` (tables and columns) has: most likely mistyped."""
        known = {
            name
            for table, column in seen
            for name in (column, f"{table}.{column}", f"{table.rpartition('.')[2]}.{column}")
        }
        return sorted(set(self.by_name) - known)


def parse_choices(texts: Iterable[str], constants: Mapping[str, str]) -> Choices:
    """The choices typed as ``NAME=CHOICE``, and columns that get a secret constant.

    Raises:
        ReplayError: a text is none of the grammar, or two speak of one column.
    """
    found: dict[str, Choice] = {name: Choice("constant", value) for name, value in constants.items()}
    for text in texts:
        name, equals, rest = text.partition("=")
        kind, colon, value = rest.partition(":")
        if not name or not equals:
            raise ReplayError(f"--column: '{text[:40]}' is no choice. {_GRAMMAR}")
        if name in found:
            raise ReplayError(f"--column {name[:60]}: is spoken of twice. Choose one.")
        if kind in {"keep", "drop"} and not colon:
            found[name] = Choice("keep" if kind == "keep" else "drop")
        elif kind == "as" and value:
            found[name] = Choice("pseudonym", value)
        elif kind == "constant" and colon:
            found[name] = Choice("constant", value)
        else:
            raise ReplayError(f"--column {name[:60]}: no such choice. {_GRAMMAR}")
    return Choices(found)


def refuse_secrets(choices: Choices, is_secret: Callable[[str], bool]) -> None:
    """Raise ReplayError where a column whose name is a secret's is to be kept, or mapped as what is none.

    No veto knows a password, and a field that is no secret's may be one that the policy keeps.
    """
    for name, choice in choices.by_name.items():
        column = name.rpartition(".")[2]
        if choice.treatment == "keep" and is_secret(column):
            raise ReplayError(
                f"--column {name[:60]}=keep: by its name the column holds secrets, which are never kept. "
                "Map it, drop it, or give it a constant."
            )
        if choice.treatment == "pseudonym" and _is_milder(choice.value, column, is_secret):
            raise ReplayError(
                f"--column {name[:60]}=as:{choice.value[:60]}: by its name the column holds secrets, and "
                f"{choice.value[:60]} is no name of such ones. Name a secret's field, drop it, or give it a constant."
            )


def _is_milder(field: str, column: str, is_secret: Callable[[str], bool]) -> bool:
    """Whether a field is treated with less care than what the column holds."""
    return any(is_kind(column) and not is_kind(field) for is_kind in (is_secret, is_password_name, is_random_name))


def check_names(names: Iterable[str], where: str) -> None:
    """Raise InputError where a header's names are none: without a header, the first row would pass for one."""
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not _NAME.fullmatch(name) or looks_like_data(name):
            raise InputError(
                f"{where}: column {number} of the first row is no column's name. "
                "Export the table with a header, or name its columns by --columns."
            )
        if name in seen:
            raise InputError(f"{where}: columns of one name (the {number}th is the second). Name them apart.")
        seen.add(name)
