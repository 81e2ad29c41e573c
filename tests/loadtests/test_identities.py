"""Clones that log in with accounts of staging, which has other accounts than production and knows no pseudonym."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from replay.identities import file_state
from replay.plan.build import Settings, Source, build
from replay.plan.links.detect import detect
from replay.runspec import LOGIN_PASSWORD_VARIABLE
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest
from tests.loadtests.support import played, run_spec
from tests.services.pages import token
from tests.services.recorded import recorded, sanitised
from tests.services.web import Answered, Asked, Browser, data, serving

PEOPLE, SCALE = 6, 2
PASSWORD = "Geheim-4711-staging"


class Bank:
    """Tokens for those who know the password; everybody sees their own account alone."""

    name = "bank"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.users = {f"user{number}.s{seed}@bank.example": PASSWORD for number in range(20)}
        self.tokens: dict[str, str] = {}
        self.logins: list[str] = []

    def answer(self, asked: Asked) -> Answered:
        if asked.method == "POST" and asked.path == ["login"]:
            email = asked.json.get("email", "")
            if self.users.get(email) != asked.json.get("password"):
                return data({}, 401)
            self.logins.append(email)
            bearer = token(self.dice, 40)
            self.tokens[bearer] = email
            return data({"token": bearer})
        user = self.tokens.get(asked.bearer)
        if user is None:
            return data({}, 401)
        said = asked.json.get("email") or asked.query.get("owner") or asked.path[1]
        return data({}) if said == user else data({}, 403)

    @staticmethod
    def visit(browser: Browser) -> None:
        email = f"user{browser.number % PEOPLE}.s1@bank.example"  # two of them come twice
        got = browser.send("POST", "/login", {"email": email, "password": PASSWORD})
        browser.headers = {"Authorization": f"Bearer {got.json['token']}"}
        browser.get(f"/accounts/{email}")
        browser.get(f"/transfers?owner={email}")
        browser.send("PUT", "/profile", {"email": email, "city": "Kassel"})


def test_every_clone_of_a_person_has_an_account_of_its_own_and_no_password_is_written(tmp_path: Path) -> None:
    exchanges = list(sanitised(recorded(Bank, PEOPLE + 2, apart_ms=60, think_ms=30), load_policy("builtin:strict")))
    rules = detect(exchanges)
    plan = tmp_path / "plan"
    plan.mkdir()
    manifest = build([Source(capture_manifest(), exchanges)], Settings(rules=rules), plan, "plan")
    bank = Bank(seed=9)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("email\n" + "\n".join(bank.users))
    accounts.chmod(0o600)
    (host,) = manifest.hosts

    with serving(bank) as port:
        spec = run_spec(
            plan,
            tmp_path / "out",
            f"http://127.0.0.1:{port}",
            writes=list(manifest.writes),
            identities=file_state(accounts, reuse=False),
        )
        targets = [msgspec.structs.replace(each, host=host) for each in spec.targets]
        spec = msgspec.structs.replace(spec, targets=targets)
        samples = played(spec, 100 * SCALE, **{LOGIN_PASSWORD_VARIABLE: PASSWORD}).samples()

    assert manifest.logins.people == PEOPLE
    assert len(samples) == SCALE * len(exchanges)
    assert {(sample["status"], sample["error"]) for sample in samples} == {(200, "")}
    assert len(bank.logins) == SCALE * (PEOPLE + 2)
    assert len(set(bank.logins)) == SCALE * PEOPLE  # who came twice has one account for both
    for path in (*plan.iterdir(), *(tmp_path / "out").iterdir()):
        assert PASSWORD.encode() not in path.read_bytes(), path
