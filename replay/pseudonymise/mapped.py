"""The map of a table's rows: a column's choice applied to every cell, and what a person must know afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from replay.errors import InputError, RefusedError
from replay.pseudonymise.cells import Cells, TextMap
from replay.pseudonymise.columns import Choice, Choices, check_names
from replay.sanitize.gate import Gate

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_FEW = 12
"""A column of no more distinct values than this is most likely an enumeration that staging's code knows."""
_GATE_HITS = 3
_GATE_SHARE = 1e-5
"""Two words of a row meet by chance once in some million rows; what the gate finds more often is a fault."""


@dataclass(slots=True)
class Column:
    """What was seen of one column. No value is remembered but the highest image of integers."""

    table: str
    name: str
    choice: Choice
    treatment: str
    """In words, for the summary."""
    highest: int | None = None
    is_integer: bool = True
    values: set[int] = field(default_factory=set)
    """Hashes of the first few distinct values."""

    def see(self, value: str, image: str) -> None:
        """Note one cell."""
        if len(self.values) <= _FEW:
            self.values.add(hash(value))
        if self.is_integer:
            if _INTEGER.fullmatch(image):
                number = int(image)
                if self.highest is None or number > self.highest:
                    self.highest = number
            else:
                self.is_integer, self.highest = False, None

    @property
    def is_few(self) -> bool:
        """Whether so few distinct values were seen that they may be words of the code."""
        return self.choice.treatment == "pseudonym" and 0 < len(self.values) <= _FEW


class Mapped:
    """Maps the rows of one file; formats read and write, and ask here.

    Args:
        cells: the map of cells.
        choices: what a person said of columns.
        gate: compares every row with its image.
        where: the file's name, for errors.
    """

    def __init__(self, cells: Cells, choices: Choices, gate: Gate, where: str) -> None:
        self.cells = cells
        self.choices = choices
        self.where = where
        self.columns: list[Column] = []
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self._gate = gate

    def table(self, names: Sequence[str], table: str = "") -> Rows:
        """The map of a table's rows; raises InputError where its header names no columns."""
        check_names(names, self.where)
        return Rows(self, [self.column(name, table) for name in names])

    def column(self, name: str, table: str = "") -> Column:
        """A column of the table, which the summary will name."""
        choice = self.choices.of(table, name)
        found = Column(table, name, choice, self._in_words(choice, name))
        self.columns.append(found)
        return found

    def of_text(self, column: Column) -> TextMap:
        """The map of a column's cells, as texts."""
        choice = column.choice
        match choice.treatment:
            case "keep":
                return self.cells.kept_text(column.name)
            case "constant":
                return lambda _: choice.value
        return self.cells.text(choice.value)

    def compare(self, raw: Iterable[str], written: Iterable[str]) -> None:
        """Have the gate compare a row with its image.

        Raises:
            RefusedError: it finds something more often than chance has it.
        """
        before = (each.encode("utf-8", "surrogatepass") for each in raw)
        after = (each.encode("utf-8", "surrogatepass") for each in written)
        if not self._gate.passes(before, after, self.cells.kept):
            self.counts["gate"] += 1
            if self.counts["gate"] > max(_GATE_HITS, self.rows * _GATE_SHARE):
                raise RefusedError(
                    f"{self.where}, row {self.rows}: the write gate found words of rows in their images, more often "
                    "than by chance. Nothing was written; report this."
                )

    def damaged(self, what: str, line: int = 0) -> InputError:
        """The error for the row at hand, which never quotes it."""
        place = f"row {self.rows + 1}" + (f" (line {line})" if line else "")
        return InputError(f"{self.where}, {place}: {what}. Correct the export; nothing was written.")

    def finish(self) -> None:
        """Raise InputError where a choice speaks of a column that the file does not have."""
        unused = self.choices.unused((each.table, each.name) for each in self.columns)
        if unused:
            known = ", ".join(each.name for each in self.columns[:20])
            raise InputError(
                f"{self.where}: has no column {', '.join(name[:60] for name in unused)}. Its columns: {known}."
            )

    def _in_words(self, choice: Choice, name: str) -> str:
        match choice.treatment:
            case "keep":
                return "kept"
            case "drop":
                return "dropped"
            case "constant":
                return "a constant"
        domain = self.cells.domain(choice.value)
        known = f" as {choice.value}" if choice.value != name else ""
        return f"kept where inside {domain.guard} (domain {domain.name})" if domain else f"pseudonyms{known}"


class Rows:
    """The map of one table's rows of texts; None is NULL and stays so."""

    def __init__(self, mapped: Mapped, columns: Sequence[Column]) -> None:
        self._mapped = mapped
        self._all = len(columns)
        self._taken = [(at, each) for at, each in enumerate(columns) if each.choice.treatment != "drop"]
        self._maps: list[tuple[int, Column, Callable[[str], str]]] = [
            (at, column, mapped.of_text(column)) for at, column in self._taken
        ]
        self.positions = [at for at, _ in self._taken]
        """The columns that are written, by their position."""

    def row(self, values: Sequence[str | None], line: int = 0) -> list[str | None]:
        """The image of a row.

        Raises:
            InputError: it has more or fewer values than the table has columns.
        """
        mapped = self._mapped
        if len(values) != self._all:
            raise mapped.damaged(f"{len(values)} values, where the table has {self._all} columns", line)
        mapped.cells.begin()
        raw: list[str] = []
        written: list[str] = []
        found: list[str | None] = []
        for at, column, image_of in self._maps:
            value = values[at]
            if value is None:
                found.append(None)
                continue
            image = image_of(value)
            column.see(value, image)
            found.append(image)
            if column.choice.treatment != "constant":
                raw.append(value)
                written.append(image)
        mapped.rows += 1
        mapped.compare(raw, written)
        return found
