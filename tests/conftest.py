"""What all tests share: golden files, and property tests that no busy machine can fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and a console that is made under it keeps that width for good
os.environ.pop("PYTHONUNBUFFERED", None)  # what processes print stays in their buffers, as at anybody's shell


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between reports is kept for this session alone."""
    usual = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")
    yield
    os.environ.pop("XDG_CACHE_HOME")
    if usual is not None:
        os.environ["XDG_CACHE_HOME"] = usual


settings.register_profile("steady", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("steady")


LONGEST_FIRST = (
    "tests/end_to_end/test_faults.py",
    "tests/end_to_end/test_tutorial.py",
    "tests/end_to_end/test_whole_way.py",
    "tests/leak/",
    "tests/hosts/test_hosts_end_to_end.py",
    "tests/end_to_end/",
    "tests/cli/test_run.py",
    "tests/demo/test_demo",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that no process is left with one of them at the end."""

    def place(item: pytest.Item) -> int:
        return next((n for n, part in enumerate(LONGEST_FIRST) if item.nodeid.startswith(part)), len(LONGEST_FIRST))

    items.sort(key=place)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a golden file, or writes the file with --update-golden."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; run pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return check
