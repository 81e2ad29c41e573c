"""``rules.toml``: written for people, read back with the line of whatever is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from replay.errors import InputError, ReplayError
from replay.plan.links.places import is_answer_place, is_request_place
from replay.plan.links.rules import RULES_FORMAT, Fresh, Rules

SORTS = ("uuid", "random", "time", "unique", "same")
_HEAD = """\
# Values that one answer issues and later requests carry, as a capture showed them. Edit at will: a rule that is taken
# out leaves the recorded value where it stands, and confidence and evidence are for you alone.
# Places are explained in docs/sessions.md; replay plan --rules FILE reads this back.
"""
_DOUBTFUL = """
# What follows the client may have made up, or it names what exists. Take out the marks where it must be made anew."""
_MEMBERS = {
    "link": ("from", "at", "to", "into"),
    "cookie": ("name",),
    "fresh": ("to", "into", "sort"),
    "login": ("to", "fields"),
}
"""What the tables of each kind must have."""
_COLUMNS = re.compile(r"[^:\n]+(?::[^:\n]+)*")
_TABLE = re.compile(r"\s*\[\[(\w+)\]\]\s*(?:#.*)?$")
_MEMBER = re.compile(r"\s*\"?(\w+)\"?\s*=")


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the tables of a file and their members stand."""

    path: Path
    at: dict[tuple[str, int, str], int]

    def error(self, table: str, number: int, member: str, what: str) -> ReplayError:
        """An error that names the line."""
        line = self.at.get((table, number, member)) or self.at.get((table, number, ""), 1)
        return ReplayError(f"{self.path}, line {line}: {what}")


def to_toml(rules: Rules) -> str:
    """The text of a rules file."""
    lines = [_HEAD, f'format = "{rules.format}"']
    for link in rules.link:
        lines.append("\n[[link]]")
        lines += [f"from = {_text(link.from_)}", f"at = {_text(link.read)}"]
        lines += [f"to = {_texts(link.to)}", f"into = {_text(link.written)}"]
        lines += [f"confidence = {link.confidence}", f"evidence = {_text(link.evidence)}"]
    for cookie in rules.cookie:
        lines += ["\n[[cookie]]", f"name = {_text(cookie.name)}", f"from = {_texts(cookie.from_)}"]
        lines += [f"evidence = {_text(cookie.evidence)}"]
    for fresh in rules.fresh:
        lines += ["", *_fresh_lines(fresh)]
    for login in rules.login:
        fields = ", ".join(f"{_text(place)} = {_text(column)}" for place, column in login.fields.items())
        lines += ["\n[[login]]", f"to = {_texts(login.to)}", f"fields = {{ {fields} }}"]
        lines += [f"evidence = {_text(login.evidence)}"]
    if rules.doubtful:
        lines.append(_DOUBTFUL)
    for fresh in rules.doubtful:
        lines += ["", *(f"# {line}" for piece in _fresh_lines(fresh) for line in piece.splitlines())]
    return "\n".join(lines) + "\n"


def _fresh_lines(fresh: Fresh) -> list[str]:
    return [
        "[[fresh]]",
        f"to = {_texts(fresh.to)}",
        f"into = {_text(fresh.written)}",
        f"sort = {_text(fresh.sort)}",
        f"confidence = {fresh.confidence}",
        f"evidence = {_text(fresh.evidence)}",
    ]


def read_rules(path: Path) -> Rules:
    """The rules in a file.

    Raises:
        InputError: there is no such file, or it is of another version.
        ReplayError: it is no TOML, a member is missing or unknown, or a place is none; with the line.
    """
    try:
        text = path.read_text()
        document = tomllib.loads(text)
    except OSError:
        raise InputError(f"{path}: cannot be read. Every plan holds one, rules.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: is no TOML ({error}). Correct that place.") from None
    if document.get("format") != RULES_FORMAT:
        raise InputError(f'{path}: its format is not "{RULES_FORMAT}". Write the file again with this version.')
    lines = _lines(path, text)
    for name in document:
        if name != "format" and name not in _MEMBERS:
            line = lines.at.get((name, 0, ""), lines.at.get(("", 0, name), 1))
            tables = ", ".join(f"[[{table}]]" for table in _MEMBERS)
            raise ReplayError(f"{path}, line {line}: '{name}' is unknown. Known are {tables}.")
    for table in _MEMBERS:
        for number, entry in enumerate(document.get(table, [])):
            _check_shape(lines, table, number, entry)
            if table == "link":
                _check_place(lines, table, number, "at", entry["at"], is_answer=True)
            if table == "login":
                _check_fields(lines, number, entry["fields"])
            if table in {"link", "fresh"}:
                _check_place(lines, table, number, "into", entry["into"], is_answer=False)
            if table == "fresh" and entry["sort"] not in SORTS:
                what = f"sort '{entry['sort']}' is unknown. Use one of {', '.join(SORTS)}."
                raise lines.error(table, number, "sort", what)
    try:
        return msgspec.convert(document, Rules)
    except msgspec.ValidationError as error:
        raise ReplayError(f"{path}: {error}. Compare with docs/sessions.md.") from None


def check_against(path: Path, rules: Rules, routes: Collection[str]) -> None:
    """Refuse rules that the captured routes cannot fulfil.

    Raises:
        ReplayError: a rule names a route that the capture does not have, or only what needs a value can issue it.
    """
    lines = _lines(path, path.read_text())
    for number, link in enumerate(rules.link):
        if link.from_ not in routes:
            what = f"no producer: the capture has no route '{link.from_}'. {_nearest(link.from_, routes)}"
            raise lines.error("link", number, "from", what)
        for route in link.to:
            if route not in routes:
                what = f"the capture has no route '{route}'. {_nearest(route, routes)}"
                raise lines.error("link", number, "to", what)
    named = [("fresh", n, fresh.to) for n, fresh in enumerate(rules.fresh)]
    named += [("login", n, login.to) for n, login in enumerate(rules.login)]
    for table, number, to in named:
        for route in to:
            if route not in routes:
                what = f"the capture has no route '{route}'. {_nearest(route, routes)}"
                raise lines.error(table, number, "to", what)
    first = _first_on_a_cycle(rules)
    if first is not None:
        link = rules.link[first]
        what = (
            f"a cycle: '{link.to[0]}' needs {link.written} before it can be sent, and only answers to itself, or to "
            "what waits for it, issue that. Name the route that issues it first."
        )
        raise lines.error("link", first, "from", what)


def _first_on_a_cycle(rules: Rules) -> int | None:
    """The first link whose consumer can never be sent: a segment of a path is in every request of its route."""
    needed: dict[tuple[str, str], list[str]] = {}
    for link in rules.link:
        if link.written.startswith("path/"):
            for route in link.to:
                needed.setdefault((route, link.written), []).append(link.from_)
    blocked = {route for route, _ in needed}
    is_changed = True
    while is_changed:
        free = {
            route
            for route in blocked
            if all(any(f not in blocked for f in froms) for (to, _), froms in needed.items() if to == route)
        }
        is_changed = bool(free)
        blocked -= free
    for number, link in enumerate(rules.link):
        if link.written.startswith("path/") and link.from_ in blocked and blocked & set(link.to):
            return number
    return None


def _check_shape(lines: _Lines, table: str, number: int, entry: object) -> None:
    needed = _MEMBERS[table]
    known = {*needed, "confidence", "evidence", "from"}
    if not isinstance(entry, dict):
        raise lines.error(table, number, "", f"[[{table}]] is no table. Write its members below it.")
    for member in needed:
        if member not in entry:
            raise lines.error(table, number, "", f"[[{table}]] has no '{member}'. Add it.")
    for member in entry:
        if member not in known:
            raise lines.error(
                table, number, member, f"[[{table}]] knows no '{member}'. Known are {', '.join(known)}."
            )
    to = entry.get("to", [])
    if not isinstance(to, list) or not all(isinstance(route, str) for route in to):
        raise lines.error(table, number, "to", "'to' is a list of routes. Put them into [ ].")


def _check_place(lines: _Lines, table: str, number: int, member: str, place: object, *, is_answer: bool) -> None:
    is_place = is_answer_place if is_answer else is_request_place
    if isinstance(place, str) and is_place(place):
        return
    hint = "json/id, header/location|url/path/2 or html/input/csrf" if is_answer else "path/2, query/id or json/id"
    what = f"'{place}' is no place of {'an answer' if is_answer else 'a request'}. A place reads like {hint}."
    raise lines.error(table, number, member, what)


def _check_fields(lines: _Lines, number: int, fields: object) -> None:
    if not isinstance(fields, dict) or not fields:
        what = '\'fields\' says which place takes which column, as { "form/user" = "user" }.'
        raise lines.error("login", number, "fields", what)
    for place, column in fields.items():
        _check_place(lines, "login", number, "fields", place, is_answer=False)
        if not isinstance(column, str) or not _COLUMNS.fullmatch(column):
            what = f"{place}: takes the name of a column, or those of two joined by a colon."
            raise lines.error("login", number, "fields", what)


def _lines(path: Path, text: str) -> _Lines:
    at: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    table, number = "", 0
    for line_number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = found[1]
            number = counts.get(table, 0)
            counts[table] = number + 1
            at[table, number, ""] = line_number
        elif found := _MEMBER.match(line):
            at.setdefault((table, number, found[1]), line_number)
    return _Lines(path, at)


def _nearest(route: str, routes: Collection[str]) -> str:
    import difflib

    close = difflib.get_close_matches(route, sorted(routes), 1, 0.5)
    return f"Did you mean '{close[0]}'?" if close else "See replay inspect for its routes."


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _texts(texts: list[str]) -> str:
    if len(texts) < 2:
        return f"[{', '.join(map(_text, texts))}]"
    return "[\n" + "".join(f"    {_text(text)},\n" for text in texts) + "]"
