"""``replay plan --probe --harvest FOLDER``: pools of rows that staging's own answers show."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from rich.table import Table as Printed

from replay.artefacts import named, new_folder
from replay.capture.placement import refuse_tracked
from replay.cli import run_preflight
from replay.cli.output import cell, progress, stdout
from replay.cli.run_order import Order
from replay.errors import ReplayError
from replay.exchange import Exchange
from replay.plan.harvest.errands import answering, columns_of, together, work_of
from replay.plan.harvest.sources import MAX_EXCHANGES, SourceFinder
from replay.plan.harvest.tables import POOLS_NAME, Table, tables, write_pools
from replay.plan.harvest.work import MOST_REQUESTS, Harvest, Work
from replay.plan.probe import Missing
from replay.runspec import write_spec

type Exchanges = Callable[[], Iterable[Exchange]]


def harvest_folder(name: str) -> Path:
    """Where the pools go.

    Raises:
        ReplayError: it exists; RefusedError: git would take it.
    """
    place = named(name, ".", new=True)
    if place.exists():
        raise ReplayError(f"--harvest {place}: exists already. Choose another name, or remove it first.")
    refuse_tracked(place)
    return place


def harvest(order: Order, found: Sequence[Missing], exchanges: Exchanges, clones: int, place: Path) -> None:
    """Ask staging for rows of what is missing, write them as pools and say what came of it.

    Args:
        order: the plan and its targets, under the interlock.
        found: what is missing.
        exchanges: reads the captures.
        clones: times that a session is to be played at once.
        place: the folder to be.
    """
    manifest = order.plan.manifest
    columns = columns_of(found, manifest)
    if not columns:
        stdout.print("Harvest: nothing that is missing is a matter of rows.")
        return
    finder = SourceFinder({spot: column for column, spots in columns.items() for spot in spots}, answering(manifest))
    for exchange in islice(exchanges(), MAX_EXCHANGES):
        finder.ask(exchange)
    for exchange in islice(exchanges(), MAX_EXCHANGES):
        finder.answer(exchange)
    needed = {column: len(values) * clones for column, values in finder.asked.items()}
    work = work_of(columns, finder.sources(), needed, manifest, order.examination.askable)
    gathered = _asked(order, work) if work.errands else Harvest([], [], 0)
    made = tables(gathered.rows, together(columns), list(columns))
    notes = _notes(columns, work, gathered)
    if made:
        with new_folder(place) as folder:
            write_pools(folder, made, columns, notes)
    _print(made, notes, needed, gathered.requests)
    if made:
        stdout.print(
            f"{place}: {len(made)} pools. They hold staging's data: look at them, then plan again with "
            f"--pools {place / POOLS_NAME}" + (f" --clones {clones}." if clones > 1 else "."),
            markup=False,
        )


def _asked(order: Order, work: Work) -> Harvest:
    progress(f"Harvesting: at most {MOST_REQUESTS} requests, at most ten a second.")
    with tempfile.TemporaryDirectory(prefix="replay-harvest-") as folder:
        spec = msgspec.structs.replace(order.spec, out=folder, plan_state=order.examination.result().state)
        return run_preflight.harvest(write_spec(Path(folder), spec), work, os.environ)


@dataclass(frozen=True, slots=True)
class _Note:
    """Where a column's values are from."""

    sources: tuple[str, ...]
    tried: int
    passed: int
    is_dropped: bool

    def __str__(self) -> str:
        where = "; ".join(self.sources)
        return f"{where}; {self.passed} of {self.tried} tried are there" if self.tried else where


def _notes(columns: Iterable[str], work: Work, gathered: Harvest) -> dict[str, _Note]:
    notes = {}
    for column in columns:
        of = [
            (f"{errand.route} {next(place for place, taken in errand.takes.items() if taken == column)}", came)
            for errand, came in zip(work.errands, gathered.gathered, strict=True)
            if came.answered and column in errand.takes.values()
        ]
        good = [(where, came) for where, came in of if column not in came.dropped]
        notes[column] = _Note(
            tuple(where for where, _ in good),
            sum(came.tried.get(column, 0) for _, came in good),
            sum(came.passed.get(column, 0) for _, came in good),
            is_dropped=len(of) > 0 and not good,
        )
    return notes


def _print(made: Sequence[Table], notes: Mapping[str, _Note], needed: Mapping[str, int], requests: int) -> None:
    stdout.print(f"Harvest: {requests} requests.")
    table = Printed("column", "values", "needed", "tried ok", "from", box=None, pad_edge=False)
    of = {column: each for each in made for column in each.columns}
    for column, note in notes.items():
        values = of[column].values(column) if column in of else 0
        if values:
            where = note.sources[0] + (f" and {len(note.sources) - 1} more" if len(note.sources) > 1 else "")
        elif note.is_dropped:
            where = "what the answers show there, staging does not know"
        else:
            where = "no answer shows it: fill a pool by hand"
        tried = f"{note.passed}/{note.tried}" if note.tried else "–"
        table.add_row(cell(column), f"{values:,}", f"{needed[column]:,}", tried, cell(where))
    stdout.print(table)
    few = [column for column in notes if column in of and of[column].values(column) < needed[column]]
    if few:
        stdout.print(f"  Fewer than the plan needs: {', '.join(few)}. Add rows by hand, or leave routes out.")
