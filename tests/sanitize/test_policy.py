from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.errors import ReplayError
from replay.sanitize.guards import NAMES as GUARDS
from replay.sanitize.guards import guard
from replay.sanitize.policy import Place, load_policy
from replay.sanitize.scopes import Scopes
from tests.sanitize.making import answer, cleaned, sanitizer


def policy_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "shop.toml"
    path.write_text("version = 1\n" + text)
    return str(path)


KEEP = """
[[routes]]
template = "/things/{thing_id}"
[keep.thing]
guard = "int<=3digits"
path = ["thing_id"]
query = ["thing", "GET /search of"]
json = ["/**/thing"]
"""


@pytest.mark.parametrize("name", ["builtin:strict", "builtin:demo"])
def test_a_built_in_policy_loads_and_is_reviewed(name: str) -> None:
    policy = load_policy(name)

    assert policy.name == name
    assert policy.reviewed_by
    assert len(policy.hash) == len(policy.templates) == 64


def test_the_strict_policy_keeps_nothing() -> None:
    policy = load_policy("builtin:strict")

    assert not policy.places
    assert not policy.hosts_kept
    assert not policy.parameters


def test_a_policy_of_a_file_is_not_reviewed_unless_it_says_so(tmp_path: Path) -> None:
    assert load_policy(policy_file(tmp_path, KEEP)).reviewed_by == ""


def test_the_hash_follows_content_and_not_layout(tmp_path: Path) -> None:
    one = load_policy(policy_file(tmp_path, KEEP)).hash
    spaced = load_policy(policy_file(tmp_path, "# a comment\n" + KEEP.replace("\n", "\n\n"))).hash
    other = load_policy(policy_file(tmp_path, KEEP.replace("3digits", "4digits"))).hash

    assert one == spaced
    assert one != other


def test_the_templates_hash_follows_what_decides_about_routes(tmp_path: Path) -> None:
    one = load_policy(policy_file(tmp_path, KEEP)).templates
    query = load_policy(policy_file(tmp_path, KEEP.replace('"thing",', '"thin",'))).templates
    guarded = load_policy(policy_file(tmp_path, KEEP.replace("3digits", "4digits"))).templates

    assert one == query
    assert one != guarded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", r"shop.toml: .*unknown field `colour`"),
        ("[keep.a]\nguard = 'int<=3digits'\nwhere = ['x']", r"unknown field `where` - at `\$.keep"),
        ("[keep.a]\nguard = 'anything'", r"keep.a.guard: 'anything' is no guard. Use one of int<=Ndigits"),
        ("[keep.a]\nguard = 'enum'\nquery = ['x']", r"keep.a.values: is missing"),
        ("[keep.a]\nguard = 'slug'\npath = ['x']", r"keep.a.path: no route template has a \{x\}"),
        ("[keep.a]\nguard = 'slug'\nquery = ['csrf_token']", r"keep.a.query: 'csrf_token' is a secret's name"),
        ("[keep.a]\nguard = 'slug'\njson = ['/**/passWord']", r"keep.a.json: 'passWord' is a secret's name"),
        ("[keep.a]\nguard = 'slug'\nheader = ['X-Api-Key']", r"keep.a.header: 'x-api-key' is a secret's name"),
        (
            "[[routes]]\ntemplate='/r/{reset_token}'\n[keep.a]\nguard='slug'\npath=['reset_token']",
            r"keep.a.path: 'reset_token' is a secret's name",
        ),
        ("[keep.a]\nguard = 'slug'\njson = ['/password/value']", r"keep.a.json: 'password' is a secret's name"),
        ("[names]\nsecret=['voucher']\n[keep.a]\nguard = 'slug'\nform = ['voucher_code']", r"is a secret's name"),
        ("[keep.a]\nguard = 'slug'\njson = ['x']", r"keep.a.json: 'x' is no pointer"),
        ("[keep.a]\nguard = 'slug'\nquery = ['GET x']", r"keep.a.query: 'GET x' is no place"),
        ("[[routes]]\ntemplate = 'users/{id}'", r"routes: 'users/\{id\}' is no template"),
        ("[[drop]]\nwhere = 'air'\nname = 'x'", r"drop.where: 'air' is no place"),
        ("= 3", r"is no TOML"),
    ],
)
def test_a_wrong_policy_names_file_key_and_cure(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        load_policy(policy_file(tmp_path, text))


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    path.write_text("version = 2")

    with pytest.raises(ReplayError, match="version 2, this version reads 1"):
        load_policy(str(path))


@pytest.mark.parametrize("name", ["builtin:other", "/nowhere/shop.toml"])
def test_a_missing_policy_says_what_there_is(name: str) -> None:
    with pytest.raises(ReplayError, match="builtin:strict"):
        load_policy(name)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("int<=3digits", ["0", "-7", "999"], ["1000", "1.0", "", "1e3", "७"]),
        ("enum", ["red"], ["Red", "green", ""]),
        ("words", ["red", "Red blue", ""], ["red green"]),
        ("bool", ["true", "0", "No"], ["maybe"]),
        ("slug", ["floor-lamps"], ["Floor", "a b", "a" * 30]),
        ("code", ["LAM-0001"], ["LAM-00001", "lam-1"]),
        ("iso4217", ["EUR"], ["EURO"]),
        ("uuid", ["6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21"], ["6f1c9d52"]),
    ],
)
def test_a_guard_accepts_its_type_alone(name: str, inside: list[str], outside: list[str]) -> None:
    accepts = guard(name, ["red", "blue"])

    assert accepts is not None
    assert all(map(accepts, inside))
    assert not any(map(accepts, outside))


