"""The rules file: written, read back, and refused with the line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from replay.errors import InputError, ReplayError
from replay.plan.links.detect import detect
from replay.plan.links.rulefile import check_against, read_rules, to_toml
from replay.plan.links.rules import Cookie, Fresh, Link, Login, Rules
from replay.sanitize.policy import load_policy
from tests.services.recorded import SERVICES, recorded, sanitised

RULES = Rules(
    link=[
        Link("POST /orders", "json/id", ["GET /orders/{int}", "POST /pay"], "path/2", 0.98, "12 of 12 requests"),
        Link("GET /login", 'html/input/a"b', ["POST /login"], "form/csrf"),
    ],
    cookie=[Cookie("sid", ["GET /login"], "sent 3 times")],
    fresh=[Fresh(["POST /orders"], "header/idempotency-key", "uuid", 0.9, "named as a key")],
    login=[
        Login(["POST /login"], {"form/user[email]": "e-mail", "header/authorization|base64": "user:pass"}, "12 of")
    ],
)
HEAD = 'format = "rules/1"\n\n[[link]]\n'
LOGIN = 'format = "rules/1"\n\n[[login]]\nto = ["POST /login"]\n'
LINK = 'from = "POST /a"\nat = "json/id"\nto = ["GET /a/{int}"]\ninto = "path/2"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_rules_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, to_toml(RULES))) == RULES


def test_what_is_doubtful_is_applied_once_its_marks_are_taken_out(tmp_path: Path) -> None:
    doubtful = Fresh(["GET /a", "POST /a"], "query/nonce", "random", 0.4, "seldom")
    text = to_toml(Rules(doubtful=[doubtful]))
    bare = text.replace("\n# [[fresh]]", "\n[[fresh]]").replace("\n# to", "\nto").replace("\n# ]", "\n]")
    for start in ("    ", "into", "sort", "confidence", "evidence"):
        bare = bare.replace(f"\n# {start}", f"\n{start}")

    assert read_rules(written(tmp_path, text)) == Rules()
    assert read_rules(written(tmp_path, bare)) == Rules(fresh=[doubtful])


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_rule_that_is_found_can_be_read_back_and_fulfilled(tmp_path: Path, service: type) -> None:
    exchanges = list(sanitised(recorded(service, 6), load_policy("builtin:strict")))
    rules = detect(exchanges)
    path = written(tmp_path, to_toml(rules))

    assert read_rules(path) == msgspec.structs.replace(rules, doubtful=[])
    check_against(path, rules, {each.route for each in exchanges})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + LINK.replace("json/id", "jsn/id"), r"line 5: 'jsn/id' is no place of an answer\. A place reads like"),
        (HEAD + LINK.replace("path/2", "set-cookie/a"), r"line 7: 'set-cookie/a' is no place of a request"),
        (HEAD + LINK.replace('at = "json/id"\n', ""), r"line 3: \[\[link\]\] has no 'at'"),
        (HEAD + LINK + "speed = 1\n", r"line 8: \[\[link\]\] knows no 'speed'"),
        (HEAD + LINK.replace('["GET /a/{int}"]', '"GET /a"'), r"line 6: 'to' is a list"),
        (HEAD + "from = \n", r"is no TOML"),
        (HEAD.replace("link", "lnk"), r"line 3: 'lnk' is unknown\. Known are \[\[link\]\]"),
        (LOGIN + 'fields = "user"\n', r"line 5: 'fields' says which place takes which column"),
        (LOGIN + 'fields = { "set-cookie/a" = "user" }\n', r"line 5: 'set-cookie/a' is no place of a request"),
        (LOGIN + 'fields = { "form/user" = 7 }\n', r"line 5: form/user: takes the name of a column"),
        (LOGIN, r"line 3: \[\[login\]\] has no 'fields'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        read_rules(written(tmp_path, text))


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='format is not "rules/1"'):
        read_rules(written(tmp_path, 'format = "rules/9"\n'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINK, r"line 4: no producer: the capture has no route 'POST /a'\. Did you mean 'POST /b'\?"),
        (LINK.replace("POST /a", "POST /b").replace("GET /a/", "GET /z/"), r"line 6: the capture has no route"),
        (LINK.replace("POST /a", "GET /a/{int}"), r"line 4: a cycle: 'GET /a/\{int\}' needs path/2"),
    ],
)
def test_rules_that_the_capture_cannot_fulfil_are_refused_with_their_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, HEAD + text)

    with pytest.raises(ReplayError, match=message):
        check_against(path, read_rules(path), {"POST /b", "GET /a/{int}"})


def test_a_route_that_gives_itself_a_cursor_is_no_cycle(tmp_path: Path) -> None:
    text = HEAD + 'from = "GET /a"\nat = "json/next"\nto = ["GET /a"]\ninto = "query/cursor"\n'
    path = written(tmp_path, text)

    check_against(path, read_rules(path), {"GET /a"})
