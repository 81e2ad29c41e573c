"""A plan's requests are read before a run, beside what else must begin: their hash is checked, they are counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import ThreadPool

from replay.cli.run_survey import Survey, askable, survey
from replay.errors import ReplayError
from replay.plan.store import Plan, verify
from replay.runspec import PlanState


@dataclass(frozen=True, slots=True)
class Examined:
    """What a plan's requests turned out to be."""

    state: PlanState
    """The requests file when its hash was checked."""
    survey: Survey


class Examination:
    """Reads the requests of ``plan`` from now on, in two threads that an interrupted program does not wait for.

    The arguments are those of ``survey``; ``accept`` raises where a run cannot do with what was counted.
    """

    def __init__(
        self,
        plan: Plan,
        hosts: Collection[str],
        writes: Collection[str],
        replaced: Set[str] = frozenset(),
        known: Set[str] = frozenset(),
        accept: Callable[[Survey], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._accept = accept
        self._askable = partial(askable, plan, hosts, replaced, known)
        readers = ThreadPool(2)
        self._state = readers.apply_async(verify, (plan,))
        self._survey = readers.apply_async(survey, (plan, hosts, writes, replaced, known))
        readers.close()

    def askable(self, wanted: Mapping[str, int]) -> dict[str, list[int]]:
        """Requests that can be asked alone, so many of each route of ``wanted``."""
        return self._askable(wanted)

    def result(self) -> Examined:
        """What was found, once all has been read.

        Raises:
            InputError: the requests are not those that the plan was made with.
            ReplayError: none of them may be sent, or they are not accepted.
        """
        found = Examined(self._state.get(), self._survey.get())
        if not found.survey.requests:
            raise ReplayError(
                f"{self._plan.folder}: nothing is left to send. See 'replay run --dry-run' for what is left out."
            )
        self._accept(found.survey)
        return found
