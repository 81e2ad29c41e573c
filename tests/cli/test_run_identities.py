"""``replay run --identities``: what is said before the load, of accounts that are too few or do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli.run_dry import dry_run_of, show_dry_run
from replay.cli.run_identities import login_secret
from replay.cli.run_options import RunOptions
from replay.cli.run_order import Order, prepare
from replay.errors import InputError, ReplayError
from replay.plan.build import Settings, Source, build
from replay.plan.links.rules import Login, Rules
from replay.runspec import LOGIN_PASSWORD_VARIABLE
from tests.factories import capture_manifest, exchange

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
LOGIN = "POST /login"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Three people log in, one of them twice, and each looks at their own page."""
    found = []
    for number, user in enumerate(("anna.w", "bert.k", "cora.z", "anna.w")):
        session, body = f"s{number}", f"email={user}&password=pseudonym{number}"
        found.append(exchange("/login", method="POST", headers=FORM, body=body, session=session, at_ms=number * 1000))
        found.append(exchange(f"/users/{user}", route="GET /users/{}", session=session, at_ms=number * 1000 + 100))
    rules = Rules(login=[Login([LOGIN], {"form/email": "email", "form/password": "password"})])
    folder = tmp_path / "p.plan"
    folder.mkdir()
    build([Source(capture_manifest(), found)], Settings(rules=rules), folder, "p")
    return folder


def accounts(plan: Path, count: int, header: str = "email,password") -> str:
    path = plan.parent / "accounts.csv"
    rows = [",".join(f"{name}-geheim-{number}" for name in header.split(",")) for number in range(count)]
    path.write_text("\n".join([header, *rows]) + "\n")
    path.chmod(0o600)
    return str(path)


def ordered(plan: Path, writes: list[str] | None = None, **options: object) -> Order:
    named = [LOGIN] if writes is None else writes
    order = prepare(RunOptions(str(plan), ["http://127.0.0.1:1"], writes=named, **options))  # type: ignore[arg-type]
    order.examination.result()
    return order


def test_enough_accounts_are_said_and_the_requests_that_take_one_are_not_probed(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = ordered(plan)
    order = ordered(plan, identities=accounts(plan, 6), scale=2.0)
    said = capsys.readouterr().err

    assert "3 people log in by recorded names, which are pseudonyms." in said
    assert "with the columns email, password" in said
    assert "6 accounts; 3 people × 2 clones need 6" in said
    assert len(without.examination.result().survey.probes) == 3
    assert order.examination.result().survey.probes == []
    assert order.spec.identities is not None


def test_too_few_accounts_are_refused_with_their_number_unless_clones_may_share_them(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = accounts(plan, 8)
    with pytest.raises(InputError, match=r"holds 8 accounts; 3 people × 3 clones need 9\. Add accounts"):
        ordered(plan, identities=path, scale=2.5)
    with pytest.raises(InputError, match="3 people × 3 clones need 9"):
        ordered(plan, identities=path, profile="1x for 2s, ramp to 3x over 5s")

    assert ordered(plan, identities=path, scale=2.5, reuse_identities=True).examination.result().survey.requests == 8
    assert "need 9, so clones share them" in capsys.readouterr().err


def test_a_column_that_a_login_takes_must_be_there(plan: Path) -> None:
    with pytest.raises(InputError, match=r"has no column 'email', which POST /login takes, among its 1\.") as said:
        ordered(plan, identities=accounts(plan, 6, "hunter2"), login_password="staging")
    assert "hunter2" not in str(said.value), "of a file without a header it would be somebody's password"
    with pytest.raises(InputError, match=r"has no column 'password'.*may come by --login-password"):
        ordered(plan, identities=accounts(plan, 6, "email"))

    order = ordered(plan, identities=accounts(plan, 6, "email"), login_password="staging-geheim")
    assert order.secrets == {LOGIN_PASSWORD_VARIABLE: "staging-geheim"}
    assert "geheim" not in repr(order)


def test_accounts_without_a_login_are_refused(plan: Path) -> None:
    pages = plan.parent / "pages.plan"
    pages.mkdir()
    build([Source(capture_manifest(), [exchange()])], Settings(), pages, "pages")

    with pytest.raises(
        ReplayError, match=r"no request of this run logs in\. Name it as \[\[login\]\] in rules\.toml"
    ):
        ordered(pages, [], identities=accounts(plan, 6))
    with pytest.raises(ReplayError, match="--reuse-identities: there is no --identities"):
        ordered(plan, reuse_identities=True)


def test_the_one_password_alone_leaves_the_recorded_names(plan: Path) -> None:
    order = ordered(plan, login_password="staging")

    assert order.spec.identities is None
    assert len(order.examination.result().survey.probes) == 3  # their names are sent as they were recorded


def test_a_password_is_never_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING", "geheim")

    assert login_secret("env:STAGING") == "geheim"
    assert login_secret("") == ""
    with pytest.raises(ReplayError, match="a password is never typed here") as raised:
        login_secret("geheim")
    assert "geheim" not in str(raised.value)


def test_a_dry_run_shows_no_account(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_dry_run(dry_run_of(ordered(plan, identities=accounts(plan, 6), login_password="geheim")))

    said = capsys.readouterr()
    assert LOGIN in said.out
    assert "geheim" not in said.out + said.err
