"""Accounts of staging: read from a file that nobody else can read, and each given to one clone of one person."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import InputError, ReplayError
from replay.identities import Accounts, assigned, known_columns, read_accounts
from replay.secret_sources import secret_from

CSV = 'email,password\nanna@test.example,"a,b"\nbert@test.example,hunter2\n'


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "accounts.csv"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def numbered(count: int) -> Accounts:
    return Accounts(
        frozenset({"email", "password"}), [{"email": f"u{n}@x", "password": f"p{n}"} for n in range(count)]
    )


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV.replace("\n", "\r\n") + "\n\n",
        (
            '{"email": "anna@test.example", "password": "a,b"}\n\n'
            '{"password": "hunter2", "email": "bert@test.example"}\n'
        ),
    ],
)
def test_csv_and_json_lines_hold_the_same_accounts(tmp_path: Path, text: str) -> None:
    accounts = read_accounts(written(tmp_path, text))

    assert accounts.columns == {"email", "password"}
    assert [row["password"] for row in accounts.rows] == ["a,b", "hunter2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no account"),
        ("email,password\n", "holds no account"),
        ("email,email\na,b\n", "line 1: the header names a column twice"),
        ("email,password\nanna,geheim,x\n", "line 2: has 3 cells, and the header 2"),
        ("email,password\nanna,geheim\nbert,\n", "line 3: its cell 2 is empty"),
        ("email,password\nanna,geheim\nbert,geheim\nanna,anders\n", "line 4: is the account of line 2 again"),
        ("anna,geheim\nbert,\n", "line 2: its cell 2 is empty"),  # without a header the first account stands for it
        ('email,password\nanna,"geheim\n', "is no CSV"),
        ('{"email": "anna"}\n{"email": geheim}\n', "line 2: is no JSON object"),
        ('{"email": "anna"}\n{"mail": "geheim"}\n', "line 2: has other members"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_quotes_no_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_accounts(written(tmp_path, text))

    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"others may read this accounts' file\. Run 'chmod 600'"):
        read_accounts(written(tmp_path, CSV, 0o640))
    with pytest.raises(InputError, match="cannot be read"):
        read_accounts(str(tmp_path / "none.csv"))


@given(people=st.integers(1, 40), clones=st.integers(1, 6))
def test_no_two_clones_of_anybody_have_one_account(people: int, clones: int) -> None:
    account = assigned(numbered(people * clones), "", people, reuse=False)

    found = [account(person, clone, "email") for clone in range(clones) for person in range(people)]

    assert None not in found
    assert len(set(found)) == people * clones
    assert account(0, clones, "email") is None  # too few are not begun again


def test_clones_share_accounts_where_that_is_allowed() -> None:
    account = assigned(numbered(3), "", 2, reuse=True)

    assert [account(person, clone, "email") for clone in (0, 1) for person in (0, 1)] == [
        "u0@x",
        "u1@x",
        "u2@x",
        "u0@x",
    ]


def test_one_password_takes_the_place_of_those_that_the_file_does_not_have() -> None:
    accounts = Accounts(frozenset({"user"}), [{"user": "anna"}])
    account = assigned(accounts, "staging", 1, reuse=False)

    assert account(0, 0, "password") == "staging"
    assert account(0, 0, "user:password") == "anna:staging"
    assert account(0, 0, "client_secret") is None
    assert assigned(numbered(1), "staging", 1, reuse=False)(0, 0, "password") == "p0"
    assert assigned(None, "staging", 1, reuse=False)(7, 3, "pass") == "staging"
    assert known_columns(["user", "password", "client_secret"], accounts, "staging") == {"user", "password"}
    assert known_columns(["user", "password"], None, "") == set()


def test_accounts_are_not_printed() -> None:
    assert "p0" not in repr(numbered(1))


def test_a_secret_comes_from_the_environment_or_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING", "geheim")
    read, write = os.pipe()
    os.write(write, b"geheim\n")
    os.close(write)

    assert secret_from("env:STAGING", "--login-password") == "geheim"
    assert secret_from(f"fd:{read}", "--login-password") == "geheim"
    with pytest.raises(ReplayError, match=r"--login-password: fd 9999 cannot be read"):
        secret_from("fd:9999", "--login-password")
    with pytest.raises(ReplayError, match=r"env:NOTHING is empty"):
        secret_from("env:NOTHING", "--login-password")
