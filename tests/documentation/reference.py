"""The reference pages of the site, made from the code: command line, settings, records, their schemas, samples."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, get_type_hints

import msgspec
import typer.main
from msgspec.structs import FieldInfo, fields

from analysis import gate_file
from analysis.verdict import Verdict
from replay import exchange, samples
from replay.capture.manifest import CaptureManifest, Origin, SegmentEntry
from replay.cli import run_settings
from replay.cli.main import application
from replay.plan import pools
from replay.plan.links import rules
from replay.plan.store import PlanManifest
from replay.runs import RunManifest, Target, Tick
from replay.sanitize import policy

_HEAD = "<!-- Made from the code by tests/documentation; pytest --update-golden writes it. -->\n\n"
_COLUMN = re.compile(r'^ {8}\("(\w+)", (.+?)\),(?:  # (.*))?$', re.MULTILINE)
_GOES_ON = re.compile(r"[ \\]*\n\s*(?!replay )")
_MARKUP = re.compile(r"\[/?bold\]")
_SHELL = """\
Results go to stdout, progress and problems to stderr; `replay -q VERB` says no progress, and `NO_COLOR=1` takes the
colours away. `replay --install-completion` completes verbs and options in bash, zsh and fish. For programs, `--json`
prints what `plan`, `run --dry-run`, `pseudonymise`, `audit`, `gate`, `history`, `baselines` and `inspect` tell;
`replay inspect` tells any capture, plan, run or report, and `replay cat` the records of the first three.
"""
SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "exchange": exchange.Exchange,
    "capture-manifest": CaptureManifest,
    "plan-manifest": PlanManifest,
    "run-manifest": RunManifest,
    "verdict": Verdict,
}


def made() -> dict[str, str]:
    """Path under ``docs/reference`` → content."""
    found = {"cli.md": command_line(), "settings.md": settings(), "records.md": records()}
    for name, record in SCHEMAS.items():
        found[f"schemas/{name}.json"] = json.dumps(msgspec.json.schema(record), indent=1, ensure_ascii=False) + "\n"
    return found


def command_line() -> str:
    """Every verb with its arguments and options."""
    group: Any = typer.main.get_command(application())
    text = [_HEAD, "# Command line\n\n`replay VERB --help` says the same. Exit codes are in [architecture]"]
    text.append("(../architecture.md#exit-codes).\n\n" + _SHELL)
    for name, command in _commands(group, "replay"):
        text += [f"\n## {name}\n", "\n", _told(command.help or ""), "\n", *_parameters(command)]
    return "".join(text)


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _told(text: str) -> str:
    """A help text; its examples, which are indented, become blocks."""
    paragraphs = [_MARKUP.sub("**", part) for part in inspect.cleandoc(text).split("\n\n")]
    shown = []
    for part in paragraphs:
        is_command = part.lstrip().startswith("replay ")
        shown.append(f"```\n{_GOES_ON.sub(' ', inspect.cleandoc(part))}\n```" if is_command else part)
    return "\n\n".join(shown) + "\n"


def _parameters(command: Any) -> Iterator[str]:
    rows = []
    for each in command.params:
        if each.name == "help":
            continue
        is_option = each.param_type_name == "option"
        names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts)) if is_option else ""
        default = each.default if not callable(each.default) else None
        shown = "" if default in (None, "", False, [], ()) else f"`{default}`"
        rows.append([names or f"`{each.metavar or each.name.upper()}`", shown, getattr(each, "help", None) or ""])
    if rows:
        yield _table(("argument or option", "default", "what it says"), rows)


def settings() -> str:
    """The files that people write, key by key."""
    gate = [each for each in vars(gate_file).values() if _is_table(each)]
    parts = [
        _HEAD,
        "# Settings\n\nThe files that people write. An unknown key is an error in each.\n",
        "\n## gate.toml\n\nWhat is gated, and by which margins ([the verdict](../verdict.md#gatetoml)).\n",
        *(_record(each, each.__name__) for each in gate),
        "\n## replay.toml\n\nWhere load may go ([safety](../replay.md#safety)).\n",
        _record(run_settings.Safety, "[safety]"),
        "\n## The policy\n\nWhat may stay as it is ([sanitising](../sanitising.md#policy)).\n",
        _record(policy._File, "policy.toml"),
        _record(policy._Hosts, "[hosts]"),
        _record(policy._Names, "[names]"),
        _record(policy._Route, "[[routes]]"),
        _record(policy._Keep, "[keep.NAME]"),
        _record(policy._Drop, "[[drop]]"),
        "\n## Rules of living sessions\n\nWhat answers issue and requests carry ([sessions](../sessions.md)).\n",
        *(_record(each, each.__name__) for each in (rules.Rules, rules.Link, rules.Cookie, rules.Fresh, rules.Login)),
        "\n## pools.toml\n\nRows of staging's data ([data](../data.md#pools)).\n",
        _record(pools._File, "pools.toml"),
        _record(pools._Pool, "[[pool]]"),
    ]
    return "".join(parts)


def _is_table(each: object) -> bool:
    return inspect.isclass(each) and issubclass(each, gate_file._Table) and each is not gate_file._Table


def records() -> str:
    """What the files of a capture, a plan, a run and a verdict hold."""
    parts = [_HEAD, "# Records\n\nWhat the artefacts hold; which file holds what is in "]
    parts.append("[architecture](../architecture.md#records-one-a-stage). As JSON Schema: ")
    parts.append(", ".join(f"[{name}](schemas/{name}.json)" for name in SCHEMAS) + ".\n")
    columns = [list(found) for found in _COLUMN.findall(Path(samples.__file__).read_text("utf-8"))]
    assert [column[0] for column in columns] == samples.SCHEMA.names
    parts += ["\n## Samples\n\n", _plain(samples.__doc__ or ""), "\n"]
    shown = [[f"`{name}`", f"`{_arrow(name)}`", told] for name, _, told in columns]
    parts.append(_table(("column", "type", "what it says"), shown))
    parts.append("\n## An exchange, a line of a capture\n")
    parts += [_record(each, each.__name__) for each in (exchange.Exchange, exchange.Request, exchange.Response)]
    parts.append(_record(exchange.Sealed, "Sealed"))
    parts.append("\n## Manifests\n")
    for each in (CaptureManifest, Origin, SegmentEntry, PlanManifest, RunManifest, Target, Tick):
        parts.append(_record(each, each.__name__))
    return "".join(parts)


def _arrow(name: str) -> str:
    return str(samples.SCHEMA.field(name).type).replace("dictionary<values=string, indices=int32, ordered=0>", "text")


def _record(record: type[msgspec.Struct], name: str) -> str:
    told = _docs(record)
    types = get_type_hints(record, include_extras=False)
    rows = [
        [f"`{each.encode_name}`", _type(types[each.name]), _default(each), told.get(each.name, "")]
        for each in fields(record)
    ]
    doc = record.__doc__
    lead = _plain(doc) + "\n" if doc and not doc.startswith(record.__name__) else ""
    return f"\n### {name}\n\n{lead}" + _table(("field", "type", "default", "what it says"), rows)


def _docs(record: type[msgspec.Struct]) -> dict[str, str]:
    """The text under each field of a record, in its source."""
    found: dict[str, str] = {}
    for parent in reversed(record.__mro__):
        if not issubclass(parent, msgspec.Struct) or parent is msgspec.Struct:
            continue
        (body,) = ast.parse(dedent(inspect.getsource(parent))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(field.target, ast.Name):
                found[field.target.id] = _plain(ast.literal_eval(text.value)).strip()
    return found


def _type(of: object) -> str:
    text = str(of.__name__ if inspect.isclass(of) and not hasattr(of, "__origin__") else getattr(of, "__value__", of))
    text = re.sub(r"\b[a-z_]+(?:\.[a-z_]+)*\.(?=[A-Z_])", "", text).replace("_", "")
    return f"`{text}`".replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.required:
        return "required"
    default = field.default
    if default is msgspec.NODEFAULT:
        return ""
    return "" if default in ("", None) or isinstance(default, msgspec.Struct) else f"`{default}`"


def _plain(text: str) -> str:
    return inspect.cleandoc(text).replace("``", "`") + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    line: Callable[[Sequence[str]], str] = lambda cells: "| " + " | ".join(" ".join(c.split()) for c in cells) + " |"  # noqa: E731
    return "\n" + "\n".join(map(line, lines)) + "\n"
