"""The accounts of a run: are there enough, do they say what the logins take, and is there a login at all?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from replay.cli.output import progress
from replay.cli.run_survey import Survey
from replay.errors import InputError, ReplayError
from replay.identities import Accounts, IdentitiesFile, file_state, known_columns, read_accounts
from replay.plan.store import LoginUse
from replay.runspec import LOGIN_PASSWORD_VARIABLE
from replay.secret_sources import is_source, secret_from


@dataclass(frozen=True, slots=True)
class Given:
    """What a run was given to log in with."""

    file: IdentitiesFile | None
    accounts: Accounts | None
    columns: frozenset[str]
    """Of the columns that the plan's logins take those that are known."""
    password: str = field(repr=False)

    @property
    def secrets(self) -> dict[str, str]:
        """Variables of the engines' environment."""
        return {LOGIN_PASSWORD_VARIABLE: self.password} if self.password else {}


def login_secret(source: str) -> str:
    """The password that ``--login-password`` names; '' where it was not given.

    Raises:
        ReplayError: it is no source, or an empty one.
    """
    if not source:
        return ""
    if not is_source(source):
        raise ReplayError("--login-password: write env:VARIABLE or fd:NUMBER; a password is never typed here.")
    return secret_from(source, "--login-password")


def given(path: str, password: str, reuse: bool, logins: LoginUse) -> Given:
    """Read the accounts at ``path``; '': there are none.

    Raises:
        InputError: the file is wrong.
        ReplayError: ``reuse`` without a file.
    """
    if reuse and not path:
        raise ReplayError("--reuse-identities: there is no --identities FILE to reuse. Give one.")
    file = file_state(Path(path), reuse=reuse) if path else None
    accounts = read_accounts(path) if path else None
    return Given(file, accounts, known_columns(logins.columns, accounts, password), password)


def check_number(found: Given, logins: LoginUse, clones: int) -> None:
    """Refuse accounts that are too few for ``clones`` of every session at once, and say how many are needed.

    Raises:
        InputError: there are too few, and clones may not share them.
    """
    if found.accounts is None or found.file is None or not logins.people:
        return
    needed, have = logins.people * clones, len(found.accounts)
    what = f"{have:,} accounts; {logins.people:,} people × {clones} clones need {needed:,}"
    if have < needed and not found.file.reuse:
        raise InputError(
            f"{found.file.path}: holds {what}. Add accounts, lower the scale, or have clones share them: "
            "--reuse-identities."
        )
    progress(f"Identities: {what}" + (", so clones share them." if have < needed else "."))


def check_columns(found: Given, logins: LoginUse, survey: Survey) -> None:
    """Refuse accounts that do not say what the requests which are sent take, and say where there are none.

    Raises:
        InputError: a column is missing.
        ReplayError: nothing that is sent takes an account.
    """
    takes = survey.takes
    if not found.accounts and not found.password:
        if takes:
            progress(
                f"{logins.people:,} people log in by recorded names, which are pseudonyms. Give accounts of staging: "
                f"--identities FILE with the columns {', '.join(takes)}."
            )
        return
    option = f"--identities {found.file.path}" if found.file is not None else "--login-password"
    if not takes:
        routes = ", ".join(f"'{route}'" for route in logins.requests)
        cure = (
            f"Name the login by --writes: {routes}." if routes else "Name it as [[login]] in rules.toml, plan again."
        )
        raise ReplayError(f"{option}: no request of this run logs in. {cure}")
    for column, route in takes.items() if found.accounts is not None else ():
        if column not in found.columns and found.accounts is not None:
            raise InputError(
                f"{option}: has no column '{column}', which {route} takes, among its {len(found.accounts.columns)}. "
                "Is its first line the header? Add the column, or change [[login]] in rules.toml; a password may "
                "come by --login-password."
            )
