"""Accounts of staging: a file of credentials, and which of them each clone of a recorded person is given.

CSV with a header, or JSON Lines; a row is an account. The file holds passwords, so it is refused where others can
read it, and no error, log or manifest quotes a value or a hash of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from replay.errors import InputError
from replay.sanitize.vocabulary import is_password_name, parts
from replay.secret_sources import secret_file

WHAT = "accounts' file"
_HINT = "It is CSV with a header, or JSON Lines, one account a row."
_LARGEST_BYTES = 256 << 20


class IdentitiesFile(msgspec.Struct, frozen=True):
    """A file of accounts, and its state when the run was ordered: a hash of it would tell short passwords."""

    path: str
    size_bytes: int
    modified_ns: int
    reuse: bool = False
    """Clones may share accounts where there are too few."""


type Account = Callable[[int, int, str], str | None]
"""Person, clone and columns (``a`` or ``a:b``) → what the account says there; None: there is no such account."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of a file, in its order."""

    columns: frozenset[str]
    rows: Sequence[dict[str, str]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)


def file_state(path: Path, *, reuse: bool) -> IdentitiesFile:
    """The present state of the file at ``path``; raises InputError where there is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {WHAT} cannot be read ({error.strerror}). {_HINT}") from None
    return IdentitiesFile(str(path.resolve()), found.st_size, found.st_mtime_ns, reuse)


def read_accounts(path: str) -> Accounts:
    """The accounts in a file.

    Raises:
        InputError: it cannot be read, others can read it, or a row is wrong; with its line.
    """
    with secret_file(path, WHAT, _HINT, InputError) as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise InputError(f"{path}: is larger than {_LARGEST_BYTES >> 20} MiB. Give the accounts that are needed.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8. Save it as UTF-8.") from None
    lines = _json_lines(path, text) if text.lstrip()[:1] == "{" else _csv(path, text)
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    columns: frozenset[str] | None = None
    rows = []
    for line, row in lines:
        if columns is not None and columns != row.keys():
            raise InputError(f"{path}, line {line}: has other members than the lines before. Give all the same.")
        columns = frozenset(row)
        if not all(row.values()):
            # By its number: of a file without a header the name would be a value.
            empty = 1 + next(cell for cell, value in enumerate(row.values()) if not value)
            raise InputError(f"{path}, line {line}: its cell {empty} is empty. Fill it in, or remove the line.")
        account = tuple((name, value) for name, value in row.items() if not is_password_name(name))
        if account and (first := seen.setdefault(account, line)) != line:
            raise InputError(f"{path}, line {line}: is the account of line {first} again. Remove one of them.")
        rows.append(row)
    if columns is None:
        raise InputError(f"{path}: holds no account. {_HINT}")
    return Accounts(columns, rows)


def is_password_column(name: str) -> bool:
    """Whether one staging password can take the column's place: it holds a person's password, no client's secret."""
    return is_password_name(name) and parts(name)[:1] != ("client",)


def assigned(accounts: Accounts | None, password: str, people: int, *, reuse: bool) -> Account:
    """Gives clone *c* of person *p* account *p + c × people*: the same in every engine, and nobody else's.

    Args:
        accounts: None: only the password is known.
        password: takes the place of columns of passwords that the accounts do not have; '': there is none.
        people: recorded people of the plan, who are numbered from 0.
        reuse: begin again with the first account behind the last.
    """
    rows: Sequence[dict[str, str]] = accounts.rows if accounts is not None else ()

    def account(person: int, clone: int, columns: str) -> str | None:
        number = person + clone * people
        row = rows[number % len(rows) if reuse else number] if rows and (reuse or number < len(rows)) else {}
        found = []
        for column in columns.split(":"):
            value = row.get(column) or (password if is_password_column(column) else "")
            if not value:
                return None
            found.append(value)
        return ":".join(found)

    return account


def known_columns(wanted: Iterable[str], accounts: Accounts | None, password: str) -> frozenset[str]:
    """Of the ``wanted`` columns those that accounts and password can say."""
    return frozenset(
        column
        for column in wanted
        if (accounts is not None and column in accounts.columns) or (password and is_password_column(column))
    )


def _csv(path: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = [name.strip() for name in cells]
                if len(set(header)) < len(header) or not all(header):
                    raise InputError(f"{path}, line 1: the header names a column twice, or not at all. Correct it.")
            elif len(cells) != len(header):
                what = f"has {len(cells)} cells, and the header {len(header)}"
                raise InputError(f"{path}, line {reader.line_num}: {what}. Put values with commas into quotes.")
            else:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error:
        raise InputError(f"{path}, line {reader.line_num}: is no CSV; a quote is not closed. Correct it.") from None


def _json_lines(path: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    decoder = msgspec.json.Decoder(dict[str, str | int])
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = decoder.decode(line)
            except msgspec.DecodeError:  # its text may quote the line
                what = "is no JSON object of texts and numbers"
                raise InputError(f"{path}, line {number}: {what}. Write one account a line.") from None
            yield number, {name: str(value) for name, value in row.items()}
