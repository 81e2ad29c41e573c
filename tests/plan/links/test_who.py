"""Who a session is, in a plan: the fields that an account fills, in the login and wherever else they stand."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from replay.exchange import Exchange
from replay.plan.bindings import FRESH, IDENTITY, Fill, as_known, decode, written
from replay.plan.build import Settings, Source, build
from replay.plan.links.rules import Fresh, Login, Rules
from replay.plan.store import PlanManifest, open_plan
from tests.factories import capture_manifest, exchange

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
LOGIN = Rules(login=[Login(["POST /login"], {"form/user": "user", "form/pass": "pass"})])
ANNA, BERT = "user=anna.weber&pass=kd7-pw1q", "user=bert.k&pass=kd7-pw1q"


def post(path: str, body: str, at_ms: float, session: str = "s1", status: int = 200) -> Exchange:
    return exchange(path, method="POST", headers=FORM, body=body, at_ms=at_ms, session=session, status=status)


def planned(folder: Path, exchanges: Iterable[Exchange], rules: Rules = LOGIN) -> tuple[PlanManifest, pa.Table]:
    manifest = build([Source(capture_manifest(), exchanges)], Settings(rules=rules), folder, "friday")
    return manifest, pa.Table.from_batches(open_plan(folder).batches())


def fills(table: pa.Table) -> list[list[tuple[str, str, int, str]]]:
    """Of every request: what stands there, where its value comes from, and its key and name."""
    return [
        [
            (wire[fill.at : fill.at + fill.size].decode(), fill.source, fill.key, fill.name)
            for fill in (decode(cell).fill if cell else [])
        ]
        for wire, cell in zip(table["wire"].to_pylist(), table["bindings"].to_pylist(), strict=True)
    ]


def test_a_login_takes_the_account_and_so_does_the_same_value_later_in_the_session(tmp_path: Path) -> None:
    manifest, table = planned(
        tmp_path,
        [
            exchange("/users/anna.weber", at_ms=0),
            post("/login", ANNA, 100),
            exchange("/users/anna.weber?tab=orders", at_ms=200),
            post("/close", "confirm=kd7-pw1q", 300),
            exchange("/users/anna.weber", at_ms=400, session="s2"),
        ],
    )

    assert fills(table) == [
        [],  # nobody has logged in yet
        [("anna.weber", IDENTITY, 0, "user"), ("kd7-pw1q", IDENTITY, 0, "pass")],
        [("anna.weber", IDENTITY, 0, "user")],
        [("kd7-pw1q", IDENTITY, 0, "pass")],
        [],
    ]
    assert manifest.logins.people == 1
    assert manifest.logins.requests == {"POST /login": 1}
    assert manifest.logins.columns == ["pass", "user"]


def test_who_comes_again_is_the_same_person_and_another_user_is_another(tmp_path: Path) -> None:
    manifest, table = planned(
        tmp_path,
        [
            post("/login", ANNA, 0),
            post("/login", BERT, 100, session="s2"),
            post("/login", ANNA, 200, session="s3"),
            post("/login", ANNA, 300, session="s2"),  # on the same machine, after the other
        ],
    )

    assert [each[0][2] for each in fills(table)] == [0, 1, 0, 0]
    assert manifest.logins.people == 2


def test_short_values_are_replaced_in_the_login_alone(tmp_path: Path) -> None:
    _, table = planned(tmp_path, [post("/login", "user=ab&pass=x", 0), exchange("/list/ab", at_ms=100)])

    assert [len(each) for each in fills(table)] == [2, 0]


def test_who_signs_up_in_the_session_logs_in_with_that(tmp_path: Path) -> None:
    visits = [
        post("/signup", ANNA, 0),
        post("/login", ANNA, 100),
        exchange("/users/anna.weber", at_ms=200),
        post("/login", ANNA, 300, session="s2"),
    ]
    fresh = [
        Fresh(["POST /signup"], "form/user", "unique"),
        Fresh(["POST /login"], "form/user", "same"),
        Fresh(["GET /users/anna.weber"], "path/2", "same"),
    ]

    manifest, table = planned(tmp_path, visits[:3])
    assert fills(table) == [[], [], []]
    assert manifest.logins.people == 0

    (tmp_path / "fresh").mkdir()
    _, table = planned(tmp_path / "fresh", visits, Rules(login=LOGIN.login, fresh=fresh))
    sorts = ("unique", "same", "same")
    assert fills(table)[:3] == [[("anna.weber", FRESH, 0, sort)] for sort in sorts]
    assert [each[1] for each in fills(table)[3]] == [IDENTITY, IDENTITY]


def test_who_was_refused_is_refused_again_and_says_nothing_of_who_they_are(tmp_path: Path) -> None:
    _, table = planned(
        tmp_path,
        [
            post("/signup", ANNA, 0, status=409),
            post("/login", "user=anna&pass=kd7-pw1q", 100, status=401),
            exchange("/users/anna.weber", at_ms=200),
            post("/login", ANNA, 300),
        ],
    )

    assert [len(each) for each in fills(table)] == [0, 0, 0, 2]


def test_a_password_that_was_changed_stays_as_the_session_set_it(tmp_path: Path) -> None:
    _, table = planned(
        tmp_path,
        [
            post("/login", ANNA, 0),
            post("/password", "old_password=kd7-pw1q&new_password=mm2-zz9q", 100),
            post("/login", "user=anna.weber&pass=mm2-zz9q", 200),
        ],
    )

    assert [[each[0] for each in request] for request in fills(table)] == [
        ["anna.weber", "kd7-pw1q"],
        ["kd7-pw1q"],
        ["anna.weber"],
    ]


def test_http_basic_takes_two_columns(tmp_path: Path) -> None:
    rules = Rules(login=[Login(["GET /a"], {"header/authorization|base64": "username:password"})])
    asked = exchange("/a", headers=[("Authorization", "Basic cXdlcnR6OmFzZGY6Zw==")])

    manifest, table = planned(tmp_path, [asked], rules)

    assert fills(table) == [[("cXdlcnR6OmFzZGY6Zw==", IDENTITY, 0, "username:password")]]
    assert manifest.logins.columns == ["password", "username"]
    (fill,) = decode(table["bindings"].to_pylist()[0]).fill
    assert written("anna:geheim", fill.layers) == base64.b64encode(b"anna:geheim").decode()


def test_a_run_without_the_columns_sends_what_was_recorded(tmp_path: Path) -> None:
    _, table = planned(tmp_path, [post("/login", ANNA, 0)])
    bindings = decode(table["bindings"].to_pylist()[0])

    def names(fill: list[Fill]) -> list[str]:
        return [each.name for each in fill]

    one = as_known(bindings, {"pass"})
    assert one is not None
    assert names(one.fill) == ["pass"]
    assert as_known(bindings, {"pass", "user"}) is bindings
    assert as_known(bindings, set()) is None
