"""The import rule of docs/architecture.md, as a program."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(p for package in ("replay", "loadtests", "analysis") for p in (ROOT / package).rglob("*.py"))


@cache
def imports(path: Path, *, of_types: bool = True) -> frozenset[str]:
    """Every module that the file imports anywhere; without ``of_types`` not those for its annotations alone."""
    return _imported(_nodes(ast.parse(path.read_text()), of_types))


def top_level_imports(path: Path) -> frozenset[str]:
    """The modules that are imported when the file is imported."""
    return _imported(ast.parse(path.read_text()).body)


def _nodes(tree: ast.AST, of_types: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if of_types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _nodes(node, of_types)


def _imported(nodes: Iterable[ast.AST]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return frozenset(found)


def forbidden(path: Path) -> set[str]:
    """The top-level names that the module may not import."""
    where = path.relative_to(ROOT)
    inside = where.as_posix()
    banned = {"mitmproxy", "locust", "gevent", "flask", "analysis", "loadtests", "pandas", "scipy", "altair"}
    if inside.startswith("analysis/"):
        return {"replay", "loadtests", "mitmproxy", "locust", "gevent", "flask"}
    if inside.startswith("loadtests/engine/"):
        return banned - {"loadtests"}
    if inside.startswith("loadtests/"):
        return banned - {"loadtests", "locust", "gevent", "flask"}
    if inside == "replay/capture/addon.py" or inside.startswith("replay/formats/"):
        return banned - {"mitmproxy"}
    if inside.startswith("replay/demo/"):
        return banned - {"gevent", "flask"}
    if inside.startswith("replay/cli/"):
        return banned - {"analysis", "pandas", "flask"}
    return banned


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    used = {name.partition(".")[0] for name in imports(path)}

    assert not used & forbidden(path)


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
    }
    graph = {name: imports(path, of_types=False) & names.keys() - {name} for name, path in names.items()}

    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # raises CycleError, with the circle


@pytest.mark.parametrize("path", sorted((ROOT / "replay" / "cli").glob("*.py")), ids=lambda path: path.name)
def test_a_verb_reaches_analysis_only_inside_its_function(path: Path) -> None:
    assert not {name for name in top_level_imports(path) if name.partition(".")[0] in {"analysis", "pandas"}}


def test_the_command_line_loads_nothing_heavy_before_a_verb_is_called() -> None:
    # Beside half a second of start-up: pyarrow's TLS writes a file where SSLKEYLOGFILE is set, also beside a capture.
    heavy = "{'numpy', 'pyarrow', 'pandas', 'scipy', 'mitmproxy', 'locust', 'cryptography'}"
    program = f"import sys, replay.cli.main; print(sorted({heavy} & sys.modules.keys()))"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert said.stdout == "[]\n"


@pytest.mark.parametrize("path", sorted((ROOT / "replay" / "audit").glob("*.py")), ids=lambda path: path.name)
def test_the_auditor_shares_no_module_with_the_sanitiser(path: Path) -> None:
    ours = {name for name in imports(path) if name.startswith("replay")}

    assert {name for name in ours if not name.startswith(("replay.audit", "replay.errors"))} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "replay" / "sanitize").glob("*.py")), ids=lambda path: path.name)
def test_the_sanitiser_does_not_know_its_auditor(path: Path) -> None:
    assert not {name for name in imports(path) if name.startswith("replay.audit")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_is_named_like_one_of_the_standard_library(path: Path) -> None:
    if path.name not in {"__init__.py", "__main__.py"}:
        assert path.stem not in sys.stdlib_module_names