@pytest.mark.parametrize(
    ("glob", "pointer", "expected"),
    [
        ("/a", "/a", True),
        ("/a", "/b", False),
        ("/items/*/sku", "/items/0/sku", True),
        ("/items/*/sku", "/items/0/1/sku", False),
        ("/**/sku", "/sku", True),
        ("/**/sku", "/a/0/b/sku", True),
        ("/**/sku", "/a/sku/b", False),
        ("/**", "/a/b", True),
        ("/a/**", "/a/b/0/c", True),
        ("/a/**", "/b", False),
        ("/list/1", "/list/1", True),
        ("/list/1", "/list/2", False),
        ("/a/**/b/*", "/a/x/b/0", True),
    ],
)
def test_a_pointer_glob_matches_as_written(glob: str, pointer: str, expected: bool) -> None:
    place = Place("json", "", glob.rpartition("/")[2], tuple(glob[1:].split("/")), "keep.x", None)
    walk = sanitizer()._walk

    assert (Scopes(walk, (place,)).at("GET /", tuple(pointer[1:].split("/"))).rule is place) is expected


def test_the_policy_in_the_documentation_loads(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sanitising.md").read_text()
    path = tmp_path / "documented.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])

    policy = load_policy(str(path))

    assert set(policy.domains) == {"product_id", "sorting"}
    assert all(name in page for name in GUARDS)


@pytest.mark.parametrize("outer", ["password", "client_secret"])
def test_a_rule_keeps_nothing_inside_a_secret(tmp_path: Path, outer: str) -> None:
    rules = "[keep.a]\nguard = 'slug'\njson = ['/**/value']"
    mine = sanitizer(policy_file(tmp_path, rules))
    stored = answer(json.dumps({outer: {"value": "wombat"}, "price": {"value": "wombat"}}).encode(), by=mine)

    assert [inner["value"] == "wombat" for inner in json.loads(stored).values()] == [False, True]


@pytest.mark.parametrize(
    "inside", ['{"value": "wombat"}', "https://shop.example/things?value=wombat", "eyJ2YWx1ZSI6ICJ3b21iYXQifQ=="]
)
def test_a_rule_keeps_nothing_inside_a_text_that_is_a_secret(tmp_path: Path, inside: str) -> None:
    rules = "[keep.a]\nguard = 'slug'\njson = ['/**/value']\nquery = ['value']"
    kept = answer(json.dumps({"note": inside}).encode(), by=sanitizer(policy_file(tmp_path, rules)))
    for order in (["password", "note"], ["note", "password"], ["token", "note", "token"]):
        mine = sanitizer(policy_file(tmp_path, rules))
        for name in order:
            stored = answer(json.dumps({name: inside}).encode(), by=mine)
            assert (stored == kept) is (name == "note")


@pytest.mark.parametrize("inside", ['{"value": "wombat"}', "/things?value=wombat", "eyJ2YWx1ZSI6ICJ3b21iYXQifQ=="])
@pytest.mark.parametrize("order", ["/orders /users /orders", "/users /orders /users"])
def test_a_rule_of_one_route_speaks_there_alone_whatever_came_before(tmp_path: Path, inside: str, order: str) -> None:
    rules = "[keep.a]\nguard = 'slug'\njson = ['GET /orders /**/value']\nquery = ['GET /orders value']"
    mine = sanitizer(policy_file(tmp_path, rules))
    body = json.dumps({"note": inside}).encode()
    alone = {
        path: cleaned(path, by=sanitizer(policy_file(tmp_path, rules)), answer=body) for path in set(order.split())
    }

    assert alone["/orders"].response != alone["/users"].response
    for path in order.split():
        assert cleaned(path, by=mine, answer=body).response == alone[path].response
